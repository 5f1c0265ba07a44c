"""Thresholds: at which quantity stock is low. One rule, for values and as its SQL twin.

What is said of a level goes before what is said of its product, or of the product's parent; that before what is said of
the location; and where nothing is said it is DEFAULT. Of a product as a whole no level and no location says anything.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Text, case, func, literal_column, select, union_all

from storage.tables import Location, Product, StockLevel
from storage.upsert import table_of

DEFAULT: Final = 2
"""Where nothing else is said."""


class Source(StrEnum):
    """Who says what low stock is."""

    LEVEL = "level"
    PRODUCT = "product"
    PARENT = "parent"
    LOCATION = "location"
    DEFAULT = "default"


class Effective(NamedTuple):
    """The threshold that applies, and who said it."""

    value: int
    source: Source


def effective(
    *, level: int | None = None, product: int | None = None, parent: int | None = None, location: int | None = None
) -> Effective:
    """The first that is said of these."""
    said = {Source.LEVEL: level, Source.PRODUCT: product, Source.PARENT: parent, Source.LOCATION: location}
    for source, value in said.items():
        if value is not None:
            return Effective(value, source)
    return Effective(DEFAULT, Source.DEFAULT)


# The same in SQL, over rows that have a table's columns as attributes


def of_product(item: Any) -> ColumnElement[int]:
    """That of a product or variation as a whole."""
    return func.coalesce(item.low_stock_threshold, _of_parent(item), _DEFAULT)


def source_of_product(item: Any) -> ColumnElement[str]:
    """The name of its Source."""
    return case(*_from_product(item), else_=_name(Source.DEFAULT))


def of_item_at(level: Any, item: Any) -> ColumnElement[int]:
    """That of a level, given its item's row, too."""
    return func.coalesce(
        level.low_stock_threshold, item.low_stock_threshold, _of_parent(item), _of_location(level.location_id), _DEFAULT
    )


def said_of_product(item: Any) -> ColumnElement[int | None]:
    """What is said of a product or of its parent; NULL when nothing is."""
    return func.coalesce(item.low_stock_threshold, _of_parent(item))


def first(level: Any, product: Any, location: Any) -> ColumnElement[int]:
    """What applies, of what is said of a level, of its product (said_of_product()) and of its location."""
    return func.coalesce(level, product, location, _DEFAULT)


def of_level(level: Any) -> ColumnElement[int]:
    """That of a level."""
    item = _item("threshold_item")
    found = select(of_item_at(level, item.c)).where(item.c.id == level.product_id)
    return found.correlate_except(item).scalar_subquery()


def source_of_level(level: Any) -> ColumnElement[str]:
    """The name of its Source."""
    item = _item("source_item")
    named = case(
        (level.low_stock_threshold.is_not(None), _name(Source.LEVEL)),
        *_from_product(item.c),
        (_of_location(level.location_id).is_not(None), _name(Source.LOCATION)),
        else_=_name(Source.DEFAULT),
    )
    return select(named).where(item.c.id == level.product_id).correlate_except(item).scalar_subquery()


def is_said_here(level: Any, item: Any) -> ColumnElement[bool]:
    """Whether the threshold of a level is not that of its product: the level's own, or its location's."""
    said: ColumnElement[bool] = level.low_stock_threshold.is_not(None)
    return said | (said_of_product(item).is_(None) & _of_location(level.location_id).is_not(None))


def highest() -> ColumnElement[int]:
    """The highest of all thresholds: it bounds the search for what is low by the index on what is available."""
    said = [
        select(func.max(table.c.low_stock_threshold).label("threshold")).where(table.c.low_stock_threshold.is_not(None))
        for table in (_item("highest_item"), _level("highest_level"), _location("highest_location"))
    ]
    either = union_all(*said, select(_DEFAULT.label("threshold"))).subquery("thresholds")
    return select(func.max(either.c.threshold)).scalar_subquery()


def highest_said_here() -> ColumnElement[int | None]:
    """The highest of those that are said of levels and locations; NULL when none is."""
    said = [
        select(func.max(table.c.low_stock_threshold).label("threshold")).where(table.c.low_stock_threshold.is_not(None))
        for table in (_level("highest_level"), _location("highest_location"))
    ]
    either = union_all(*said).subquery("thresholds_here")
    return select(func.max(either.c.threshold)).scalar_subquery()


def _from_product(item: Any) -> list[Any]:
    return [
        (item.low_stock_threshold.is_not(None), _name(Source.PRODUCT)),
        (_of_parent(item).is_not(None), _name(Source.PARENT)),
    ]


def _of_parent(item: Any) -> ColumnElement[int | None]:
    parent = _item("threshold_parent")
    found = select(parent.c.low_stock_threshold).where(parent.c.id == item.parent_id)
    return found.correlate_except(parent).scalar_subquery()


def _of_location(location_id: Any) -> ColumnElement[int | None]:
    location = _location("threshold_location")
    found = select(location.c.low_stock_threshold).where(location.c.id == location_id)
    return found.correlate_except(location).scalar_subquery()


def _item(name: str) -> Any:
    return table_of(Product).alias(name)


def _level(name: str) -> Any:
    return table_of(StockLevel).alias(name)


def _location(name: str) -> Any:
    return table_of(Location).alias(name)


def _name(source: Source) -> ColumnElement[str]:
    """Written out, so that it is no parameter."""
    return literal_column(f"'{source}'", Text())


_DEFAULT: Final = literal_column(str(DEFAULT), BigInteger())
