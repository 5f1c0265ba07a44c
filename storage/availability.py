"""Availability: how many units may be promised, and what to call that. One rule, for values and as its SQL twin.

Of a level, on_hand - reserved - safety_stock is available. What is offered is the sum of what is available, never less
than nothing, over the levels that are not disabled, at active locations, of items whose stock is tracked. A level that
was never counted adds nothing, but back-orders may be taken there; what is in the trash offers nothing.

Of an item whose stock is not tracked the shop itself says what there is: it may always be ordered, or as a back-order,
or not at all. What it says of a product with variations does not count: they have their own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Subquery,
    Text,
    and_,
    case,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
)

from storage import thresholds
from storage.changes import Backorders
from storage.conditions import counted, is_counted
from storage.tables import Location, Product, StockLevel
from storage.upsert import table_of

Condition = ColumnElement[bool]
Seen = Callable[[Any], Condition]
"""The condition that somebody may see a row, given its columns."""


class Status(StrEnum):
    """What is said of an item: somewhere, or over several places."""

    IN_STOCK = "in_stock"
    LOW_STOCK = "low_stock"
    BACKORDER = "backorder"
    OUT_OF_STOCK = "out_of_stock"
    NOT_TRACKED = "not_tracked"


class Offer(NamedTuple):
    """A level that is offered. `tracked`: its item's stock is; `backorders`: they are taken, by its own or its item's
    setting. `said` is what the shop says of the item: it counts if its stock is not tracked."""

    on_hand: int | None
    reserved: int = 0
    safety_stock: int = 0
    tracked: bool = True
    backorders: bool = False
    said: str = "instock"


class Availability(NamedTuple):
    """What is offered; the quantity of what may always be ordered is None."""

    status: Status
    quantity: int | None


def available_of(on_hand: int | None, reserved: int, safety_stock: int) -> int | None:
    """Units of a level that nobody has a claim to; None when they were never counted. May be negative."""
    return None if on_hand is None else on_hand - reserved - safety_stock


def availability_of(offers: Iterable[Offer], threshold: int, *, said: Collection[str] | None = None) -> Availability:
    """What these levels offer together. `said` is what the shop says of those of the items whose stock is not tracked,
    wherever they are."""
    offers = list(offers)
    quantity = sum(max(available_of(*offer[:3]) or 0, 0) for offer in offers if offer.tracked)
    if said is None:
        said = {offer.said for offer in offers if not offer.tracked}
    if quantity > 0:
        return Availability(Status.LOW_STOCK if quantity <= threshold else Status.IN_STOCK, quantity)
    if "instock" in said:
        return Availability(Status.NOT_TRACKED, None)
    is_ordered = "onbackorder" in said or any(offer.backorders for offer in offers if offer.tracked)
    return Availability(Status.BACKORDER if is_ordered else Status.OUT_OF_STOCK, 0)


# The same in SQL, over rows that have a table's columns as attributes


def available(level: Any) -> ColumnElement[int | None]:
    """available_of() a level: NULL when it was never counted."""
    units: ColumnElement[int | None] = level.on_hand - level.reserved - level.safety_stock
    return units


def is_tracked(item: Any) -> Condition:
    """Whether stock of a product or variation is tracked: a variation that says no does as its parent does."""
    parent = table_of(Product).alias("tracked_parent")
    by_parent = select(parent.c.id).where(parent.c.id == item.parent_id, parent.c.manage_stock).correlate_except(parent)
    return or_(item.manage_stock, by_parent.exists())


def is_untracked(product: Any, item_seen: Seen) -> Condition:
    """Whether a product may always be ordered, as its stock is not tracked; of a variable one: at least one of its
    variations."""
    return _is_said(product, item_seen, _IN_STOCK)


def is_on_backorder(product: Any, item_seen: Seen) -> Condition:
    """Whether the shop says of a product, whose stock is not tracked, that it takes back-orders; of a variable one: of
    at least one of its variations."""
    return _is_said(product, item_seen, _ON_BACKORDER)


def _is_said(product: Any, item_seen: Seen, said: ColumnElement[str]) -> Condition:
    variation = table_of(Product).alias("untracked_variation")
    is_of_product = and_(variation.c.parent_id == product.id, kept(variation.c, item_seen))
    of_variation = (
        select(variation.c.id)
        .where(is_of_product, not_(variation.c.manage_stock), variation.c.stock_status == said)
        .correlate_except(variation)
        .exists()
    )
    is_variable = product.type == _VARIABLE
    of_product = and_(product.stock_status == said, not_(is_tracked(product)))
    return and_(not_(product.manage_stock), or_(and_(is_variable, of_variation), and_(not_(is_variable), of_product)))


def kept(item: Any, item_seen: Seen) -> Condition:
    """Items that count: those not in the trash that the caller may see."""
    return and_(item.status != _TRASH, item_seen(item))


def takes_backorders(level: Any, item: Any) -> Condition:
    """Whether back-orders are taken: the level's setting, else the item's."""
    return func.coalesce(level.backorders, item.backorders) != _NO


def _free(item: Any, tracked: Condition) -> Condition:
    """Whether an item may always be ordered, wherever it is."""
    return and_(not_(tracked), or_(item.stock_status == _IN_STOCK, item.type == _VARIABLE))


def _ordered(level: Any, item: Any, tracked: Condition) -> Condition:
    """Whether an item may be ordered where there is none of it."""
    is_said = and_(not_(tracked), item.stock_status == _ON_BACKORDER, item.type != _VARIABLE)
    return or_(and_(tracked, takes_backorders(level, item)), is_said)


def offered_units(level: Any, tracked: Condition) -> ColumnElement[int]:
    """What an offered level adds: its available units, 0 for none or fewer."""
    return case((and_(available(level) > _ZERO, tracked), available(level)), else_=_ZERO)


def status(quantity: Any, threshold: Any, untracked: Condition, backorders: Condition) -> ColumnElement[str]:
    """The name of a Status, by the rule of availability_of()."""
    return case(
        (and_(quantity > _ZERO, quantity <= threshold), _name(Status.LOW_STOCK)),
        (quantity > _ZERO, _name(Status.IN_STOCK)),
        (untracked, _name(Status.NOT_TRACKED)),
        (backorders, _name(Status.BACKORDER)),
        else_=_name(Status.OUT_OF_STOCK),
    )


def quantity_or_null(quantity: Any, untracked: Condition) -> ColumnElement[int | None]:
    """The quantity of an Availability."""
    return case((or_(quantity > _ZERO, not_(untracked)), quantity))


def is_open(location_id: Any) -> Condition:
    """What is at an active location that is not archived."""
    location = table_of(Location).alias("open_location")
    is_open_: Condition = location_id.in_(
        select(location.c.id).where(location.c.active, location.c.archived_at.is_(None))
    )
    return is_open_


def level_is(level: Any, wanted: Status) -> Condition:
    """Levels with this status: for filters. One that is disabled or at a closed location is out of stock."""
    is_offered = and_(not_(level.disabled), is_open(level.location_id))
    named = _of_item(
        level,
        lambda item: (
            status(
                offered_units(level, is_tracked(item)),
                thresholds.of_item_at(level, item),
                _free(item, is_tracked(item)),
                _ordered(level, item, is_tracked(item)),
            )
            == _name(wanted)
        ),
    )
    return or_(not_(is_offered), named) if wanted is Status.OUT_OF_STOCK else and_(is_offered, named)


def level_is_low(level: Any) -> Condition:
    """Levels that are offered and counted, with no more available than the threshold: for `belowThreshold`."""
    return and_(*_may_be_low(level), _of_item(level, lambda item: _is_low(level, item)))


def low_levels() -> Select[Any]:
    """The rows for which level_is_low() with their deficit(): for lists in its order, which look at each item once."""
    level, item = table_of(StockLevel).alias("low_level"), table_of(Product).alias("low_item")
    short = (thresholds.of_item_at(level.c, item.c) - available(level.c)).label("deficit")
    # Each level has an item. This is an outer join so that SQLite begins with the levels
    source = level.outerjoin(item, item.c.id == level.c.product_id)
    return select(*level.c, short).select_from(source).where(*_may_be_low(level.c), _is_low(level.c, item.c))


def _is_low(level: Any, item: Any) -> Condition:
    return and_(available(level) <= thresholds.of_item_at(level, item), is_tracked(item), item.status != _TRASH)


def _may_be_low(level: Any) -> tuple[Condition, ...]:
    """Conditions without the item, so that an index finds the levels: no threshold is above the highest."""
    # SQLite would rather take the index on location_id, were these the locations of a list
    location = table_of(Location).alias("open_location")
    at_open = select(location.c.id).where(
        location.c.id == level.location_id, location.c.active, location.c.archived_at.is_(None)
    )
    may_be = and_(is_counted(available(level)), counted(available(level)) <= thresholds.highest())
    return may_be, not_(level.disabled), at_open.correlate_except(location).exists()


def deficit(level: Any) -> ColumnElement[int]:
    """Units that a level is short of its threshold; negative above it."""
    short: ColumnElement[int] = thresholds.of_level(level) - available(level)
    return short


def product_quantity(product: Any, level_seen: Seen, item_seen: Seen) -> ColumnElement[int | None]:
    """The quantity that is offered of a product, its variations' included; NULL when it is not tracked."""
    untracked = is_untracked(product, item_seen)
    total = Offers.of(product, level_seen, item_seen).total("offered_quantity")
    return select(quantity_or_null(total.c.quantity, untracked)).correlate_except(total).scalar_subquery()


