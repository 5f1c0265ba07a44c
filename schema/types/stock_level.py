"""StockLevel: one item at one location."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import strawberry
from sqlalchemy import func

from schema.conditions import Given, after, at, has_id, has_sku, within
from schema.ids import node_id
from schema.sources import Condition, Outer, Rows, column, elsewhere, leaf, one, stored
from schema.types.choices import Backorders
from schema.types.price import Price
from storage import availability, tables
from storage.visibility import on_offer

_Product = elsewhere("Product", "schema.types.product")
_Location = elsewhere("Location", "schema.types.location")


@stored(tables.StockLevel, location_of=lambda row: row.location_id, shown=on_offer)
@strawberry.type(description="How many units of one product there are at one location, and at what price.")
class StockLevel:
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


def matching(level: Any, given: Given) -> list[Condition]:
    """The conditions of a StockLevelFilter."""
    conditions = []
    if skus := given.get("skus"):
        conditions.append(has_sku(level.product_id, skus))
    if ids := given.get("product_ids"):
        conditions.append(has_id(level.product_id, "Product", ids))
    if locations := given.get("locations"):
        conditions.append(at(level.location_id, locations))
    if bounds := given.get("on_hand"):
        conditions.extend(within(level.on_hand, bounds))
    if time := given.get("updated_after"):
        conditions.append(after(level.updated_at, time))
    return conditions
