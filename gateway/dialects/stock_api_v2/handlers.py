"""The one route: read a product, or change it and read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.body import read_json
from gateway.dialects.extra_headers import ExtraHeaders, changed_headers
from gateway.dialects.failures import FailedError
from gateway.dialects.stock_api_v2 import errors, responses
from gateway.dialects.stock_api_v2.credentials import caller_of
from gateway.dialects.stock_api_v2.decisions import Decision, StockLine, only_stock, stock_lines
from gateway.dialects.stock_api_v2.requests import Identifier, InventoryPatch
from gateway.request_log import request_id_of
from storage import keys, product_edits, product_views, stored_products
from storage.access import Scope
from storage.changes import ItemKey, Origin, Refused
from storage.database import Database
from storage.keys import ITEM_NOT_FOUND
from storage.product_edits import Edits, EditsRejectedError, ProductEdit, Stored
from storage.product_views import ProductView

NAME: Final = "stock-api/v2"
_AND: Final = "."  # between the two versions of an ETag
_PRIVATE: Final = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}


async def inventory(request: Request) -> Response:
    """GET, HEAD and PATCH of /{type}/{identifier}."""
    return await (_change(request) if request.method == "PATCH" else _read(request))


async def _read(request: Request) -> Response:
    caller_of(request, Scope.READ)
    product = Identifier.of(request)
    seen = await _database(request).read(_found, product)
    return _answer(request, seen.view, {**_PRIVATE, **changed_headers(etag=seen.version)})


async def _change(request: Request) -> Response:
    caller = caller_of(request, Scope.WRITE)
    product = Identifier.of(request)
    extra = ExtraHeaders.of(request.headers)
    patch = InventoryPatch.of(await read_json(request, with_nan=True))
    if caller.principal.credential.locations is not None and not patch.changes_stock_only:
        message = "This API key is limited to locations: it may change their stock, and nothing else."
        raise FailedError(403, "forbidden", message)
    change = _Change(
        product,
        patch,
        caller.principal.origin(NAME, reference=caller.user, request_id=request_id_of(request.scope)),
        extra,
        request.app.state.settings.tax_rate,
    )
    run = _database(request).rehearse if extra.dry_run else _database(request).transact
    edits, seen = await run(change.apply)
    headers = changed_headers(
        group_id=edits.group_id,
        replayed=edits.replayed,
        dry_run=extra.dry_run,
        etag=seen.version,
        ignored={field for outcome in edits.outcomes for field in outcome.ignored},
    )
    return _answer(request, seen.view, headers)


@dataclass(frozen=True, slots=True)
class _Change:
    """A PATCH, as one operation: all of it or none."""

    product: Identifier
    patch: InventoryPatch
    origin: Origin
    extra: ExtraHeaders
    default_rate: Decimal

    async def apply(self, session: AsyncSession) -> tuple[Edits, Seen]:
        """Write it, and read the product as it is then. Raises FailedError."""
        before = await _stored(session, self.product)
        places = await product_views.open_places(session) if self.patch.needs_places else ()
        lines = stock_lines(self.patch, places)
        try:
            edits = await product_edits.edit(
                session,
                self._edits(before, lines),
                self.origin,
                idempotency_key=self.extra.idempotency_key,
                asked=f"{self.patch.fingerprint(self.product)} {self.extra.expected}",
                known={ItemKey("id", before.id): before},
            )
        except EditsRejectedError as error:
            raise errors.edit_failure(error.outcomes, lines, self.product) from None
        return edits, await _seen(session, before.id)

    def _edits(self, before: Stored, lines: Sequence[StockLine]) -> list[ProductEdit]:
        """The product's own; and that of its parent, if that carries the stock of a variant."""
        shared, expected, of_parent = before.carrier == "parent", self.extra.expected, None
        if shared and expected is not None:
            expected, _, of_parent = expected.partition(_AND)
        own = Decision(self.patch, () if shared else lines, self.default_rate, datetime.now(UTC))
        edits = [ProductEdit(own, ItemKey("id", before.id), expected=expected)]
        if shared:
            edits.append(ProductEdit(only_stock(lines), ItemKey("id", before.values["parent_id"]), expected=of_parent))
        return edits


class Seen(NamedTuple):
    """A product, and its version: also that of its parent, if that carries the stock of a variant."""

    view: ProductView
    version: str


async def _found(session: AsyncSession, product: Identifier) -> Seen:
    """The product that the path names. Raises FailedError (404, 409)."""
    key = product.key
    item = ITEM_NOT_FOUND if key is None else (await keys.resolve_items(session, [key]))[key]
    if isinstance(item, Refused):
        raise errors.failure(item, product)
    return await _seen(session, item.id)


async def _stored(session: AsyncSession, product: Identifier) -> Stored:
    """The product that the path names, to be edited. Raises FailedError (404, 409)."""
    key = product.key
    stored = ITEM_NOT_FOUND if key is None else (await stored_products.find(session, [key]))[key]
    if isinstance(stored, Refused) or stored.in_trash:
        raise errors.failure(stored if isinstance(stored, Refused) else ITEM_NOT_FOUND, product)
    return stored


async def _seen(session: AsyncSession, product_id: int) -> Seen:
    [view] = await product_views.by_ids(session, [product_id])
    if view.carrier != "parent" or view.parent_id is None:
        return Seen(view, view.version)
    [parent] = await product_views.by_ids(session, [view.parent_id])
    return Seen(view, f"{view.version}{_AND}{parent.version}")


def _answer(request: Request, view: ProductView, headers: dict[str, str]) -> Response:
    return JSONResponse(responses.resource(view, request.app.state.settings.tax_rate), headers=headers)


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database
