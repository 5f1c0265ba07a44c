"""Filter inputs as SQL conditions: what all nouns' filters have in common.

A filter arrives with slots in place of its values; a key that was not given, or is null, sets no condition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import Text, and_

from schema.errors import bad_input
from schema.ids import database_id
from schema.selection import Slot
from schema.sources import Condition
from storage import conditions as sql
from storage.changes import is_storable, sku_key
from storage.columns import NO_SKU
from storage.json_rows import among, json_text

Given = Mapping[str, Any]


def within(value: Any, bounds: Given) -> list[Condition]:
    """An IntRange."""
    conditions = []
    if at_least := bounds.get("gte"):
        conditions.append(value >= at_least.bind())
    if at_most := bounds.get("lte"):
        conditions.append(value <= at_most.bind())
    return conditions


def after(column: Any, time: Slot) -> Condition:
    """Later than a time."""
    condition: Condition = column > time.bind(type_=column.type)
    return condition


def has_id(column: Any, type_name: str, ids: Slot) -> Condition:
    """One of a list of node ids."""
    read = database_id(type_name)
    return among(column, ids.bind(lambda values: json_text([read(value) for value in values]), type_=Text()))


def name_or_sku_contains(product: Any, text: Slot) -> Condition:
    """A product with this text in its name or its SKU."""
    return sql.name_or_sku_like(product, text.bind(_pattern, type_=Text()))


def has_sku(product_id: Any, skus: Slot) -> Condition:
    """Of a product with one of these SKUs."""
    return sql.of_skus(product_id, skus.bind(_sku_keys, type_=Text()))


def sku_is(product: Any, sku: Slot) -> Condition:
    """The product with this SKU."""
    key = sku.bind(lambda text: sku_key(text) if is_storable(text) else "")
    return and_(product.sku_key == key, product.sku_key != NO_SKU)


def sku_among(product: Any, skus: Slot) -> Condition:
    """A product with one of these SKUs."""
    return among(product.sku_key, skus.bind(_sku_keys, type_=Text()))


def at(location_id: Any, keys: Slot) -> Condition:
    """At one of a list of locations."""
    ids, slugs, codes = (keys.bind(_named_by(kind, read), type_=Text()) for kind, read in _LOCATION_KEYS)
    return sql.at_locations(location_id, ids=ids, slugs=slugs, codes=codes)


def at_one(location_id: Any, key: Given) -> Condition:
    """At the location that a LocationKey with slots names."""
    kind, value = next((kind, value) for kind, value in key.items() if value is not None)
    named = {f"{other}s": value.bind(lambda _: "[]", type_=Text()) for other, _ in _LOCATION_KEYS if other != kind}
    read = next(read for other, read in _LOCATION_KEYS if other == kind)
    named[f"{kind}s"] = value.bind(lambda text: _listed([read(text)]), type_=Text())
    return sql.at_locations(location_id, **named)


def _named_by(kind: str, read: Callable[[str], Any]) -> Callable[[list[Given]], str]:
    return lambda keys: _listed(read(key[kind]) for key in keys if key.get(kind) is not None)


def _sku_keys(skus: list[str]) -> str:
    return _listed(sku_key(sku) for sku in skus if sku)


def _listed(values: Iterable[int | str]) -> str:
    """The parameter of a list, without what cannot be stored: it names nothing, and a statement would fail over it."""
    return json_text([value for value in values if isinstance(value, int) or is_storable(value)])


def _pattern(text: str) -> str | None:
    if len(text) > sql.SEARCH_MAX:
        raise bad_input(f"`search` must have at most {sql.SEARCH_MAX} characters.")
    return sql.like_pattern(text) if is_storable(text) else None  # nothing is like NULL


_LOCATION_KEYS: tuple[tuple[str, Callable[[str], Any]], ...] = (
    ("id", database_id("Location")),
    ("slug", str.lower),
    ("code", str),
)
