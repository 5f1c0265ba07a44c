"""Filter inputs as SQL conditions: what all nouns' filters have in common.

A filter arrives with slots in place of its values; a key that was not given, or is null, sets no condition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from sqlalchemy import BindParameter, Text, and_

from schema.errors import bad_input
from schema.ids import database_id
from schema.selection import Slot
from schema.sources import Condition
from storage import conditions as sql
from storage.changes import gtin14, is_storable, sku_key
from storage.columns import NO_SKU, Id, Key
from storage.json_rows import among, json_text
from storage.seldom import seldom

Given = Mapping[str, Any]
Makes = Mapping[str, Callable[[Any, Any], Condition | None]]
"""By the name of a filter's key what makes its condition, if any, of a row and of the value that is given."""


def meeting(row: Any, given: Given, makes: Makes) -> list[Condition]:
    """The conditions of those keys of a filter that were given."""
    made = (make(row, given[key]) for key, make in makes.items() if given.get(key) is not None)
    return [condition for condition in made if condition is not None]


def quantity_within(quantity: Any, bounds: Given) -> Condition | None:
    """An IntRange of units, in which nothing is that was never counted; None when it has no end."""
    condition = within(sql.counted(quantity), bounds)
    return condition if condition is None or bounds.get("gte") else and_(sql.is_counted(quantity), condition)


def within(value: Any, bounds: Given) -> Condition | None:
    """An IntRange; None when it has no end."""
    ends = []
    if at_least := bounds.get("gte"):
        ends.append(value >= at_least.bind())
    if at_most := bounds.get("lte"):
        ends.append(value <= at_most.bind())
    return and_(*ends) if ends else None


def after(column: Any, time: Slot) -> Condition:
    """Later than a time: mostly that of the last look."""
    return seldom(column > time.bind(type_=column.type))


def before(column: Any, time: Slot) -> Condition:
    """Earlier than a time."""
    condition: Condition = column < time.bind(type_=column.type)
    return condition


def is_word(column: Any, words: Slot) -> Condition:
    """One of a list of words: texts, or choices that stand for some."""
    return among(column, words.bind(lambda values: _listed(getattr(v, "value", v) for v in values), type_=Text()))


def has_number(column: Any, numbers: Slot) -> Condition:
    """One of a list of numbers."""
    return among(column, numbers.bind(json_text, type_=Text()))


def has_id(column: Any, type_name: str, ids: Slot) -> Condition:
    """One of a list of node ids."""
    read = database_id(type_name)
    return among(column, ids.bind(lambda values: json_text([read(value) for value in values]), type_=Text()))


def name_or_sku_contains(product: Any, text: Slot) -> Condition:
    """A product with this text in its name or its SKU."""
    return sql.name_or_sku_like(product, text.bind(_pattern, type_=Text()))


def name_or_sku_begins(product: Any, text: Slot) -> Condition:
    """A product of which the name or the SKU begins with this text."""
    start, behind = partial(text.bind, _prefix, type_=Key), partial(text.bind, _behind, type_=Key)
    return sql.name_or_sku_between(product, start, behind)


def slug_contains(location: Any, text: Slot) -> Condition:
    """A location with this text in its slug."""
    return sql.slug_like(location, text.bind(lambda value: _pattern(value, str.lower), type_=Text()))


def has_attributes(product: Any, attributes: Slot) -> Condition:
    """A product with all of a list of attributes."""
    return sql.has_attributes(product, attributes.bind(_storable_pairs, type_=Text()))


def has_gtin(product: Any, gtins: Slot) -> Condition:
    """A product with one of these GTINs."""
    return among(product.gtin, gtins.bind(lambda values: _listed(filter(None, map(gtin14, values))), type_=Text()))


def since(sequence: Slot) -> Callable[[], BindParameter[int]]:
    """A sequence after which something changed, for every place where it stands."""
    return partial(sequence.bind, type_=Id)


def has_sku(product_id: Any, skus: Slot) -> Condition:
    """Of a product with one of these SKUs."""
    return sql.of_skus(product_id, skus.bind(_sku_keys, type_=Text()))


def sku_is(product: Any, sku: Slot) -> Condition:
    """The product with this SKU."""
    key = sku.bind(lambda text: sku_key(text) if is_storable(text) else "")
    return and_(product.sku_key == key, product.sku_key != NO_SKU, sql.is_named_by(product, "sku_key"))


def gtin_is(product: Any, gtin: Slot) -> Condition:
    """The product with this GTIN."""
    return and_(product.gtin == gtin.bind(gtin14), sql.is_named_by(product, "gtin"))


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


def _pattern(text: str, fold: Callable[[str], str] = str.casefold) -> str | None:
    _bounded("search", text)
    return sql.like_pattern(text, fold) if is_storable(text) else None  # nothing is like NULL


def _prefix(text: str) -> str | None:
    _bounded("searchPrefix", text)
    return text.casefold() if is_storable(text) else None


def _behind(text: str) -> str:
    return sql.behind(text.casefold())


def _bounded(name: str, text: str) -> None:
    if len(text) > sql.SEARCH_MAX:
        raise bad_input(f"`{name}` must have at most {sql.SEARCH_MAX} characters.")


def _storable_pairs(pairs: list[Given]) -> str:
    """A pair that cannot be stored stays, so that nothing has it: NUL would make the statement fail."""
    return json_text([{key: text if is_storable(text) else None for key, text in p.items()} for p in pairs])


_LOCATION_KEYS: tuple[tuple[str, Callable[[str], Any]], ...] = (
    ("id", database_id("Location")),
    ("slug", str.lower),
    ("code", str),
)
