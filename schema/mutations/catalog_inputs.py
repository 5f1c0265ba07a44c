"""What changes of the catalogue are asked in: each input becomes a row of a catalogue document."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import strawberry
from strawberry import UNSET as NOT_GIVEN

from schema.ids import database_id
from schema.inputs import LocationKeyInput, ProductKeyInput
from schema.types.choices import Backorders, LocationKind, ProductStatus, ProductType, StockStatus


def columns_of(given: Any) -> dict[str, Any]:
    """What was given of an input, as the row of a catalogue document has it. What is null is cleared."""
    values = {field.name: getattr(given, field.name) for field in dataclasses.fields(given)}
    columns = {name: _plain(value) for name, value in values.items() if value is not NOT_GIVEN}
    columns |= columns.pop("address", None) or {}
    return columns


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return columns_of(value) if dataclasses.is_dataclass(value) else value


@strawberry.input(description="Where a location is.")
class AddressInput:
    """Columns of a location."""

    address1: str | None = strawberry.field(default=NOT_GIVEN, description="Street and number.")
    address2: str | None = strawberry.field(default=NOT_GIVEN, description="What else is needed to find the door.")
    city: str | None = strawberry.field(default=NOT_GIVEN, description="City or town.")
    region: str | None = strawberry.field(default=NOT_GIVEN, description="State, province or county.")
    postcode: str | None = strawberry.field(default=NOT_GIVEN, description="Postal code.")
    country: str | None = strawberry.field(default=NOT_GIVEN, description="Country, as ISO 3166-1 alpha-2: `UA`.")


@strawberry.input
class LocationColumns:
    """What can be said of a location."""

    slug: str | None = strawberry.field(
        default=NOT_GIVEN, description="Its name in URLs; of a new location made of its name when it is not given."
    )
    code: str | None = strawberry.field(default=NOT_GIVEN, description="The code by which tills know it.")
    description: str | None = strawberry.field(default=NOT_GIVEN, description="What there is to say about it.")
    kind: LocationKind | None = strawberry.field(default=NOT_GIVEN, description="What kind of place it is.")
    active: bool | None = strawberry.field(
        default=NOT_GIVEN, description="Whether it takes changes and counts; an archived one comes back by true."
    )
    is_default: bool | None = strawberry.field(
        default=NOT_GIVEN, description="Whether it is the default; the one that was is it no longer, then."
    )
    pickup: bool | None = strawberry.field(default=NOT_GIVEN, description="Whether customers can pick up goods here.")
    position: int | None = strawberry.field(default=NOT_GIVEN, description="Its place in lists: lower ones come first.")
    low_stock_threshold: int | None = strawberry.field(
        default=NOT_GIVEN,
        description="So many units or fewer are low stock here, of products that have no threshold of their own; null: "
        "no such mark.",
    )
    address: AddressInput | None = strawberry.field(
        default=NOT_GIVEN, description="Where it is; what is left out of it stays as it is."
    )
    latitude: float | None = strawberry.field(default=NOT_GIVEN, description="Degrees north: from -90 to 90.")
    longitude: float | None = strawberry.field(default=NOT_GIVEN, description="Degrees east: from -180 to 180.")


@strawberry.input(description="A new location.")
class LocationCreateInput(LocationColumns):
    """Becomes a row of a catalogue document."""

    name: str = strawberry.field(description="Its name.")
    dry_run: bool = strawberry.field(default=False, description="Only try: tell what would happen and write nothing.")


@strawberry.input(description="Other values of a location. What is left out stays as it is.")
class LocationUpdateInput(LocationColumns):
    """Becomes a row of a catalogue document."""

    location: LocationKeyInput = strawberry.field(description="Which one.")
    name: str | None = strawberry.field(default=NOT_GIVEN, description="Its name.")
    dry_run: bool = strawberry.field(default=False, description="Only try: tell what would happen and write nothing.")


@strawberry.input(description="One thing that sets a variation apart, or describes a product.")
class AttributeInput:
    """An element of a product's attributes."""

    name: str = strawberry.field(description="What is told: `size`.")
    value: str = strawberry.field(description="What it is: `42`.")