def product_is(product: Any, wanted: Status, level_seen: Seen, item_seen: Seen) -> Condition:
    """Products with this status: for filters."""
    untracked = is_untracked(product, item_seen)
    total = Offers.of(product, level_seen, item_seen).total("offered_status")
    backorders = or_(total.c.backorders, is_on_backorder(product, item_seen))
    named = status(total.c.quantity, thresholds.of_product(product), untracked, backorders)
    found: Condition = select(named).correlate_except(total).scalar_subquery() == _name(wanted)
    return found


class Offers(NamedTuple):
    """Offered levels with their items and locations: aliases to select from."""

    level: Any
    item: Any
    parent: Any
    location: Any
    where: tuple[Condition, ...]

    @classmethod
    def of(cls, product: Any, level_seen: Seen, item_seen: Seen) -> Offers:
        """Those of a product and its variations. `level_seen` and `item_seen`: what the caller may see."""
        level, item = table_of(StockLevel).alias("offered"), table_of(Product).alias("offered_item")
        parent, location = table_of(Product).alias("offered_parent"), table_of(Location).alias("offered_at")
        is_of = and_(or_(item.c.id == product.id, item.c.parent_id == product.id), kept(item.c, item_seen))
        is_open_ = and_(location.c.active, location.c.archived_at.is_(None))
        return cls(level, item, parent, location, (is_of, is_open_, not_(level.c.disabled), level_seen(level.c)))

    @property
    def quantity(self) -> ColumnElement[int]:
        """What they offer together; NULL when there is none of them."""
        return func.sum(offered_units(self.level.c, self._tracked)).cast(BigInteger)

    @property
    def untracked(self) -> Condition:
        """Whether an item of one of them may always be ordered; NULL when there is none."""
        return _holds_of_any(_free(self.item.c, self._tracked)) == _ONE

    @property
    def backorders(self) -> Condition:
        """Whether back-orders are taken at one of them; NULL when there is none."""
        return _holds_of_any(_ordered(self.level.c, self.item.c, self._tracked)) == _ONE

    @property
    def _tracked(self) -> Condition:
        """is_tracked() its item; the parent is joined, for SQLite's parser takes only so many levels."""
        return or_(self.item.c.manage_stock, self.parent.c.manage_stock.is_(true()))

    def select(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """A select of them."""
        source = self.item.join(self.level, self.level.c.product_id == self.item.c.id)
        source = source.join(self.location, self.location.c.id == self.level.c.location_id)
        source = source.outerjoin(self.parent, self.parent.c.id == self.item.c.parent_id)
        found = select(*columns).select_from(source).where(*self.where)
        return found.correlate_except(self.level, self.item, self.parent, self.location)

    def total(self, name: str) -> Subquery:
        """All of them as one row."""
        quantity = func.coalesce(self.quantity, _ZERO).label("quantity")
        backorders = holds_of_any(_ordered(self.level.c, self.item.c, self._tracked)).label("backorders")
        return self.select(quantity, backorders).subquery(name)


def holds_of_any(condition: Condition) -> Condition:
    """Whether it holds of one of the rows that are aggregated."""
    return func.coalesce(_holds_of_any(condition), _ZERO) == _ONE


def _holds_of_any(condition: Condition) -> ColumnElement[int | None]:
    """1 or 0, and NULL of no rows."""
    return func.max(case((condition, _ONE), else_=_ZERO))


def _of_item(level: Any, holds: Seen) -> Condition:
    item = table_of(Product).alias("level_item")
    return select(item.c.id).where(item.c.id == level.product_id, holds(item.c)).correlate_except(item).exists()


def _name(value: Status) -> ColumnElement[str]:
    """Written out, so that it is no parameter."""
    return literal_column(f"'{value}'", Text())


_VARIABLE: Final = literal_column("'variable'", Text())
_TRASH: Final = literal_column("'trash'", Text())
_IN_STOCK: Final = literal_column("'instock'", Text())
_ON_BACKORDER: Final = literal_column("'onbackorder'", Text())
_NO: Final = literal_column(f"'{Backorders.NO}'", Text())
_ZERO: Final = literal_column("0", BigInteger())
_ONE: Final = literal_column("1", BigInteger())
