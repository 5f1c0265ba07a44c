"""The statement behind storage.product_views, and what it answers: products with their family and stock, as JSON.

One document costs half of what as many rows do. Of levels the database makes sums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, NamedTuple, Self

import orjson
from sqlalchemy import BigInteger, ColumnElement, Select, Text, and_, case, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import availability
from storage.columns import unscaled
from storage.json_rows import among, json_text
from storage.json_sql import (
    document_json,
    json_aggregate,
    json_array,
    json_numbers,
    json_or_null,
    printed,
    text_of,
)
from storage.prepared import Prepared
from storage.tables import Location, Product, StockLevel
from storage.upsert import table_of


@dataclass(frozen=True, slots=True)
class ProductColumns:
    """A row of the table of products. `extra` is what the clients of a dialect keep here, by the dialect's name."""

    id: int
    parent_id: int | None
    type: str
    sku: str | None
    gtin: str | None
    gtin_text: str | None
    name: str
    status: str
    attributes: Sequence[Mapping[str, str]]
    manage_stock: bool
    backorders: str
    regular_price: Decimal | None
    sale_price: Decimal | None
    sale_starts_at: datetime | None
    sale_ends_at: datetime | None
    tax_rate: Decimal | None
    low_stock_threshold: int | None
    stock_status: str
    extra: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime


_COLUMNS: Final = ProductColumns.__slots__
_PRICES: Final = ("regular_price", "sale_price", "tax_rate")
_TIMES: Final = ("sale_starts_at", "sale_ends_at", "created_at", "updated_at")


class Stock(NamedTuple):
    """Sums over a product's levels: at active locations what is there, what is offered, and whether back-orders are
    taken; everywhere when one changed last, and their versions; and what each location has."""

    on_hand: int
    available: int
    ordered: int | None
    changed_at: str | None
    versions: int
    location_ids: Sequence[int] = ()
    quantities: Sequence[int | None] = ()

    @property
    def status(self) -> str:
        """What is said of an item with this stock: storage.availability's rule."""
        return "instock" if self.available > 0 else "onbackorder" if self.ordered else "outofstock"


class Row(NamedTuple):
    """A product or a parent: the values of ProductColumns, when it changed, as text, and its stock."""

    values: list[Any]
    updated_at: str
    stock: Stock
    tracked_variations: bool = False

    @classmethod
    def of(cls, row: Sequence[Any]) -> Self:
        """From the document's list."""
        values = list(row[: len(_COLUMNS)])
        for at in _PRICES_AT:
            values[at] = _price(values[at])
        for at in _TIMES_AT:
            values[at] = _time(values[at])
        return cls(values, row[_UPDATED_AT], Stock(*row[len(_COLUMNS)]), *map(bool, row[len(_COLUMNS) + 1 :]))


class Variation(NamedTuple):
    """What a product needs to know of a variation of its; of one in the trash, too."""

    id: int
    parent_id: int
    attributes: Sequence[Mapping[str, str]]
    status: str
    manage_stock: bool
    stock_status: str
    regular_price: Decimal | None
    sale_price: Decimal | None
    sale_starts_at: datetime | None
    sale_ends_at: datetime | None
    updated_at: str
    stock: Stock

    @classmethod
    def of(cls, row: Sequence[Any]) -> Self:
        """From the document's list."""
        *plain, regular, sale, begins, ends, updated_at, stock = row
        return cls._make((*plain, _price(regular), _price(sale), _time(begins), _time(ends), updated_at, Stock(*stock)))


class ProductDocument(NamedTuple):
    """What there is to know of some products: active locations in their order, then everything by product id."""

    places: Sequence[tuple[int, str, str]]
    rows: Mapping[int, Row]
    parents: Mapping[int, Row]
    families: Mapping[int, Sequence[Variation]]


async def read(session: AsyncSession, ids: Sequence[int]) -> ProductDocument:
    """One statement, however many products there are."""
    text = await _DOCUMENT.scalar(session, {"ids": json_text(list(ids))})
    places, rows, parents, children = orjson.loads(text)
    families: dict[int, list[Variation]] = {}
    for child in sorted(children, key=itemgetter(0)):
        families.setdefault(child[1], []).append(Variation.of(child))
    return ProductDocument(
        [tuple(place) for place in places],
        {row[0]: Row.of(row) for row in rows},
        {row[0]: Row.of(row) for row in parents},
        families,
    )


