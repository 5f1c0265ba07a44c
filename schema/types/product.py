"""Product: a product or a variation."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import strawberry
from sqlalchemy import and_, func, not_, true

from schema.conditions import (
    Given,
    Makes,
    after,
    at,
    has_attributes,
    has_gtin,
    has_id,
    meeting,
    name_or_sku_begins,
    name_or_sku_contains,
    quantity_within,
    since,
    sku_among,
)
from schema.ids import node_id
from schema.inputs import LocationKeyInput
from schema.nodes import Node
from schema.selection import Slot
from schema.sources import (
    Argument,
    Condition,
    Rows,
    Sees,
    Through,
    column,
    element,
    elements,
    elsewhere,
    embedded,
    leaf,
    many,
    one,
    stored,
)
from schema.types import threshold
from schema.types.availability import PLACES, Availability, of_product
from schema.types.choices import Backorders, ProductStatus, ProductType, StockStatus
from schema.types.price import Price
from schema.types.threshold import EffectiveThreshold
from storage import availability, tables
from storage import conditions as sql
from storage.availability import product_quantity
from storage.prices import NO_PRICE
from storage.visibility import published

_StockLevel = elsewhere("StockLevel", "schema.types.stock_level")


@strawberry.type(description="What sets a variation apart, or describes a product.")
class Attribute:
    """An element of the product's `attributes`."""

    name: str = element("name", "What is told: `size`.")
    value: str = element("value", "What it is: `42`.")


@stored(tables.Product, shown=published)
@strawberry.type(description="What the shop lists. A simple product or a variation carries stock.")
class Product(Node):
    """A row of `product`."""

    id: strawberry.ID = leaf(lambda row: node_id("Product", row.id), "Its id over all types. Opaque.")
    database_id: int = column("id", "The number by which legacy systems know it.")
    sku: str | None = column("sku", "Its stock keeping unit; unique ignoring case.")
    gtin: str | None = column("gtin_text", "Its GTIN (EAN, UPC) as it was given.")
    name: str = column("name", "Its name; a variation's is `Parent - value, value`.")
    type: ProductType = leaf(lambda row: func.upper(row.type), "What kind of product this is.")
    status: ProductStatus = leaf(lambda row: func.upper(row.status), "Whether it is on show.")
    manage_stock: bool = column("manage_stock", "Whether its stock is counted.")
    stock_status: StockStatus = leaf(
        lambda row: func.upper(row.stock_status),
        "What the shop says of it while its stock is not counted. Of a product with variations theirs counts.",
    )
    backorders: Backorders = leaf(lambda row: func.upper(row.backorders), "Whether it may be sold below zero.")
    regular_price: Decimal | None = column("regular_price", "Its price, where a location has none of its own.")
    sale_price: Decimal | None = column("sale_price", "Its reduced price.")
    sale_starts_at: datetime | None = column("sale_starts_at", "When the reduced price begins; null for at once.")
    sale_ends_at: datetime | None = column("sale_ends_at", "When it ends; null for never.")
    price: Price = embedded(
        None,
        "What it costs, where a location has no price of its own.",
        own_regular_price=NO_PRICE,
        own_sale_price=NO_PRICE,
    )
    low_stock_threshold: int | None = column(
        "low_stock_threshold",
        "Up to how many units its stock is low; null where its parent's threshold applies, a location's, or 2.",
    )
    effective_threshold: EffectiveThreshold = threshold.of_product()
    created_at: datetime = column("created_at", "When it was created.")
    updated_at: datetime = column("updated_at", "When it was last changed, other than its stock.")
    on_hand: int | None = leaf(
        lambda row, sees: sql.on_hand_total(row.id, lambda level: sees.row("StockLevel", level)),
        "Units on hand over all active locations, its variations' included; null when they were never counted or are "
        "hidden from this key.",
        limited=True,
        exact=True,
    )

    available: int | None = leaf(
        lambda row, sees: product_quantity(
            row, lambda level: sees(level.location_id), lambda item: sees.row("Product", item)
        ),
        "Units that may be promised, over all active locations, its variations' included: on hand, less what is "
        "reserved and kept back. Null when its stock is not tracked or is hidden from this key.",
        limited=True,
        exact=True,
    )

    @one(Availability, limited=True, derives=True, **PLACES)
    def availability(
        row: Any, _: Any, sees: Sees, new_name: Any, locations: Slot | None = None, near: Given | None = None
    ) -> Rows:
        """What may be promised of it, in all and by location; of a variable product: of its variations together."""
        return of_product(row, sees, new_name, locations, near)

    @one("Product | None")
    def parent(row: Any, parent: Any) -> Rows:
        """The product of which this is a variation."""
        return Rows([parent.id == row.parent_id])

    attributes: list[Attribute] = elements("attributes", "What sets a variation apart, or describes the product.")

    @many("Product")
    def variations(row: Any, variation: Any) -> Rows:
        """Its sellable forms, by id; empty unless it is variable."""
        return Rows([variation.parent_id == row.id], [variation.id])

    @many(_StockLevel, locations=Argument(list[LocationKeyInput] | None, "Only at these locations."))
    def stock_levels(row: Any, level: Any, locations: Slot | None = None) -> Rows:
        """What there is of it and where, in the locations' order; only at `locations` when they are given."""
        return levels_of(row, level, locations)


