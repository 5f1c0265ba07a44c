"""ItemKey and LocationKey to what they name: one SELECT per kind of key, whatever the number of keys."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, Final, TypeVar

from sqlalchemy import Row, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from storage.changes import ItemKey, LocationKey, Refused, gtin14, sku_key
from storage.errors import ErrorCode
from storage.json_sql import among, json_text
from storage.planning import Item, Place
from storage.tables import Location, Product

K = TypeVar("K", ItemKey, LocationKey)

_variation = aliased(Product, name="variation")
_style = aliased(Product, name="style")

_ITEM: Final = select(
    col(Product.id),
    col(Product.sku),
    col(Product.backorders),
    col(Product.regular_price),
    exists().where(col(_variation.parent_id) == col(Product.id), col(_variation.manage_stock)).label("has_variations"),
    col(Product.sku_key),
    col(Product.gtin),
).where(col(Product.status) != "trash")

_ITEMS_BY: Final[dict[str, Any]] = {
    "id": _ITEM.where(among(col(Product.id), "keys")),
    "sku": _ITEM.where(among(col(Product.sku_key), "keys"), col(Product.sku_key) != ""),
    "gtin": _ITEM.where(among(col(Product.gtin), "keys")),
}
_ITEMS_OF_STYLE: Final = (
    _ITEM.add_columns(col(_style.sku_key).label("style_key"), col(Product.attributes))
    .outerjoin(_style, col(_style.id) == col(Product.parent_id))
    .where(or_(among(col(Product.sku_key), "keys"), among(col(_style.sku_key), "keys")))
)
_PLACE: Final = select(col(Location.id), col(Location.active), col(Location.slug), col(Location.code))
_PLACES_BY: Final[dict[str, Any]] = {
    kind: _PLACE.where(among(getattr(Location, kind), "keys")) for kind in ("id", "slug", "code")
}

ITEM_NOT_FOUND: Final = Refused(ErrorCode.ITEM_NOT_FOUND, "Product not found.", "product")


async def resolve_items(session: AsyncSession, keys: Collection[ItemKey]) -> dict[ItemKey, Item | Refused]:
    """Every key's item, or why it names none. Products in the trash are not found."""
    found: dict[ItemKey, Item | Refused] = dict.fromkeys(keys, ITEM_NOT_FOUND)
    for kind, column in (("id", "id"), ("sku", "sku_key"), ("gtin", "gtin")):
        spellings = _spellings((key for key in keys if key.kind == kind and not key.attributes), _item_value)
        for row in await _rows(session, _ITEMS_BY[kind], spellings):
            item = _item(row)
            found.update(dict.fromkeys(spellings[getattr(row, column)], item))
    if styled := [key for key in keys if key.attributes]:
        found.update(await _resolve_styled(session, styled))
    return found


async def resolve_locations(session: AsyncSession, keys: Collection[LocationKey]) -> dict[LocationKey, Place]:
    """The location of every key that names one."""
    found: dict[LocationKey, Place] = {}
    for kind, statement in _PLACES_BY.items():
        spellings = _spellings((key for key in keys if key.kind == kind), _location_value)
        for row in await _rows(session, statement, spellings):
            found.update(dict.fromkeys(spellings[getattr(row, kind)], Place(row.id, row.active)))
    return found


def _spellings(keys: Iterable[K], comparable: Callable[[K], int | str | None]) -> dict[int | str, list[K]]:
    """The keys by the value that is stored: several spellings may name one thing. A key that cannot be is left out."""
    spellings: dict[int | str, list[K]] = {}
    for key in keys:
        if (value := comparable(key)) is not None:
            spellings.setdefault(value, []).append(key)
    return spellings


def _item_value(key: ItemKey) -> int | str | None:
    if key.kind == "sku":
        return sku_key(str(key.value)) or None
    return gtin14(str(key.value)) if key.kind == "gtin" else key.value


def _location_value(key: LocationKey) -> int | str:
    return str(key.value).lower() if key.kind == "slug" else key.value


async def _rows(session: AsyncSession, statement: Any, values: Collection[int | str]) -> Iterable[Row[Any]]:
    return (await session.execute(statement, {"keys": json_text(list(values))})).all() if values else ()


def _item(row: Row[Any]) -> Item:
    return Item(row.id, row.sku, row.backorders, row.regular_price, row.has_variations)


async def _resolve_styled(session: AsyncSession, keys: Collection[ItemKey]) -> dict[ItemKey, Item | Refused]:
    """Keys of a style's SKU and attributes: the variation of that style, or the item itself, that has those values."""
    rows = await _rows(session, _ITEMS_OF_STYLE, {sku_key(str(key.value)) for key in keys})
    return {key: _only([row for row in rows if _fits(row, key)]) for key in keys}


def _fits(row: Row[Any], key: ItemKey) -> bool:
    values = {attribute["name"].casefold(): attribute["value"].strip() for attribute in row.attributes}
    return sku_key(str(key.value)) in {row.sku_key, row.style_key} and all(
        values.get(name.casefold()) == value.strip() for name, value in key.attributes
    )


def _only(rows: list[Row[Any]]) -> Item | Refused:
    if not rows:
        return ITEM_NOT_FOUND
    if len(rows) > 1:
        candidates = ", ".join(str(row.id) for row in rows)
        return Refused(ErrorCode.ITEM_AMBIGUOUS, f"Several products match: {candidates}.", "product")
    return _item(rows[0])