@lru_cache(maxsize=65_536)
def _price(stored: int | None) -> Decimal | None:
    """A shop has few different prices, so they are remembered."""
    return unscaled(stored)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


_PRICES_AT: Final = tuple(_COLUMNS.index(name) for name in _PRICES)
_TIMES_AT: Final = tuple(_COLUMNS.index(name) for name in _TIMES)
_UPDATED_AT: Final = _COLUMNS.index("updated_at")
_ZERO: Final = literal_column("0", BigInteger())
_ONE: Final = literal_column("1", BigInteger())
_TRASH: Final = literal_column("'trash'", Text())


def _document() -> Select[Any]:
    own, parent, child = (table_of(Product).alias(name) for name in ("own", "parent", "child"))
    of_own, sibling = table_of(Product).alias("of_own"), table_of(Product).alias("sibling")
    tracked = select(_ONE).where(sibling.c.parent_id == parent.c.id, sibling.c.manage_stock, sibling.c.status != _TRASH)
    parents = select(of_own.c.parent_id).where(among(of_own.c.id, "ids"), of_own.c.parent_id.is_not(None))
    lists = (
        _places(),
        _list(*_columns(own, _COLUMNS), _stock(own, each=True)).where(
            among(own.c.id, "ids"), own.c.deleted_at.is_(None)
        ),
        _list(
            *_columns(parent, _COLUMNS),
            _stock(parent, each=True),
            case((tracked.correlate(parent).exists(), _ONE), else_=_ZERO),
        ).where(parent.c.id.in_(parents)),
        _list(*_columns(child, Variation._fields[:-1]), _stock(child, each=False)).where(
            among(child.c.parent_id, "ids")
        ),
    )
    return select(text_of(json_array(*(json_or_null(each.scalar_subquery()) for each in lists))))


def _open_places() -> Select[Any]:
    location = table_of(Location).alias("place")
    is_open = and_(location.c.active, location.c.archived_at.is_(None))
    place = select(location.c.id, location.c.name, location.c.slug).where(is_open)
    return place.order_by(location.c.position, location.c.id)


def _places() -> Select[Any]:
    return _list(*_open_places().subquery("placed").c)


def _list(*values: ColumnElement[Any]) -> Select[Any]:
    return select(json_aggregate(json_array(*values)))


def _columns(product: Any, names: Sequence[str]) -> list[ColumnElement[Any]]:
    return [_as_json(product.c[name], name) for name in names]


def _as_json(column: ColumnElement[Any], name: str) -> ColumnElement[Any]:
    if name in {"attributes", "extra"}:
        return document_json(column)
    return column.cast(BigInteger) if name in _PRICES else printed(column)  # prices: the integers that are stored


def _stock(product: Any, *, each: bool) -> ColumnElement[Any]:
    """The Stock of a product; on request with what `each` location has."""
    level, location = table_of(StockLevel).alias("summed"), table_of(Location).alias("summed_at")
    is_open = location.c.id.is_not(None)
    is_offered = and_(is_open, ~level.c.disabled)
    units = availability.available(level.c)
    sums = [
        func.coalesce(func.sum(case((is_open, level.c.on_hand))), _ZERO).cast(BigInteger),
        func.coalesce(func.sum(case((and_(is_offered, units > _ZERO), units))), _ZERO).cast(BigInteger),
        func.max(case((and_(is_offered, availability.takes_backorders(level.c, product.c)), _ONE), else_=_ZERO)),
        printed(func.max(level.c.updated_at, type_=level.c.updated_at.type)),
        func.coalesce(func.sum(level.c.version), _ZERO).cast(BigInteger),
    ]
    levels = [json_numbers(level.c.location_id), json_numbers(level.c.on_hand)] if each else []
    at_open = and_(location.c.id == level.c.location_id, location.c.active, location.c.archived_at.is_(None))
    found = select(json_array(*sums, *levels)).select_from(level.outerjoin(location, at_open))
    return found.where(level.c.product_id == product.c.id).correlate(product).scalar_subquery()


OPEN_PLACES: Final = Prepared(_open_places())
"""Active locations in their order: id, name and slug."""
_DOCUMENT: Final = Prepared(_document())
