"""What storage.product_views derives of a product or variation, again in SQL: to find and sort them by it.

Over rows that have the columns of the table of products as attributes. `parent` are those of the row's parent, all
NULL when it has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Text,
    and_,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    true,
    union_all,
)

from storage import availability, prices, thresholds
from storage.columns import Timestamp
from storage.tables import Location, Product, StockLevel
from storage.upsert import table_of

Condition = ColumnElement[bool]


def is_variation(product: Any) -> Condition:
    """Rows with a parent. Written so that it is no reason for SQLite to take the index on the parents, which holds
    every product under NULL, instead of the one that has the list's order."""
    return func.coalesce(product.parent_id, _ZERO) != _ZERO


def carrier_id(product: Any, parent: Any) -> ColumnElement[int | None]:
    """Whose levels are the row's stock; NULL when it is not tracked."""
    carries = case((_has_tracked_variation(product.id), None), else_=product.id)
    by_parent = case((_has_tracked_variation(product.parent_id), product.id), else_=product.parent_id)
    return case((product.manage_stock, carries), (parent.manage_stock, by_parent), else_=None)


def on_hand(product: Any, parent: Any) -> ColumnElement[int | None]:
    """Units at active locations of what is tracked, 0 when it was never stocked; NULL of what is not."""
    carrier = carrier_id(product, parent)
    level, location = table_of(StockLevel).alias("held"), table_of(Location).alias("held_at")
    total = (
        select(func.coalesce(func.sum(level.c.on_hand), _ZERO).cast(BigInteger))
        .select_from(level.join(location, location.c.id == level.c.location_id))
        .where(level.c.product_id == carrier, location.c.active, location.c.archived_at.is_(None))
        .correlate_except(level, location)
        .scalar_subquery()
    )
    return case((carrier.is_not(None), total), else_=None)


def stock_status(product: Any, parent: Any) -> ColumnElement[str]:
    """What is said of it: of tracked stock by what is available, else what the shop says, or its variations make."""
    carrier = carrier_id(product, parent)
    backorders = case((carrier == product.id, product.backorders), else_=parent.backorders)
    return case(
        (carrier.is_not(None), _status_of_stock(carrier, backorders)),
        (product.type == _VARIABLE, _status_of_variations(product)),
        else_=product.stock_status,
    )


def _has_tracked_variation(product_id: Any) -> Condition:
    sibling = table_of(Product).alias("tracked_variation")
    return (
        select(_ONE)
        .where(sibling.c.parent_id == product_id, sibling.c.manage_stock, sibling.c.status != _TRASH)
        .correlate_except(sibling)
        .exists()
    )


def _status_of_stock(product_id: Any, backorders: Any) -> ColumnElement[str]:
    """availability.availability_of() the levels of a product, in the words of its column `stock_status`.

    Something is offered when some level offers something: mostly the first that is looked at.
    """
    level = table_of(StockLevel).alias("offered")
    is_offered = and_(
        level.c.product_id == product_id, not_(level.c.disabled), availability.is_open(level.c.location_id)
    )
    offered = select(_ONE).where(is_offered, availability.available(level.c) > _ZERO)
    ordered = select(_ONE).where(is_offered, func.coalesce(level.c.backorders, backorders) != _NO)
    return case(
        (offered.correlate_except(level).exists(), _INSTOCK),
        (ordered.correlate_except(level).exists(), _ONBACKORDER),
        else_=_OUTOFSTOCK,
    )


def _status_of_variations(product: Any) -> ColumnElement[str]:
    """The best that is said of the variations of a product that has no stock of its own."""
    child = table_of(Product).alias("said_variation")
    tracked = or_(child.c.manage_stock, product.manage_stock)
    status = case((tracked, _status_of_stock(child.c.id, child.c.backorders)), else_=child.c.stock_status)
    rank = func.max(case((status == _INSTOCK, literal_column("2")), (status == _ONBACKORDER, _ONE), else_=_ZERO))
    return (
        select(case((rank == literal_column("2"), _INSTOCK), (rank == _ONE, _ONBACKORDER), else_=_OUTOFSTOCK))
        .where(child.c.parent_id == product.id, child.c.status.in_(_LISTED))
        .correlate_except(child)
        .scalar_subquery()
    )


def quantity_is(product: Any, parent: Any, least: int | None, most: int | None) -> Condition:
    """Tracked stock from `least` to `most` units: the row's, or that of a variation of its."""
    child = table_of(Product).alias("counted_variation")
    of_child = on_hand(child.c, product)
    of_variation = select(_ONE).where(
        child.c.parent_id == product.id, child.c.status.in_(_LISTED), _between(of_child, least, most)
    )
    own = _between(on_hand(product, parent), least, most)
    return or_(own, of_variation.correlate_except(child).exists())


def is_low(product: Any, parent: Any) -> Condition:
    """Stock of its own that is no more than its threshold; or, where a location has another one, there than that."""
    is_own = carrier_id(product, parent) == product.id
    in_all = on_hand(product, parent) <= thresholds.of_product(product)
    return and_(is_own, or_(in_all, _is_low_somewhere(product)))


def _is_low_somewhere(product: Any) -> Condition:
    level = table_of(StockLevel).alias("low_somewhere")
    is_low_there = and_(
        level.c.product_id == product.id,
        not_(level.c.disabled),
        availability.is_open(level.c.location_id),
        availability.available(level.c) <= thresholds.highest_said_here(),
        thresholds.is_said_here(level.c, product),
        availability.available(level.c) <= thresholds.of_item_at(level.c, product),
    )
    return select(_ONE).where(is_low_there).correlate_except(level).exists()


