"""StockLevel: one item at one location."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import strawberry
from sqlalchemy import BigInteger, func, literal_column, not_

from schema.conditions import (
    Given,
    Makes,
    after,
    at,
    has_gtin,
    has_id,
    has_sku,
    meeting,
    name_or_sku_begins,
    name_or_sku_contains,
    quantity_within,
    since,
)
from schema.connections import page
from schema.errors import bad_input
from schema.ids import node_id
from schema.nodes import Node
from schema.selection import Slot
from schema.sight import VIEWER
from schema.sources import Argument, Condition, Key, Outer, Rows, column, elsewhere, leaf, one, stored, value
from schema.types import threshold
from schema.types.choices import Backorders, LowStockOrder, StockLevelOrder
from schema.types.price import Price
from schema.types.threshold import EffectiveThreshold
from storage import availability, low_stock, tables
from storage import conditions as sql
from storage.columns import Timestamp
from storage.visibility import on_offer

_Product = elsewhere("Product", "schema.types.product")
_Location = elsewhere("Location", "schema.types.location")
_LedgerEntry = elsewhere("LedgerEntry", "schema.types.ledger_entry")


def _days(days: int) -> int:
    if not 1 <= days <= low_stock.DAYS_MAX:
        raise bad_input(f"`days` must be from 1 to {low_stock.DAYS_MAX}, not {days}.")
    return days


def _since(given: tuple[int, datetime]) -> datetime:
    days, now = given
    return now - timedelta(days=_days(days))


def _outflow(level: Any, days: Slot) -> Any:
    """Over so many days before the time of the operation, which is one for all of it."""
    both = Slot(days.bindings, (), [days, Slot(days.bindings, (VIEWER, "now"))])
    return low_stock.outflow(level, both.bind(_since, type_=Timestamp()))


_OVER: Final = Argument(int, f"Over how many days, from 1 to {low_stock.DAYS_MAX}.", low_stock.DAYS)


@stored(tables.StockLevel, location_of=lambda row: row.location_id, shown=on_offer, keys=("product_id", "location_id"))
@strawberry.type(description="How many units of one product there are at one location, and at what price.")
class StockLevel(Node):
    """A row of `stock_level`."""

    id: strawberry.ID = leaf(
        lambda row: node_id("StockLevel", row.product_id, row.location_id), "Its id over all types. Opaque."
    )
    on_hand: int | None = column(
        "on_hand", "Units on hand; null when they were never counted here or are hidden from this key.", exact=True
    )
    regular_price: Decimal | None = column("regular_price", "The price here; null when the product's applies.")
    sale_price: Decimal | None = column("sale_price", "The reduced price here; null when there is none.")
    backorders: Backorders | None = leaf(
        lambda row: func.upper(row.backorders),
        "Whether it may be sold below zero here; null when the product's applies.",
    )
    disabled: bool = column("disabled", "Whether it is not available here.")
    reserved: int | None = column(
        "reserved", "Units on hand that are promised to somebody; null when hidden.", exact=True
    )
    safety_stock: int | None = column(
        "safety_stock", "Units on hand that are kept back and not offered; null when hidden.", exact=True
    )
    available: int | None = leaf(
        availability.available,
        "Units on hand that are neither reserved nor kept back, perhaps fewer than none; null when they were never "
        "counted here or are hidden from this key.",
        exact=True,
    )
    low_stock_threshold: int | None = column(
        "low_stock_threshold", "Up to how many units its stock is low here; null where the product or location says it."
    )
    effective_threshold: EffectiveThreshold = threshold.of_level()
    deficit: int | None = leaf(
        availability.deficit,
        "Units by which it is short of the threshold of low stock: 0 at the threshold, negative above it. Null "
        "when they were never counted here or are hidden from this key.",
        exact=True,
    )
    version: int = column("version", "Grows by one with every change; give it as expectedVersion to change just this.")
    updated_at: datetime = column("updated_at", "When it was last changed.")

    @one(Price)
    def price(row: Any, product: Any) -> Rows:
        """What the product costs here."""
        own = {"own_regular_price": Outer("regular_price"), "own_sale_price": Outer("sale_price")}
        return Rows([product.id == row.product_id], carries=own)

    @one(_Product)
    def product(row: Any, product: Any) -> Rows:
        """The product or variation."""
        return Rows([product.id == row.product_id])

    @one(_Location)
    def location(row: Any, location: Any) -> Rows:
        """The place."""
        return Rows([location.id == row.location_id])

    @page(_LedgerEntry, exact=True)
    def history(row: Any, entry: Any) -> Rows:
        """What changed it, newest first."""
        mine = [entry.product_id == row.product_id, entry.location_id == row.location_id]
        return Rows(mine, [entry.sequence], descending=True)

    @value(int | None, exact=True, time=Argument(datetime, "Up to this time, itself included."))
    def on_hand_at(row: Any, time: Slot) -> Any:
        """Units on hand at a time, as the ledger tells; null before the first entry and while they were not counted."""
        return sql.on_hand_at(row, time.bind(type_=Timestamp()))

    @value(float | None, exact=True, days=_OVER)
    def outflow_per_day(row: Any, days: Slot) -> Any:
        """Units that went out a day, to two places: sold, given away, used up, or taken away for another reason or for
        none. What moved, was counted, corrected, lost or damaged does not count. Null when hidden from this key."""
        return low_stock.per_day(_outflow(row, days), days.bind(_days, type_=BigInteger()))

    @value(float | None, exact=True, days=_OVER)
    def days_of_cover(row: Any, days: Slot) -> Any:
        """For how many days what is available lasts if as much goes out as did, to one place; 0 when there is none.
        Null when nothing went out, when it was never counted or is hidden from this key."""
        return low_stock.cover(availability.available(row), _outflow(row, days), days.bind(_days, type_=BigInteger()))


_MAKES: Makes = {
    "skus": lambda level, skus: has_sku(level.product_id, skus),
    "product_ids": lambda level, ids: has_id(level.product_id, "Product", ids),
    "locations": lambda level, keys: at(level.location_id, keys),
    "on_hand": lambda level, bounds: quantity_within(level.on_hand, bounds),
    "available": lambda level, bounds: quantity_within(availability.available(level), bounds),
    "availability": lambda level, wanted: availability.level_is(level, availability.Status(wanted.value)),
    "below_threshold": lambda level, low: (
        availability.level_is_low(level) if low else not_(availability.level_is_low(level))
    ),
    "disabled": lambda level, disabled: level.disabled.is_(disabled),
    "updated_after": lambda level, time: after(level.updated_at, time),
    "changed_since_sequence": lambda level, sequence: sql.levels_changed_since(level, since(sequence)),
}
_MAKES_OF_PRODUCT: Makes = {
    "gtins": has_gtin,
    "search": name_or_sku_contains,
    "search_prefix": name_or_sku_begins,
}


def matching(level: Any, given: Given) -> list[Condition]:
    """The conditions of a StockLevelFilter."""
    conditions = meeting(level, given, _MAKES)
    if of_product := meeting(sql.product_columns(), given, _MAKES_OF_PRODUCT):
        conditions.append(sql.of_products_where(level.product_id, *of_product))
    return conditions


def order_of(level: Any, by: StockLevelOrder) -> list[Any]:
    """The columns that sort levels, with what tells them apart."""
    match by:
        case StockLevelOrder.LOCATION:
            return [level.location_id, level.product_id]
        case StockLevelOrder.ON_HAND:
            return [Key("on_hand", sql.counted(level.on_hand)), level.product_id, level.location_id]
        case StockLevelOrder.AVAILABLE:
            available = sql.counted(availability.available(level))
            return [Key("available", available), level.product_id, level.location_id]
        case StockLevelOrder.UPDATED_AT:
            return [level.updated_at, level.product_id, level.location_id]
    return [level.product_id, level.location_id]


def order_of_low(level: Any, by: LowStockOrder) -> list[Any]:
    """The columns that sort storage.availability.low_levels()."""
    match by:
        case LowStockOrder.DEFICIT:
            return [Key("deficit", literal_column("deficit", BigInteger())), level.product_id, level.location_id]
        case LowStockOrder.AVAILABLE:
            return order_of(level, StockLevelOrder.AVAILABLE)
        case LowStockOrder.LOCATION:
            return order_of(level, StockLevelOrder.LOCATION)
    return order_of(level, StockLevelOrder.PRODUCT)
