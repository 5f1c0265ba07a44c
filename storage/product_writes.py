"""Write operations on products and variations. What fits a product is said in catalog_planning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import catalog, change_feed, keys, ownership
from storage.catalog import Row
from storage.catalog_lock import hold
from storage.change_feed import Kind
from storage.changes import FieldOwnedError, GroupRejectedError, ItemKey, Origin, Outcome, Refused
from storage.errors import InventoryError
from storage.json_rows import among, json_text
from storage.source_rules import OwnedField, bound_by
from storage.tables import Product
from storage.upsert import table_of

_product: Final = table_of(Product)


async def upsert(session: AsyncSession, rows: Sequence[Mapping[str, Any]], origin: Origin) -> dict[str, Row]:
    """Create or update products, found by id, else by SKU; variations may stand inside them. The rows are by their
    places in the document.

    Raises CatalogError with everything that is wrong; then nothing was written.
    """
    return await catalog.write_rows(session, {"products": [dict(row) for row in rows]}, origin)


async def upsert_variations(
    session: AsyncSession, parent: ItemKey, rows: Sequence[Mapping[str, Any]], origin: Origin
) -> dict[str, Row]:
    """Create or update variations of one product.

    Raises CatalogError with everything that is wrong; then nothing was written. Refuses with: ITEM_NOT_FOUND.
    """
    found = (await keys.resolve_items(session, {parent}))[parent]
    if isinstance(found, Refused):
        raise InventoryError(found.code, found.message, "product")
    documents = [{"type": "variation", **row, "parent_id": found.id} for row in rows]
    return await catalog.write_rows(session, {"products": documents}, origin)


async def archive(session: AsyncSession, products: Sequence[ItemKey], origin: Origin) -> list[int]:
    """Put products in the trash, each with its variations, and say which ones that were: those that were named first.

    Their stock stays as it is, and cannot be changed any more. Refuses with: FIELD_OWNED, GROUP_REJECTED (as
    GroupRejectedError) when a key names none.
    """
    await hold(session, Product)
    rules = (await ownership.read(session)).everywhere
    if rule := bound_by(rules, OwnedField.CATALOG, origin.api_key_id):
        raise FieldOwnedError(rule.refusal("products"))
    resolved = await keys.resolve_items(session, set(products))
    outcomes = [
        Outcome(index, error=item) if isinstance(item, Refused) else Outcome(index, item.id)
        for index, item in enumerate(resolved[key] for key in products)
    ]
    if any(outcome.error is not None for outcome in outcomes):
        raise GroupRejectedError("Not all products were found; none was archived.", outcomes)
    return await throw_away(session, [outcome.product_id or 0 for outcome in outcomes])


async def throw_away(session: AsyncSession, product_ids: Sequence[int], *, permanently: bool = False) -> list[int]:
    """Put products in the trash, each with its variations, or delete them for good; and say which ones that were: those
    that were named first. For a caller who holds the products (catalog_lock.hold).
    """
    now = datetime.now(UTC)
    named = list(dict.fromkeys(product_ids))
    family = or_(among(_product.c.id, "ids"), among(_product.c.parent_id, "ids"))
    is_left = _product.c.deleted_at.is_(None) if permanently else _product.c.status != "trash"
    ids = {"ids": json_text(named)}
    beside = await session.execute(select(_product.c.id).where(family, is_left).order_by(_product.c.id), ids)
    thrown = list(dict.fromkeys([*named, *beside.scalars()]))
    gone = {"status": "trash", "updated_at": now} | ({"deleted_at": now} if permanently else {})
    await session.execute(update(_product).where(family, is_left).values(gone), ids)
    await change_feed.record_catalog(session, products=thrown, kind=Kind.DELETED)
    return thrown