@strawberry.input
class ProductColumns:
    """What can be said of products and variations alike."""

    id: strawberry.ID | None = strawberry.field(
        default=NOT_GIVEN,
        description="Its node id, or its databaseId: finds it. One that no product has yet becomes that of a new one.",
    )
    sku: str | None = strawberry.field(
        default=NOT_GIVEN, description="Its SKU, unique in any case: finds it, when there is no id."
    )
    gtin: str | None = strawberry.field(default=NOT_GIVEN, description="Its GTIN (EAN, UPC), of 8 to 14 digits.")
    name: str | None = strawberry.field(
        default=NOT_GIVEN, description="Its name; a variation's is made of its parent's when it is not given."
    )
    status: ProductStatus | None = strawberry.field(
        default=NOT_GIVEN, description="Whether it is on show; one in the trash comes back by any other status."
    )
    attributes: list[AttributeInput] | None = strawberry.field(
        default=NOT_GIVEN, description="What sets a variation apart, or describes the product: all of it."
    )
    manage_stock: bool | None = strawberry.field(default=NOT_GIVEN, description="Whether its stock is counted.")
    stock_status: StockStatus | None = strawberry.field(
        default=NOT_GIVEN, description="What there is of it to say while its stock is not counted."
    )
    backorders: Backorders | None = strawberry.field(
        default=NOT_GIVEN, description="Whether it may be sold below zero, where a location has no setting of its own."
    )
    regular_price: Decimal | None = strawberry.field(
        default=NOT_GIVEN, description="Its price, where a location has none of its own; null clears it."
    )
    sale_price: Decimal | None = strawberry.field(
        default=NOT_GIVEN, description="Its reduced price, below the regular one; null clears it."
    )
    sale_starts_at: datetime | None = strawberry.field(
        default=NOT_GIVEN, description="From when the reduced price applies; null: from now on."
    )
    sale_ends_at: datetime | None = strawberry.field(
        default=NOT_GIVEN, description="Until when the reduced price applies; null: for good."
    )
    tax_rate: Decimal | None = strawberry.field(default=NOT_GIVEN, description='Its tax rate in percent: "20".')
    low_stock_threshold: int | None = strawberry.field(
        default=NOT_GIVEN, description="So many units or fewer are low stock; null: no such mark."
    )


@strawberry.input(description="A variation as it shall be. What is left out stays as it is.")
class VariationInput(ProductColumns):
    """Becomes a row of a catalogue document."""


@strawberry.input(description="A product as it shall be. What is left out stays as it is.")
class ProductInput(ProductColumns):
    """Becomes a row of a catalogue document."""

    type: ProductType | None = strawberry.field(
        default=NOT_GIVEN, description="What kind of product it is; SIMPLE, or VARIABLE when variations are given."
    )
    variations: list[VariationInput] | None = strawberry.field(
        default=NOT_GIVEN, description="Its variations; those that are left out stay as they are."
    )


@strawberry.input(description="Products to be created or updated, all or none.")
class ProductUpsertInput:
    """Becomes a catalogue document."""

    products: list[ProductInput] = strawberry.field(
        description="The products; with the variations inside them from 1 to 1,000."
    )
    dry_run: bool = strawberry.field(default=False, description="Only try: tell what would happen and write nothing.")

    def rows(self) -> list[dict[str, Any]]:
        """The rows of the document."""
        return [product_row(product) for product in self.products]


@strawberry.input(description="Variations of one product to be created or updated, all or none.")
class VariationUpsertInput:
    """Becomes a catalogue document."""

    product: ProductKeyInput = strawberry.field(description="The variable product.")
    variations: list[VariationInput] = strawberry.field(description="Its variations, from 1 to 1,000.")
    dry_run: bool = strawberry.field(default=False, description="Only try: tell what would happen and write nothing.")

    def rows(self) -> list[dict[str, Any]]:
        """The rows of the document."""
        return [product_row(variation) for variation in self.variations]


def product_row(product: Any) -> dict[str, Any]:
    """A product or variation as the row of a catalogue document."""
    row = columns_of(product)
    if row.get("variations") is None:
        row.pop("variations", None)
    for item in (row, *row.get("variations", ())):
        if item.get("id") is not None:
            item["id"] = database_id("Product")(item["id"])
    return row


@strawberry.input(description="A location to be closed for good.")
class LocationArchiveInput:
    """Asks for storage.location_writes.archive()."""

    location: LocationKeyInput = strawberry.field(description="Which one.")
    transfer_to: LocationKeyInput | None = strawberry.field(
        default=NOT_GIVEN, description="Where its stock moves. Needed when it has any."
    )
    note: str = strawberry.field(default="", description="Why, in your own words, for the ledger.")
    reference: str = strawberry.field(default="", description="Your own number for it, for the ledger.")
    dry_run: bool = strawberry.field(default=False, description="Only try: tell what would happen and write nothing.")


@strawberry.input(description="Products to be thrown away, with their variations.")
class ProductArchiveInput:
    """Asks for storage.product_writes.archive()."""

    products: list[ProductKeyInput] = strawberry.field(description="The products or variations, from 1 to 1,000.")
    dry_run: bool = strawberry.field(default=False, description="Only try: tell what would happen and write nothing.")