NOW: Final = bindparam("now", type_=Timestamp())
"""To be given with a statement: what things cost depends on it."""


class _Priced(NamedTuple):
    """A row for storage.prices: without the prices of a location."""

    regular_price: Any
    sale_price: Any
    sale_starts_at: Any
    sale_ends_at: Any
    own_regular_price: Any = prices.NO_PRICE
    own_sale_price: Any = prices.NO_PRICE

    @classmethod
    def of(cls, product: Any) -> _Priced:
        return cls(product.regular_price, product.sale_price, product.sale_starts_at, product.sale_ends_at)


def price(product: Any) -> ColumnElement[Any]:
    """What it costs now; of a variable product the least that one of its variations does."""
    child = table_of(Product).alias("priced_variation")
    least = select(func.min(prices.current(_Priced.of(child.c), NOW), type_=child.c.regular_price.type))
    of_variations = least.where(child.c.parent_id == product.id, child.c.status.in_(_LISTED)).correlate_except(child)
    return case(
        (product.type == _VARIABLE, of_variations.scalar_subquery()), else_=prices.current(_Priced.of(product), NOW)
    )


def price_is(product: Any, least: Any, most: Any) -> Condition:
    """What costs from `least` to `most` now; a variable product by any of its variations."""
    child = table_of(Product).alias("priced_variation")
    of_variation = select(_ONE).where(
        child.c.parent_id == product.id,
        child.c.status.in_(_LISTED),
        _between(prices.current(_Priced.of(child.c), NOW), least, most),
    )
    own = _between(prices.current(_Priced.of(product), NOW), least, most)
    is_variable = product.type == _VARIABLE
    return or_(and_(not_(is_variable), own), and_(is_variable, of_variation.correlate_except(child).exists()))


def on_sale(product: Any) -> Condition:
    """What costs less than usual now; a variable product when one of its variations does."""
    child = table_of(Product).alias("reduced_variation")
    of_variation = select(_ONE).where(
        child.c.parent_id == product.id, child.c.status.in_(_LISTED), prices.on_sale(_Priced.of(child.c), NOW)
    )
    is_variable = product.type == _VARIABLE
    own = prices.on_sale(_Priced.of(product), NOW)
    return or_(and_(not_(is_variable), own), and_(is_variable, of_variation.correlate_except(child).exists()))


def changed_from(product: Any, moment: datetime) -> Condition:
    """Rows that changed at a moment or later: themselves, a variation of theirs, or the stock of one of them."""
    item, parent = table_of(Product).alias("changed"), table_of(Product).alias("changed_parent")
    levels, since = table_of(StockLevel).alias("changed_level"), literal(moment, Timestamp())
    of_parent = carrier_id(item.c, parent.c) == parent.c.id
    changed: Condition = product.id.in_(
        union_all(
            select(item.c.id).where(item.c.updated_at >= since),
            select(item.c.parent_id).where(item.c.updated_at >= since, item.c.parent_id.is_not(None)),
            select(levels.c.product_id).where(levels.c.updated_at >= since),
            select(item.c.parent_id)
            .join_from(levels, item, item.c.id == levels.c.product_id)
            .where(levels.c.updated_at >= since, item.c.parent_id.is_not(None)),
            select(item.c.id)
            .select_from(
                levels.join(item, item.c.parent_id == levels.c.product_id).join(parent, parent.c.id == item.c.parent_id)
            )
            .where(levels.c.updated_at >= since, of_parent),
        )
    )
    return changed


def modified_at(product: Any, parent: Any) -> ColumnElement[datetime]:
    """When a row last changed, in the sense of changed_from(): each time by itself, so that an index finds it."""
    child, own = table_of(Product).alias("modified_variation"), table_of(StockLevel).alias("modified_level")
    item, of_item = table_of(Product).alias("modified_item"), table_of(StockLevel).alias("modified_item_level")
    carried = table_of(StockLevel).alias("modified_carrier_level")
    times = union_all(
        select(product.updated_at.label("time")).correlate(product.updated_at.table),
        select(func.max(child.c.updated_at)).where(child.c.parent_id == product.id).correlate_except(child),
        select(func.max(own.c.updated_at)).where(own.c.product_id == product.id).correlate_except(own),
        select(func.max(of_item.c.updated_at))
        .select_from(item.join(of_item, of_item.c.product_id == item.c.id))
        .where(item.c.parent_id == product.id)
        .correlate_except(item, of_item),
        select(func.max(carried.c.updated_at))
        .where(carried.c.product_id == carrier_id(product, parent))
        .correlate_except(carried),
    ).subquery("modified_times")
    return select(func.max(times.c.time, type_=Timestamp())).scalar_subquery()


def _between(value: ColumnElement[Any], least: Any, most: Any) -> Condition:
    bounds: Sequence[Condition] = [
        *([] if least is None else [value >= literal(least, value.type)]),
        *([] if most is None else [value <= literal(most, value.type)]),
    ]
    return and_(true(), *bounds)


def _name(text: str) -> ColumnElement[str]:
    """Written out, so that it is no parameter."""
    return literal_column(f"'{text}'", Text())


_LISTED: Final = (_name("publish"), _name("private"))
_VARIABLE: Final = _name("variable")
_TRASH: Final = _name("trash")
_NO: Final = _name("no")
_INSTOCK, _ONBACKORDER, _OUTOFSTOCK = _name("instock"), _name("onbackorder"), _name("outofstock")
_ZERO: Final = literal_column("0", BigInteger())
_ONE: Final = literal_column("1", BigInteger())
