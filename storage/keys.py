"""ItemKey and LocationKey to what they name: one SELECT per kind of key, whatever the number of keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Text, and_, exists, literal_column, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import ownership
from storage.changes import ID_MAX, ItemKey, LocationKey, Refused, gtin14, is_storable, sku_key
from storage.columns import NO_SKU
from storage.errors import ErrorCode
from storage.json_rows import among, json_text
from storage.lines import Item, Place
from storage.prepared import Prepared
from storage.source_rules import rules_of
from storage.tables import Location, Product
from storage.upsert import table_of

K = TypeVar("K", ItemKey, LocationKey)

_product: Final = table_of(Product).c
_styles: Final = table_of(Product).alias("style")
_variation: Final = table_of(Product).alias("variation").c
_location: Final = table_of(Location).c

_has_variations: Final = exists().where(
    _variation.parent_id == _product.id, _variation.manage_stock, _variation.status != "trash"
)
_ITEM: Final = (_product.id, _product.sku, _product.backorders, _product.regular_price, _has_variations)
"""The columns of an Item, in its order."""

_IS_KEPT: Final = _product.status != "trash"
CARRIES_STOCK: Final = and_(_IS_KEPT, not_(_has_variations))
"""Of a row of the table of products: whether the write path would change its stock."""
_ITEMS_BY: Final[dict[str, Prepared]] = {
    "id": Prepared(select(_product.id, *_ITEM).where(_IS_KEPT, among(_product.id, "keys"))),
    "sku": Prepared(
        select(_product.sku_key, *_ITEM).where(_IS_KEPT, among(_product.sku_key, "keys"), _product.sku_key != NO_SKU)
    ),
    "gtin": Prepared(select(_product.gtin, *_ITEM).where(_IS_KEPT, among(_product.gtin, "keys"))),
}
_ITEMS_OF_STYLE: Final = Prepared(
    select(_product.sku_key, _styles.c.sku_key, _product.attributes, *_ITEM)
    .outerjoin_from(table_of(Product), _styles, _styles.c.id == _product.parent_id)
    .where(
        _IS_KEPT,
        or_(among(_product.sku_key, "keys"), and_(among(_styles.c.sku_key, "keys"), _styles.c.status != "trash")),
    )
)
_NO_VALUE: Final = literal_column("''", Text())
_PLACE: Final = (_location.id, _location.active, ownership.at(_location.id))
"""The columns of a Place, in its order; its rules as text."""
_PLACES_BY: Final[dict[str, Prepared]] = {
    kind: Prepared(select(column, *_PLACE).where(among(column, "keys")))
    for kind, column in (("id", _location.id), ("slug", _location.slug), ("code", _location.code))
} | {"default": Prepared(select(_NO_VALUE, *_PLACE).where(_location.is_default))}
_PLACES_BY_CODE_OR_ID: Final = Prepared(
    select(_location.code, *_PLACE).where(
        or_(among(_location.code, "keys"), and_(_location.code.is_(None), among(_location.id, "ids")))
    )
)

ITEM_NOT_FOUND: Final = Refused(ErrorCode.ITEM_NOT_FOUND, "Product not found.", "product")


async def resolve_items(session: AsyncSession, keys: Collection[ItemKey]) -> dict[ItemKey, Item | Refused]:
    """Every key's item, or why it names none. Products in the trash are not found."""
    found: dict[ItemKey, Item | Refused] = dict.fromkeys(keys, ITEM_NOT_FOUND)
    for kind, statement in _ITEMS_BY.items():
        spellings = item_spellings(keys, kind)
        for row in await _rows(session, statement, spellings):
            item = Item(*row[1:])
            for key in spellings[row[0]]:
                found[key] = item
    if styled := [key for key in keys if key.attributes]:
        found.update(await _resolve_styled(session, styled))
    return found


