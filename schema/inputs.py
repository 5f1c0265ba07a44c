"""Keys and filters: input types, each with what turns it into the core's values or conditions."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

import strawberry
from strawberry import UNSET as NOT_GIVEN

from schema.ids import database_id
from schema.sources import EXACT
from schema.types.choices import ProductType
from storage.changes import ItemKey, LocationKey

T = TypeVar("T")


def given(value: T | None) -> T | None:
    """A nullable input's value; None also when it was not given."""
    return None if value is NOT_GIVEN else value


@strawberry.input(name="LocationKey", one_of=True, description="Names one location: give exactly one of these.")
class LocationKeyInput:
    """Becomes a LocationKey."""

    id: strawberry.Maybe[strawberry.ID] = strawberry.field(description="Its node id, or its databaseId.")
    slug: strawberry.Maybe[str] = strawberry.field(description="Its slug, in any case.")
    code: strawberry.Maybe[str] = strawberry.field(description="The code by which tills know it.")

    def to_key(self) -> LocationKey:
        """The core's key."""
        if self.id is not None:
            return LocationKey("id", database_id("Location")(self.id.value))
        if self.slug is not None:
            return LocationKey("slug", self.slug.value)
        return LocationKey("code", self.code.value if self.code else "")


@strawberry.input(
    name="ProductKey", one_of=True, description="Names one product or variation: give exactly one of these."
)
class ProductKeyInput:
    """Becomes an ItemKey."""

    id: strawberry.Maybe[strawberry.ID] = strawberry.field(description="Its node id, or its databaseId.")
    sku: strawberry.Maybe[str] = strawberry.field(description="Its SKU, in any case.")
    gtin: strawberry.Maybe[str] = strawberry.field(description="Its GTIN (EAN, UPC), of 8 to 14 digits.")

    def to_key(self) -> ItemKey:
        """The core's key."""
        if self.id is not None:
            return ItemKey("id", database_id("Product")(self.id.value))
        if self.sku is not None:
            return ItemKey("sku", self.sku.value)
        return ItemKey("gtin", self.gtin.value if self.gtin else "")


@strawberry.input(name="Near", description="A point on the Earth, and how far around it to look.")
class NearInput:
    """Compiled by schema.types.availability."""

    latitude: float = strawberry.field(description="Degrees north, from -90 to 90.")
    longitude: float = strawberry.field(description="Degrees east, from -180 to 180.")
    radius_km: float | None = strawberry.field(
        default=NOT_GIVEN,
        description="Only locations within so many kilometres, above 0 and at most 20,050. Without it all, and those "
        "without coordinates last.",
    )


@strawberry.input(name="CartLine", description="One line of a cart.")
class CartLineInput:
    """Compiled by schema.types.availability."""

    sku: str = strawberry.field(description="The SKU, in any case.")
    quantity: int = strawberry.field(description="Units wanted, from 1 to 1,000,000,000.")


@strawberry.input(description="A range of whole numbers; both ends belong to it.")
class IntRange:
    """Read by conditions over slots."""

    gte: int | None = strawberry.field(default=NOT_GIVEN, description="At least this.")
    lte: int | None = strawberry.field(default=NOT_GIVEN, description="At most this.")


@strawberry.input(description="Which products: those that meet all conditions given.")
class ProductFilter:
    """Compiled by schema.types.product."""

    search: str | None = strawberry.field(
        default=NOT_GIVEN, description="Text in the name or the SKU, in any case; at most 1,000 characters."
    )
    skus: list[str] | None = strawberry.field(default=NOT_GIVEN, description="These SKUs, in any case.")
    ids: list[strawberry.ID] | None = strawberry.field(default=NOT_GIVEN, description="These node ids or databaseIds.")
    type: ProductType | None = strawberry.field(default=NOT_GIVEN, description="Of this type.")
    location: LocationKeyInput | None = strawberry.field(default=NOT_GIVEN, description="Stocked at this location.")
    on_hand: IntRange | None = strawberry.field(
        default=NOT_GIVEN,
        metadata={EXACT: True},
        description="So many units on hand at one location: at `location` when that is given, else at any.",
    )
    updated_after: datetime | None = strawberry.field(default=NOT_GIVEN, description="Changed after this time.")


@strawberry.input(description="Which stock levels: those that meet all conditions given.")
class StockLevelFilter:
    """Compiled by schema.types.stock_level."""

    skus: list[str] | None = strawberry.field(
        default=NOT_GIVEN, description="Of the products with these SKUs, in any case."
    )
    product_ids: list[strawberry.ID] | None = strawberry.field(default=NOT_GIVEN, description="Of these products.")
    locations: list[LocationKeyInput] | None = strawberry.field(default=NOT_GIVEN, description="At these locations.")
    on_hand: IntRange | None = strawberry.field(
        default=NOT_GIVEN, metadata={EXACT: True}, description="So many units on hand."
    )
    updated_after: datetime | None = strawberry.field(default=NOT_GIVEN, description="Changed after this time.")


@strawberry.input(description="Which ledger entries: those that meet all conditions given.")
class LedgerEntryFilter:
    """Compiled by schema.types.ledger_entry."""

    skus: list[str] | None = strawberry.field(
        default=NOT_GIVEN, description="Of the products with these SKUs, in any case."
    )
    product_ids: list[strawberry.ID] | None = strawberry.field(default=NOT_GIVEN, description="Of these products.")
    locations: list[LocationKeyInput] | None = strawberry.field(default=NOT_GIVEN, description="At these locations.")
    group_id: strawberry.ID | None = strawberry.field(default=NOT_GIVEN, description="Of this stock change group.")
