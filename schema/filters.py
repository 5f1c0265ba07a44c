"""Filter inputs: which products, locations, stock levels or changes. The types' matching() make conditions of them."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry import UNSET as NOT_GIVEN

from schema.inputs import LocationKeyInput
from schema.sources import EXACT
from schema.types.choices import (
    AvailabilityStatus,
    LocationKind,
    ProductStatus,
    ProductType,
    StockChangeReason,
    WebhookDeliveryStatus,
)


@strawberry.input(description="A range of whole numbers; both ends belong to it.")
class IntRange:
    """Read by conditions over slots."""

    gte: int | None = strawberry.field(default=NOT_GIVEN, description="At least this.")
    lte: int | None = strawberry.field(default=NOT_GIVEN, description="At most this.")


@strawberry.input(description="One attribute, as the product has it: both texts are compared exactly.")
class AttributeFilter:
    """Compared with elements of `attributes`."""

    name: str = strawberry.field(description="What is told: `size`.")
    value: str = strawberry.field(description="What it is: `42`.")


@strawberry.input(description="Which products: those that meet all conditions given.")
class ProductFilter:
    """Compiled by schema.types.product."""

    search: str | None = strawberry.field(
        default=NOT_GIVEN, description="Text in the name or the SKU, in any case; at most 1,000 characters."
    )
    search_prefix: str | None = strawberry.field(
        default=NOT_GIVEN,
        description="Text with which the name or the SKU begins, in any case; at most 1,000 characters. For search as "
        "you type: it takes an index, `search` reads every product.",
    )
    skus: list[str] | None = strawberry.field(default=NOT_GIVEN, description="These SKUs, in any case.")
    gtins: list[str] | None = strawberry.field(
        default=NOT_GIVEN, description="These GTINs (EAN, UPC), of 8 to 14 digits."
    )
    ids: list[strawberry.ID] | None = strawberry.field(default=NOT_GIVEN, description="These node ids or databaseIds.")
    type: ProductType | None = strawberry.field(default=NOT_GIVEN, description="Of this type.")
    status: ProductStatus | None = strawberry.field(default=NOT_GIVEN, description="Of this status.")
    attributes: list[AttributeFilter] | None = strawberry.field(
        default=NOT_GIVEN, description="With all of these attributes."
    )
    locations: list[LocationKeyInput] | None = strawberry.field(
        default=NOT_GIVEN, description="Stocked at one of these locations."
    )
    not_stocked_at: list[LocationKeyInput] | None = strawberry.field(
        default=NOT_GIVEN, description="Never counted at any of these locations."
    )
    on_hand: IntRange | None = strawberry.field(
        default=NOT_GIVEN,
        metadata={EXACT: True},
        description="So many units on hand at one location: at one of `locations` when they are given, else at any.",
    )
    available: IntRange | None = strawberry.field(
        default=NOT_GIVEN,
        metadata={EXACT: True},
        description="So many units available at one location: at one of `locations` when they are given, else at any.",
    )
    availability: AvailabilityStatus | None = strawberry.field(
        default=NOT_GIVEN,
        description="With this availability, its variations' included: over `locations` when they are given, else over "
        "all.",
    )
    below_threshold: bool | None = strawberry.field(
        default=NOT_GIVEN,
        metadata={EXACT: True},
        description="Only those with no more available than the threshold of low stock at one location (at one of "
        "`locations` when they are given), or only the others.",
    )
    updated_after: datetime | None = strawberry.field(default=NOT_GIVEN, description="Changed after this time.")
    changed_since_sequence: int | None = strawberry.field(
        default=NOT_GIVEN,
        metadata={EXACT: True},
        description="Changed after this sequence of the change feed, itself or its stock.",
    )


@strawberry.input(description="Which locations: those that meet all conditions given.")
class LocationFilter:
    """Compiled by schema.types.location."""

    keys: list[LocationKeyInput] | None = strawberry.field(default=NOT_GIVEN, description="These locations.")
    search: str | None = strawberry.field(
        default=NOT_GIVEN, description="Text in the slug or the code, in any case; at most 1,000 characters."
    )
    kind: LocationKind | None = strawberry.field(default=NOT_GIVEN, description="Of this kind.")
    pickup: bool | None = strawberry.field(
        default=NOT_GIVEN, description="Only those where customers may collect, or only the others."
    )
    updated_after: datetime | None = strawberry.field(default=NOT_GIVEN, description="Changed after this time.")
    changed_since_sequence: int | None = strawberry.field(
        default=NOT_GIVEN,
        metadata={EXACT: True},
        description="Changed after this sequence of the change feed, itself or its stock.",
    )


@strawberry.input(description="Which stock levels: those that meet all conditions given.")
class StockLevelFilter:
    """Compiled by schema.types.stock_level."""

    skus: list[str] | None = strawberry.field(
        default=NOT_GIVEN, description="Of the products with these SKUs, in any case."
    )
    gtins: list[str] | None = strawberry.field(default=NOT_GIVEN, description="Of the products with these GTINs.")
    product_ids: list[strawberry.ID] | None = strawberry.field(default=NOT_GIVEN, description="Of these products.")
    search: str | None = strawberry.field(
        default=NOT_GIVEN, description="Of products with this text in the name or the SKU, in any case."
    )
    search_prefix: str | None = strawberry.field(
        default=NOT_GIVEN, description="Of products of which the name or the SKU begins with this text, in any case."
    )
    locations: list[LocationKeyInput] | None = strawberry.field(default=NOT_GIVEN, description="At these locations.")
    on_hand: IntRange | None = strawberry.field(
        default=NOT_GIVEN, metadata={EXACT: True}, description="So many units on hand."
    )
    available: IntRange | None = strawberry.field(
        default=NOT_GIVEN, metadata={EXACT: True}, description="So many units available."
    )
    availability: AvailabilityStatus | None = strawberry.field(
        default=NOT_GIVEN,
        description="With this availability; what is disabled is out of stock.",
    )
    below_threshold: bool | None = strawberry.field(
        default=NOT_GIVEN,
        metadata={EXACT: True},
        description="Only those of which no more than the threshold of low stock is available, or only the others.",
    )
    disabled: bool | None = strawberry.field(
        default=NOT_GIVEN, description="Only those that are not available, or only the others."
    )
    updated_after: datetime | None = strawberry.field(default=NOT_GIVEN, description="Changed after this time.")
    changed_since_sequence: int | None = strawberry.field(
        default=NOT_GIVEN, metadata={EXACT: True}, description="Changed after this sequence of the change feed."
    )


@strawberry.input(description="Which changes of stock: those that meet all conditions given.")
class StockChangeFilter:
    """Compiled by schema.types.ledger_entry."""

    skus: list[str] | None = strawberry.field(
        default=NOT_GIVEN, description="Of the products with these SKUs, in any case."
    )
    product_ids: list[strawberry.ID] | None = strawberry.field(default=NOT_GIVEN, description="Of these products.")
    locations: list[LocationKeyInput] | None = strawberry.field(default=NOT_GIVEN, description="At these locations.")
    reasons: list[StockChangeReason] | None = strawberry.field(default=NOT_GIVEN, description="For these reasons.")
    dialects: list[str] | None = strawberry.field(
        default=NOT_GIVEN, description="Asked through these dialects: `graphql`, `mulopimfwc/v1`, …"
    )
    api_key_ids: list[int] | None = strawberry.field(
        default=NOT_GIVEN, description="Asked with the API keys of these numbers."
    )
    group_id: strawberry.ID | None = strawberry.field(default=NOT_GIVEN, description="Made by this request.")
    created_after: datetime | None = strawberry.field(default=NOT_GIVEN, description="Later than this time.")
    created_before: datetime | None = strawberry.field(default=NOT_GIVEN, description="Earlier than this time.")
    sequence: IntRange | None = strawberry.field(default=NOT_GIVEN, description="With sequences in this range.")


@strawberry.input(description="Which deliveries of webhooks: those that meet all conditions given.")
class WebhookDeliveryFilter:
    """Compiled by schema.types.webhook_endpoint."""

    endpoint_ids: list[strawberry.ID] | None = strawberry.field(
        default=NOT_GIVEN, description="At one of these endpoints, by their databaseIds."
    )
    statuses: list[WebhookDeliveryStatus] | None = strawberry.field(
        default=NOT_GIVEN, description="Of which one of these became."
    )
    topics: list[str] | None = strawberry.field(default=NOT_GIVEN, description="Of one of these topics.")
    event_ids: list[str] | None = strawberry.field(default=NOT_GIVEN, description="Of one of these events: `evt_17`.")
    updated_after: datetime | None = strawberry.field(default=NOT_GIVEN, description="Last tried after this time.")
