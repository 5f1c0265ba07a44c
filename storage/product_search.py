"""The ids of the products that a ProductQuery asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar, cast

import orjson
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    Text,
    and_,
    bindparam,
    case,
    false,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession

from storage import product_conditions
from storage.changes import ID_MAX, PRICE_MAX, QUANTITY_MAX, gtin14, is_storable, sku_key, storable
from storage.columns import NO_SKU, Price, Timestamp
from storage.conditions import SEARCH_MAX, has_attributes, like_pattern
from storage.json_rows import among, json_text
from storage.json_sql import has_ids, json_numbers, member_number, member_text, text_of
from storage.product_queries import Kept, KeptIds, OrderBy, ProductQuery, Rows
from storage.slugs import APOSTROPHES, slug_of
from storage.tables import Product
from storage.upsert import table_of

Condition = ColumnElement[bool]
N = TypeVar("N", int, Decimal)


async def find(session: AsyncSession, wanted: ProductQuery, *, offset: int, limit: int) -> tuple[int, list[int]]:
    """How many products there are in all, and the ids of these of them. One statement."""
    now = datetime.now(UTC)
    if wanted.order.by is OrderBy.ASKED and wanted.ids is not None:
        asked = {id_: n for n, id_ in enumerate(dict.fromkeys(wanted.ids))}
        found = (await session.execute(_Search(wanted).found, {"now": now})).scalars().all()
        return len(found), sorted(found, key=asked.__getitem__)[offset : offset + limit]
    window = {"now": now, "offset": min(offset, ID_MAX), "limit": limit}
    total, ids = (await session.execute(_statement(wanted), window)).one()
    return total, orjson.loads(ids)


async def ids_of_slug(session: AsyncSession, dialect: str, slug: str) -> list[int]:
    """The products that have this slug: the one that a dialect keeps with them, or else one made of their name."""
    words = [word for word in slug.split("-") if word]
    if not words or len(slug) > SEARCH_MAX or not is_storable(slug):
        return []
    row = table_of(Product).c
    own, name = member_text(row.extra, dialect, "slug"), cast("ColumnElement[str]", row.name_key)
    for mark in APOSTROPHES:
        name = func.replace(name, mark, "")
    pattern = "".join(like_pattern(word)[:-1] for word in words) + "%"
    made = and_(row.parent_id.is_(None), func.coalesce(own, "") == "", name.like(pattern, escape="\\"))
    found = await session.execute(select(row.id, row.name, own).where(or_(own == literal(slug, Text()), made)))
    return [id_ for id_, name, own in found if (own or slug_of(name)) == slug]


class StockTotal(NamedTuple):
    """How many products have a stock status, and how many of them have stock that is no more than their threshold."""

    products: int
    low: int


async def stock_totals(session: AsyncSession, wanted: ProductQuery) -> dict[str, StockTotal]:
    """The products that answer a question, counted by stock status. One statement, which sees each once."""
    row = _Search(wanted, with_stock=True).found.subquery("counted")
    low = func.sum(case((row.c.is_low, 1), else_=0))
    counted = select(row.c.stock_status, func.count(), low.cast(BigInteger)).group_by(row.c.stock_status)
    return {
        status: StockTotal(*totals)
        for status, *totals in (await session.execute(counted, {"now": datetime.now(UTC)})).all()
    }


@lru_cache(maxsize=256)  # to build one takes as long as to run it
def _statement(wanted: ProductQuery) -> Select[Any]:
    search = _Search(wanted)
    if search.is_costly:  # what takes long to find is found once
        found = search.found.cte("found")
        total = select(func.count()).select_from(found)
        page = select(found.c.id).order_by(*search.sorted(found.c.position, found.c.id))
    else:  # what does not is counted by itself, so that an index has the page in its order
        total = search.select(func.count())
        page = search.select(_ITEM.c.id).order_by(*search.sorted(search.position, _ITEM.c.id))
    page_ = (
        page.offset(bindparam("offset", type_=BigInteger()))
        .limit(bindparam("limit", type_=BigInteger()))
        .subquery("page")
    )
    return select(total.scalar_subquery(), select(text_of(json_numbers(page_.c.id))).scalar_subquery())


_ITEM: Final = table_of(Product).alias("item")
_PARENT: Final = table_of(Product).alias("item_parent")


class _Search:
    """A question as SQL. It is costly when it needs more than the row of each product."""

    def __init__(self, wanted: ProductQuery, *, with_stock: bool = False) -> None:
        self.wanted = wanted
        self.row, self.parent = _ITEM, _PARENT
        self.is_costly = False
        self._joined = False
        self._where, self.position = list(self._conditions()), self._position()
        self._columns = [self.position.label("position")]
        if with_stock:
            self._columns += [
                self._derived(product_conditions.stock_status).label("stock_status"),
                self._derived(product_conditions.is_low).label("is_low"),
            ]

    @property
    def found(self) -> Select[Any]:
        """Ids, each with what they are sorted by."""
        return self.select(self.row.c.id, *self._columns)

    def select(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """Something of each row that answers."""
        source: FromClause = self.row
        if self._joined:
            source = self.row.outerjoin(self.parent, self.parent.c.id == self.row.c.parent_id)
        return select(*columns).select_from(source).where(*self._where)

    def sorted(self, *keys: Any) -> list[Any]:
        """These columns in the direction of the order."""
        return [key.desc() if self.wanted.order.descending else key.asc() for key in keys]

    def _derived(self, value: Callable[[Any, Any], ColumnElement[Any]]) -> ColumnElement[Any]:
        """What follows from a row and its parent's."""
        self.is_costly = self._joined = True
        return value(self.row.c, self.parent.c)

    def _conditions(self) -> Iterator[Condition]:
        row, wanted = self.row.c, self.wanted
        if wanted.statuses is not None and "trash" in wanted.statuses:  # nothing else is deleted for good
            yield row.deleted_at.is_(None)
        if wanted.rows is not Rows.ALL:
            is_variation = product_conditions.is_variation(row)
            yield is_variation if wanted.rows is Rows.VARIATIONS else not_(is_variation)
        yield from self._named()
        if wanted.skus is not None:
            yield and_(_among_texts(row.sku_key, map(sku_key, wanted.skus)), row.sku_key != NO_SKU)
        if wanted.gtins is not None:
            yield _among_texts(row.gtin, (gtin for text in wanted.gtins if (gtin := gtin14(text))))
        for word in wanted.words:
            yield self._has(word)
        yield from self._dated()
        yield from self._stocked()
        if wanted.attributes:
            pairs = [{"name": storable(name), "value": storable(value)} for name, value in wanted.attributes]
            yield has_attributes(row, bindparam(None, json_text(pairs), Text()))
        for kept in wanted.kept:
            yield self._kept(kept)

    def _named(self) -> Iterator[Condition]:
        row, wanted = self.row.c, self.wanted
        for column, only, without in (
            (row.id, wanted.ids, wanted.excluded_ids),
            (row.parent_id, wanted.parent_ids, wanted.excluded_parent_ids),
        ):
            if only is not None:
                yield _among_ids(column, only)
            if without:
                yield not_(and_(column.is_not(None), _among_ids(column, without)))
        statuses = wanted.statuses
        yield row.status != _TRASH if statuses is None else row.status.in_(sorted(statuses))
        if wanted.excluded_statuses:
            yield row.status.not_in(sorted(wanted.excluded_statuses))
        if wanted.types is not None:
            yield row.type.in_(sorted(wanted.types))
        if wanted.excluded_types:
            yield row.type.not_in(sorted(wanted.excluded_types))

    def _has(self, word: str) -> Condition:
        """A word in one of the texts in which words are looked for, in any case."""
        if len(word) > SEARCH_MAX or not is_storable(word):
            return false()
        self.is_costly = True
        folded, lower = like_pattern(word), like_pattern(word, str.lower)
        columns = {"name": self.row.c.name_key, "sku": self.row.c.sku_key, "gtin": self.row.c.gtin_text}
        return or_(
            *(
                columns[where].like(folded, escape="\\")
                if isinstance(where, str)
                else func.lower(member_text(self.row.c.extra, *where)).like(lower, escape="\\")
                for where in self.wanted.words_in
            )
        )

    def _dated(self) -> Iterator[Condition]:
        created, modified = self.wanted.created, self.wanted.modified
        if created.start is not None:
            yield self.row.c.created_at >= literal(created.start, Timestamp())
        if created.end is not None:
            yield self.row.c.created_at < literal(created.end, Timestamp())
        if modified.start is not None:
            self.is_costly = True
            yield product_conditions.changed_from(self.row.c, modified.start)
        if modified.end is not None:  # product by product: what changed since may be nearly all there is
            yield self._derived(product_conditions.modified_at) < literal(modified.end, Timestamp())

    def _stocked(self) -> Iterator[Condition]:
        row, wanted = self.row.c, self.wanted
        least, most = _bounded(wanted.price_min, _PRICES), _bounded(wanted.price_max, _PRICES)
        if least is not None or most is not None:
            yield self._derived(lambda row, _: product_conditions.price_is(row, least, most))
        if wanted.has_price is not None:
            has = row.regular_price.is_not(None)
            yield has if wanted.has_price else not_(has)
        if wanted.on_sale is not None:
            reduced = self._derived(lambda row, _: product_conditions.on_sale(row))
            yield reduced if wanted.on_sale else not_(reduced)
        if wanted.stock_status is not None:
            yield self._derived(product_conditions.stock_status) == literal(wanted.stock_status, Text())
        least_, most_ = _bounded(wanted.stock_min, _QUANTITIES), _bounded(wanted.stock_max, _QUANTITIES)
        if least_ is not None or most_ is not None:
            yield self._derived(lambda row, parent: product_conditions.quantity_is(row, parent, least_, most_))
        if wanted.low_stock:
            yield self._derived(product_conditions.is_low)

    def _kept(self, kept: Kept | KeptIds) -> Condition:
        self.is_costly = True
        if isinstance(kept, KeptIds):
            return has_ids(
                self.row.c.extra,
                kept.path,
                bindparam(None, json_text([id_ for id_ in kept.ids if abs(id_) <= ID_MAX]), Text()),
            )
        value = func.coalesce(member_text(self.row.c.extra, *kept.path), literal(kept.default, Text()))
        return value.in_(sorted(filter(is_storable, kept.values)))

    def _position(self) -> ColumnElement[Any]:
        row = self.row.c
        match self.wanted.order.by:
            case OrderBy.CREATED:
                return row.created_at
            case OrderBy.MODIFIED:
                return self._derived(product_conditions.modified_at)
            case OrderBy.ID | OrderBy.ASKED:
                return row.id
            case OrderBy.NAME:
                return row.name_key
            case OrderBy.SKU:
                return row.sku_key
            case OrderBy.PRICE:
                return func.coalesce(
                    self._derived(lambda row, _: product_conditions.price(row)), literal(_NOTHING, Price())
                )
            case OrderBy.STOCK_STATUS:
                return self._derived(product_conditions.stock_status)
            case OrderBy.STOCK_QUANTITY:
                return func.coalesce(self._derived(product_conditions.on_hand), _ZERO)
            case OrderBy.KEPT:
                self.is_costly = True
                return member_number(row.extra, *self.wanted.order.path)


_ZERO: Final = literal_column("0", BigInteger())
_NOTHING: Final = Decimal(0)
_TRASH: Final = literal_column("'trash'", Text())
_PRICES: Final = (Decimal(0), PRICE_MAX + 1)
_QUANTITIES: Final = (-1000 * QUANTITY_MAX, 1000 * QUANTITY_MAX)


def _bounded(value: N | None, bounds: tuple[N, N]) -> N | None:
    """A bound that both engines can compare with: one beyond all values leaves out as much."""
    return None if value is None else min(max(value, bounds[0]), bounds[1])


def _among_ids(column: Any, ids: Iterable[int]) -> Condition:
    return among(column, bindparam(None, json_text([id_ for id_ in ids if abs(id_) <= ID_MAX]), Text()))


def _among_texts(column: Any, texts: Iterable[str]) -> Condition:
    return among(column, bindparam(None, json_text([text for text in texts if is_storable(text)]), Text()))