async def resolve_locations(session: AsyncSession, keys: Collection[LocationKey]) -> dict[LocationKey, Place]:
    """The location of every key that names one."""
    found: dict[LocationKey, Place] = {}
    for kind, statement in _PLACES_BY.items():
        spellings = _spellings((key for key in keys if key.kind == kind), _location_value)
        for row in await _rows(session, statement, spellings):
            place = _place(*row[1:])
            for key in spellings[row[0]]:
                found[key] = place
    if uncertain := [key for key in keys if key.kind == "code_or_id"]:
        found.update(await _resolve_codes_or_ids(session, uncertain))
    return found


async def _resolve_codes_or_ids(session: AsyncSession, keys: Collection[LocationKey]) -> dict[LocationKey, Place]:
    """Keys of which each is a code or, where that is unset, an id: a location of that code comes first."""
    texts = _spellings(keys, _location_value)
    ids = [int(text) for text in texts if re.fullmatch("[1-9][0-9]{0,18}", str(text)) and int(text) <= ID_MAX]
    values = {"keys": json_text(list(texts)), "ids": json_text(ids)}
    rows = await _PLACES_BY_CODE_OR_ID.rows(session, values) if texts else ()
    found: dict[LocationKey, Place] = {}
    for code, *place in sorted(rows, key=lambda row: row[0] is not None):
        for key in texts[str(place[0]) if code is None else code]:
            found[key] = _place(*place)
    return found


def _place(id_: int, active: bool, rules: str) -> Place:  # noqa: FBT001 (a row)
    return Place(id_, active, rules_of(rules))


def item_spellings(keys: Iterable[ItemKey], kind: str) -> dict[int | str, list[ItemKey]]:
    """The keys of a kind, without attributes, by the value that is stored."""
    return _spellings((key for key in keys if key.kind == kind and not key.attributes), _item_value)


def _spellings(keys: Iterable[K], stored: Callable[[K], int | str | None]) -> dict[int | str, list[K]]:
    """The keys by the value that is stored: several spellings may name one thing.

    A value that neither engine could store is left out: it names nothing, and a statement must not fail over it.
    """
    spellings: dict[int | str, list[K]] = {}
    for key in keys:
        value = stored(key)
        if value is not None and (is_storable(value) if isinstance(value, str) else abs(value) <= ID_MAX):
            spellings.setdefault(value, []).append(key)
    return spellings


def _item_value(key: ItemKey) -> int | str | None:
    match key.kind:
        case "id":
            return key.value
        case "sku":
            return sku_key(str(key.value)) or None
        case "gtin":
            return gtin14(str(key.value))


def _location_value(key: LocationKey) -> int | str:
    match key.kind:
        case "id":
            return key.value
        case "slug":
            return str(key.value).lower()
        case "code" | "code_or_id" | "default":
            return str(key.value)


async def _rows(session: AsyncSession, statement: Prepared, values: Collection[int | str]) -> Sequence[Any]:
    return await statement.rows(session, {"keys": json_text(list(values))}) if values else ()


async def _resolve_styled(session: AsyncSession, keys: Collection[ItemKey]) -> dict[ItemKey, Item | Refused]:
    """Keys of a style's SKU and attributes: the variation of that style, or the item itself, that has those values."""
    rows = await _rows(session, _ITEMS_OF_STYLE, _spellings(keys, _item_value))
    return {key: _only([Item(*row[3:]) for row in rows if _fits(row, key)]) for key in keys}


def _fits(row: Any, key: ItemKey) -> bool:
    sku, style_sku, attributes = row[:3]
    values = {attribute["name"].casefold(): attribute["value"].strip() for attribute in attributes}
    return sku_key(str(key.value)) in {sku, style_sku} and all(
        values.get(name.casefold()) == value.strip() for name, value in key.attributes
    )


def _only(items: list[Item]) -> Item | Refused:
    if not items:
        return ITEM_NOT_FOUND
    if len(items) > 1:
        candidates = ", ".join(str(item.id) for item in items)
        message = f"Several products match: {candidates}."
        return Refused(ErrorCode.ITEM_AMBIGUOUS, message, "product", candidates=tuple(item.id for item in items))
    return items[0]
