"""The one route: read the count, call the one operation, render what it says."""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from gateway.body import read_json
from gateway.dialects.extra_headers import ExtraHeaders
from gateway.dialects.inventory_update import errors, responses
from gateway.dialects.inventory_update.credentials import writer
from gateway.dialects.inventory_update.requests import InventoryUpdate
from gateway.request_log import request_id_of
from storage import inventory, keys, products
from storage.changes import Applied, ChangeGroup, GroupRejectedError, Refused
from storage.database import Database
from storage.errors import ErrorCode
from storage.lines import Item

NAME: Final = "inventory-update"
_VERSION: Final = re.compile("[0-9]{1,18}")
_OTHER_VERSION: Final = Refused(ErrorCode.STALE_QUANTITY, "If-Match names no version of this stock level.")
_MISMATCH: Final = Refused(ErrorCode.ITEM_MISMATCH, "The two look-ups name different products.")


async def update(request: Request) -> Response:
    """POST /inventory: the count of one product at one store."""
    principal = writer(request)
    extra = ExtraHeaders.of(request.headers)
    update = InventoryUpdate.of(await read_json(request))
    if extra.expected is not None and not _VERSION.fullmatch(extra.expected):
        raise errors.failure(_OTHER_VERSION, update)
    database: Database = request.app.state.database
    if len(update.items) > 1 and (refused := await database.read(_differing, update)):
        raise errors.failure(refused, update)
    group = ChangeGroup(
        changes=[update.to_change(None if extra.expected is None else int(extra.expected))],
        origin=principal.origin(NAME, request_id=request_id_of(request.scope)),
        idempotency_key=extra.idempotency_key,
    )
    run = database.rehearse if extra.dry_run else database.transact
    try:
        applied, upc = await run(_apply, group)
    except GroupRejectedError as error:
        raise errors.failure(error.outcomes[0].error or Refused(error.code, error.message), update) from None
    return responses.updated(applied, update.store, upc, dry_run=extra.dry_run)


async def _differing(session: AsyncSession, update: InventoryUpdate) -> Refused | None:
    """Why two look-ups do not name one product. The write path takes one that names nothing for an addition."""
    found = await keys.resolve_items(session, update.items)
    named = [found[key] for key in update.items]
    unknown = [each for each in named if isinstance(each, Refused)]
    if ambiguous := [each for each in unknown if each.code is ErrorCode.ITEM_AMBIGUOUS]:
        return ambiguous[0]
    if len(unknown) == len(named):
        return unknown[0]
    return _MISMATCH if len({each.id for each in named if isinstance(each, Item)}) + len(unknown) > 1 else None


async def _apply(session: AsyncSession, group: ChangeGroup) -> tuple[Applied, str | None]:
    """Write the count, and look up the product's bar code for the answer."""
    applied = await inventory.apply(session, group)
    return applied, await products.gtin_text(session, applied.outcomes[0].product_id)
