"""The write path of products with their stock: whatever a dialect's client edits, creates or removes.

Each edit is all or nothing, its catalogue part by the rules of catalog_planning, its stock by those of planning. All
stock of a set is one group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from storage import idempotency
from storage.changes import ItemKey, Origin, Policy
from storage.edit_decisions import Decide, Edited, ProductEdit, Removed
from storage.edit_outcomes import EditOutcome, Edits, EditsRejectedError
from storage.edit_run import EditRun
from storage.stored_products import Stored

__all__ = [
    "Decide",
    "EditOutcome",
    "Edited",
    "Edits",
    "EditsRejectedError",
    "ProductEdit",
    "Removed",
    "Stored",
    "edit",
    "remove",
]


async def edit(
    session: AsyncSession,
    edits: Sequence[ProductEdit],
    origin: Origin,
    *,
    policy: Policy = Policy.REJECT_ALL,
    idempotency_key: str | None = None,
    asked: str = "",
    known: Mapping[ItemKey, Stored] | None = None,
) -> Edits:
    """Edit, create and remove products, in order, with their stock: first all rows are written, then all stock, and
    removals last.

    Only what changes the catalogue waits for others who do. The number of statements does not depend on the number of
    edits. `asked` is what makes two requests with one idempotency key the same; `known` are products that were found in
    this transaction already.
    Refuses with: GROUP_REJECTED (as EditsRejectedError, with the outcomes), IDEMPOTENCY_KEY_REUSED,
    INVALID_IDEMPOTENCY_KEY.
    """
    if idempotency_key is not None:
        request = ("edit", origin.dialect, origin.reason, origin.note, origin.reference, policy, asked)
        if (answer := await idempotency.take(session, origin, idempotency_key, request)) is not None:
            return Edits.replay(answer)
    edited = await EditRun(session, edits, origin, policy, known or {}).result()
    if idempotency_key is not None:
        await idempotency.keep(session, origin, idempotency_key, edited.kept())
    return edited


async def remove(
    session: AsyncSession,
    items: Sequence[ItemKey],
    origin: Origin,
    *,
    permanently: bool,
    policy: Policy = Policy.REJECT_ALL,
    idempotency_key: str | None = None,
    asked: str = "",
) -> Edits:
    """Put products in the trash with their variations, or delete them for good; their stock and history stay.

    Refused are those that are not there (ITEM_NOT_FOUND) and, unless it is for good, those that are in the trash
    already (ITEM_IN_TRASH). Refuses as edit() does.
    """
    removed = Removed(permanently)
    edits = [ProductEdit(lambda _: removed, item, in_trash=True) for item in items]
    return await edit(session, edits, origin, policy=policy, idempotency_key=idempotency_key, asked=asked)
