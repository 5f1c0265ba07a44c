"""Keys: input types, each with what turns it into the core's value."""

from __future__ import annotations

from typing import TypeVar

import strawberry
from strawberry import UNSET as NOT_GIVEN

from schema.ids import database_id
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
