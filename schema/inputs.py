"""Input types, each with what turns it into the core's values."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import TypeVar

import strawberry
from strawberry import UNSET as NOT_GIVEN
from strawberry import Maybe

from schema.ids import database_id
from schema.types.choices import Backorders, StockChangeReason
from storage import changes
from storage.changes import UNSET, AdjustQuantity, Change, ItemKey, LocationKey, Refused, SetQuantity
from storage.errors import ErrorCode

T = TypeVar("T")


def given(value: T | None) -> T | None:
    """A nullable input's value; None also when it was not given."""
    return None if value is NOT_GIVEN else value


def _or_unset(value: T | None) -> T | changes.Unset:
    """A nullable input for which null and absence are one."""
    return UNSET if value is None or value is NOT_GIVEN else value


_SETTABLE = ("regular_price", "sale_price", "backorders", "disabled", "reserved", "safety_stock")


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


@strawberry.input(description="One line of a change. What is left out stays as it is.")
class InventoryItemInput:
    """Becomes a Change."""

    product: ProductKeyInput = strawberry.field(description="What: a simple product or a variation.")
    location: LocationKeyInput = strawberry.field(description="Where.")
    on_hand: int | None = strawberry.field(default=NOT_GIVEN, description="Make it this many units on hand.")
    adjust: int | None = strawberry.field(
        default=NOT_GIVEN, description="Change it by this many units; not with onHand."
    )
    expected_on_hand: int | None = strawberry.field(
        default=NOT_GIVEN, description="Refuse the line unless this many units are on hand before it."
    )
    expected_version: int | None = strawberry.field(
        default=NOT_GIVEN, description="Refuse the line unless this is the level's version before it."
    )
    regular_price: Maybe[Decimal | None] = strawberry.field(
        description="The price here; null clears it, so that the product's applies."
    )
    sale_price: Maybe[Decimal | None] = strawberry.field(
        description="The reduced price here, below the regular one; null clears it."
    )
    backorders: Maybe[Backorders | None] = strawberry.field(
        description="Whether it may be sold below zero here; null clears it, so that the product's setting applies."
    )
    disabled: bool | None = strawberry.field(default=NOT_GIVEN, description="Whether it is not available here.")
    reserved: int | None = strawberry.field(
        default=NOT_GIVEN, description="So many of the units on hand are promised to somebody."
    )
    safety_stock: int | None = strawberry.field(
        default=NOT_GIVEN, description="So many of the units on hand are kept back and not offered."
    )

    def to_change(self) -> Change | Refused:
        """The core's line."""
        on_hand, adjust = given(self.on_hand), given(self.adjust)
        if on_hand is not None and adjust is not None:
            return Refused(ErrorCode.INVALID_QUANTITY, "Give onHand or adjust, not both.", "adjust")
        quantity: SetQuantity | AdjustQuantity | None = None
        if on_hand is not None:
            quantity = SetQuantity(on_hand)
        elif adjust is not None:
            quantity = AdjustQuantity(adjust)
        backorders = UNSET if self.backorders is None else self.backorders.value
        change = Change(
            items=(self.product.to_key(),),
            location=self.location.to_key(),
            quantity=quantity,
            regular_price=UNSET if self.regular_price is None else self.regular_price.value,
            sale_price=UNSET if self.sale_price is None else self.sale_price.value,
            backorders=changes.Backorders(str(backorders.value)) if isinstance(backorders, Backorders) else backorders,
            disabled=_or_unset(self.disabled),
            reserved=_or_unset(self.reserved),
            safety_stock=_or_unset(self.safety_stock),
            expected_quantity=given(self.expected_on_hand),
            expected_version=given(self.expected_version),
        )
        if quantity is None and all(getattr(change, name) is UNSET for name in _SETTABLE):
            return Refused(ErrorCode.NOTHING_TO_CHANGE, "Name what to change, for example onHand.")
        return change


@strawberry.enum(name="Policy", description="What becomes of the other lines when one is refused.")
class PolicyInput(Enum):
    """Becomes a Policy."""

    REJECT_ALL = strawberry.enum_value("REJECT_ALL", description="Nothing is written when any line is refused.")
    KEEP_GOING = strawberry.enum_value("KEEP_GOING", description="The accepted lines are written all the same.")


@strawberry.input(description="An update of one stock level.")
class InventoryUpdateInput(InventoryItemInput):
    """Becomes a group of one line."""

    reason: StockChangeReason = strawberry.field(
        default=StockChangeReason.UNSPECIFIED, description="Why, for the ledger's filters and reports."
    )
    note: str = strawberry.field(default="", description="Why, in your own words, for the ledger.")
    reference: str = strawberry.field(default="", description="Your own number for it, for the ledger.")
    dry_run: bool = strawberry.field(default=False, description="Only try: tell what would happen and write nothing.")
    idempotency_key: str | None = strawberry.field(
        default=NOT_GIVEN, description="A request with this key has its effect once, however often it is sent."
    )


@strawberry.input(description="Many lines at once, in one transaction.")
class InventoryBulkSyncInput:
    """Becomes a group."""

    items: list[InventoryItemInput] = strawberry.field(description="The lines, applied in order; at most 1,000.")
    policy: PolicyInput = strawberry.field(
        default=PolicyInput.REJECT_ALL, description="What becomes of the other lines when one is refused."
    )
    failures_max: int | None = strawberry.field(
        default=NOT_GIVEN, description="With KEEP_GOING: more refused lines than this and nothing is written."
    )
    reason: StockChangeReason = strawberry.field(
        default=StockChangeReason.UNSPECIFIED, description="Why, for the ledger's filters and reports."
    )
    note: str = strawberry.field(default="", description="Why, in your own words, for the ledger.")
    reference: str = strawberry.field(default="", description="Your own number for it, for the ledger.")
    dry_run: bool = strawberry.field(default=False, description="Only try: tell what would happen and write nothing.")
    idempotency_key: str | None = strawberry.field(
        default=NOT_GIVEN, description="A request with this key has its effect once, however often it is sent."
    )