def levels_of(product: Any, level: Any, locations: Slot | None) -> Rows:
    """A product's levels, in the order of their locations; only at `locations` when they are given."""
    named = [] if locations is None else [at(level.location_id, locations)]
    place = Through(tables.Location, lambda location: location.id == level.location_id, "position")
    return Rows([level.product_id == product.id, *named], [place, level.location_id])


_MAKES: Makes = {
    "search": name_or_sku_contains,
    "search_prefix": name_or_sku_begins,
    "skus": sku_among,
    "gtins": has_gtin,
    "ids": lambda product, ids: has_id(product.id, "Product", ids),
    "type": lambda product, type_: product.type == type_.value,
    "status": lambda product, status: product.status == status.value,
    "attributes": has_attributes,
    "updated_after": lambda product, time: after(product.updated_at, time),
}
_MAKES_OF_LEVEL: Makes = {
    "on_hand": lambda level, bounds: quantity_within(level.on_hand, bounds),
    "available": lambda level, bounds: quantity_within(availability.available(level), bounds),
}


def matching(product: Any, given: Given, sees: Sees) -> list[Condition]:
    """The conditions of a ProductFilter; levels count where the caller sees them."""
    conditions = meeting(product, given, _MAKES)
    if sequence := given.get("changed_since_sequence"):
        conditions.append(sql.products_changed_since(product.id, since(sequence), sees))
    return conditions + _by_stock(product, given, sees)


def _by_stock(product: Any, given: Given, sees: Sees) -> list[Condition]:
    """What is asked of its levels: of those at `locations`, when they are given."""
    level, conditions = sql.level_columns(), []

    def counts(row: Any) -> Condition:
        locations = given.get("locations")
        return and_(sees.row("StockLevel", row), true() if locations is None else at(row.location_id, locations))

    of_level, below = meeting(level, given, _MAKES_OF_LEVEL), given.get("below_threshold")
    if of_level or given.get("locations") is not None:
        conditions.append(sql.stocked_where(product, *of_level, counts(level)))
    if below is not None:
        low = sql.stocked_where(product, availability.level_is_low(level), counts(level))
        conditions.append(low if below else not_(low))
    if wanted := given.get("availability"):
        status = availability.Status(wanted.value)
        conditions.append(availability.product_is(product, status, counts, lambda item: sees.row("Product", item)))
    if elsewhere_ := given.get("not_stocked_at"):
        seen = sees.row("StockLevel", level)
        conditions.append(not_(sql.stocked_where(product, at(level.location_id, elsewhere_), seen)))
    return conditions
