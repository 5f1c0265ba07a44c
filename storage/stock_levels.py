"""Reads of stock levels for the dialects: of given items, and product by product."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from storage import filters
from storage.changes import sku_key
from storage.columns import Timestamp, price_text, unscaled
from storage.json_rows import among, json_text
from storage.json_sql import json_aggregate, json_array, printed, text_of
from storage.tables import Product, StockLevel
from storage.upsert import table_of


class ShownLevel(NamedTuple):
    """A stock level as it prints: prices as text, None for what was never set here."""

    on_hand: int | None
    regular_price: str | None
    sale_price: str | None
    backorders: str | None
    disabled: bool


class StockedItem(NamedTuple):
    """A simple product or a variation, and its levels by location id. Where it was never stocked there is none."""

    id: int
    sku: str | None
    name: str
    levels: Mapping[int, ShownLevel]


@dataclass(frozen=True, slots=True)
class StockFilter:
    """Which levels: at these locations, of the item or of the variations of the product with this SKU, changed after
    this moment. '' and None leave everything in."""

    location_ids: Collection[int]
    sku: str = ""
    changed_after: datetime | None = None


NEVER_STOCKED: Final = ShownLevel(None, None, None, None, disabled=False)


async def count_products(session: AsyncSession, wanted: StockFilter) -> int:
    """How many published products there are; a variable product is one, with all its variations."""
    return (await session.execute(select(func.count()).select_from(Product).where(*_products(wanted)))).scalar_one()


async def page(session: AsyncSession, wanted: StockFilter, *, page: int, per_page: int) -> list[list[StockedItem]]:
    """The stock of one page of products, by id: for each its items. Pages count from 1."""
    statement = _ids(wanted).offset((page - 1) * per_page).limit(per_page)
    return await _stocked(session, wanted, (await session.execute(statement)).scalars().all())


async def stream(
    session: AsyncSession, wanted: StockFilter, *, products_per_chunk: int
) -> AsyncIterator[list[list[StockedItem]]]:
    """The stock of every product, by id, so many products at a time: for each its items."""
    after = 0
    statement = _ids(wanted).where(col(Product.id) > bindparam("after")).limit(products_per_chunk)
    while ids := (await session.execute(statement, {"after": after})).scalars().all():
        yield await _stocked(session, wanted, ids)
        after = ids[-1]


async def of_items(
    session: AsyncSession, item_ids: Collection[int], wanted: StockFilter
) -> dict[int, dict[int, ShownLevel]]:
    """The levels of these items, by item id and location id.

    They come as one JSON document, which costs half of what as many rows do.
    """
    statement = _LEVELS if wanted.changed_after is None else _LEVELS.where(_changed_after(wanted.changed_after))
    values = {"items": json_text(list(item_ids)), "locations": json_text(list(wanted.location_ids))}
    found: dict[int, dict[int, ShownLevel]] = {}
    rows = orjson.loads((await session.execute(statement, values)).scalar_one())
    for item_id, location_id, on_hand, regular, sale, backorders, disabled in rows:
        level = ShownLevel(on_hand, _price_text(regular), _price_text(sale), backorders, disabled)
        found.setdefault(item_id, {})[location_id] = level
    return found


@lru_cache(maxsize=65_536)
def _price_text(stored: int | None) -> str | None:
    """A price as it prints; a shop has few different ones, so they are remembered."""
    return price_text(unscaled(stored))


_columns = table_of(StockLevel).c
_LEVELS: Final = select(
    text_of(
        json_aggregate(
            json_array(
                _columns.product_id,
                _columns.location_id,
                _columns.on_hand,
                _columns.regular_price,
                _columns.sale_price,
                _columns.backorders,
                printed(_columns.disabled),
            )
        )
    )
).where(among(_columns.product_id, "items"), among(_columns.location_id, "locations"))

_parent = aliased(Product, name="parent")
_product_id = func.coalesce(col(Product.parent_id), col(Product.id))
_ITEMS: Final = (
    select(col(Product.id), col(Product.sku), col(Product.name), _product_id)
    .outerjoin(_parent, col(_parent.id) == col(Product.parent_id))
    .where(
        filters.published(),
        or_(  # a variable product has no stock of its own to show: its variations have
            among(col(Product.parent_id), "products"),
            and_(among(col(Product.id), "products"), col(Product.type) != "variable"),
        ),
    )
    .order_by(_product_id, col(Product.id))
)


def _changed_after(moment: datetime) -> ColumnElement[bool]:
    return col(StockLevel.updated_at) > bindparam("moment", moment, Timestamp())


def _products(wanted: StockFilter) -> list[ColumnElement[bool]]:
    conditions = [filters.published(), ~filters.is_variation()]
    if wanted.sku:
        conditions.append(filters.with_item_of_sku(wanted.sku))
    if wanted.changed_after is not None:
        conditions.append(filters.with_level_changed_after(wanted.changed_after, wanted.location_ids))
    return conditions


def _ids(wanted: StockFilter) -> Any:
    return select(col(Product.id)).where(*_products(wanted)).order_by(col(Product.id))


async def _stocked(session: AsyncSession, wanted: StockFilter, ids: Sequence[int]) -> list[list[StockedItem]]:
    """The items of these products, each with its levels: two statements, however many there are."""
    if not ids:
        return []
    statement = _ITEMS
    if wanted.sku:
        same = sku_key(wanted.sku)
        statement = statement.where(or_(col(Product.sku_key) == same, col(_parent.sku_key) == same))
    items: Sequence[Any] = (await session.execute(statement, {"products": json_text(list(ids))})).all()
    levels = await of_items(session, [row[0] for row in items], wanted)
    products: dict[int, list[StockedItem]] = {}
    for item_id, sku, name, product_id in items:
        products.setdefault(product_id, []).append(StockedItem(item_id, sku, name, levels.get(item_id, {})))
    return list(products.values())
