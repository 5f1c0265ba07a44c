"""Filter inputs as SQL conditions: what all nouns' filters have in common.

A filter arrives with slots in place of its values; a key that was not given, or is null, sets no condition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Text

from schema.ids import database_id
from schema.selection import Slot
from schema.sources import Condition
from storage import conditions as sql
from storage.changes import sku_key
from storage.json_sql import among, json_text

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
    """Later than a time; without an offset it is meant in UTC."""
    condition: Condition = column > time.bind(_utc, type_=column.type)
    return condition


def has_id(column: Any, type_name: str, ids: Slot) -> Condition:
    """One of a list of node ids."""
    read = database_id(type_name)
    return among(column, ids.bind(lambda values: json_text([read(value) for value in values]), type_=Text()))


def has_sku(product_id: Any, skus: Slot) -> Condition:
    """Of a product with one of these SKUs."""
    return sql.of_skus(product_id, skus.bind(_sku_keys, type_=Text()))


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
    named[f"{kind}s"] = value.bind(lambda text: json_text([read(text)]), type_=Text())
    return sql.at_locations(location_id, **named)


def _named_by(kind: str, read: Callable[[str], Any]) -> Callable[[list[Given]], str]:
    return lambda keys: json_text([read(key[kind]) for key in keys if key.get(kind) is not None])


def _sku_keys(skus: list[str]) -> str:
    return json_text([sku_key(sku) for sku in skus if sku])


def _utc(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)


_LOCATION_KEYS: tuple[tuple[str, Callable[[str], Any]], ...] = (
    ("id", database_id("Location")),
    ("slug", str.lower),
    ("code", str),
)
