"""What changes of stock are asked in: each line becomes a line of the core, each input a group."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import TypeVar

import strawberry
from strawberry import UNSET as NOT_GIVEN
from strawberry import Maybe

from schema.inputs import LocationKeyInput, ProductKeyInput, given
from schema.types.choices import Backorders, StockChangeReason
from storage import changes
from storage.changes import UNSET, AdjustQuantity, Change, Refused, SetQuantity, Transfer
from storage.errors import ErrorCode

T = TypeVar("T")

_SETTABLE = ("regular_price", "sale_price", "backorders", "disabled", "reserved", "safety_stock")


def _or_unset(value: T | None) -> T | changes.Unset:
    """A nullable input for which null and absence are one."""
    return UNSET if value is None or value is NOT_GIVEN else value


@strawberry.enum(name="Policy", description="What becomes of the other lines when one is refused.")
class PolicyInput(Enum):
    """Becomes a Policy."""

    REJECT_ALL = strawberry.enum_value("REJECT_ALL", description="Nothing is written when any line is refused.")
    KEEP_GOING = strawberry.enum_value("KEEP_GOING", description="The accepted lines are written all the same.")


@strawberry.input
class WhyInput:
    """What every request that changes stock may say of itself."""

    reason: StockChangeReason = strawberry.field(
        default=StockChangeReason.UNSPECIFIED, description="Why, for the ledger's filters and reports."
    )
    note: str = strawberry.field(default="", description="Why, in your own words, for the ledger.")
    reference: str = strawberry.field(default="", description="Your own number for it, for the ledger: `order 1042`.")
    dry_run: bool = strawberry.field(default=False, description="Only try: tell what would happen and write nothing.")
    idempotency_key: str | None = strawberry.field(
        default=NOT_GIVEN, description="A request with this key has its effect once, however often it is sent."
    )


@strawberry.input
class LinesInput(WhyInput):
    """What every request of several lines may say of itself."""

    policy: PolicyInput = strawberry.field(
        default=PolicyInput.REJECT_ALL, description="What becomes of the other lines when one is refused."
    )
    failures_max: int | None = strawberry.field(
        default=NOT_GIVEN, description="With KEEP_GOING: more refused lines than this and nothing is written."
    )


@strawberry.input(description="One line of inventorySet: make it so many units.")
class InventorySetLine:
    """Becomes a Change."""

    product: ProductKeyInput = strawberry.field(description="What: a simple product or a variation.")
    location: LocationKeyInput = strawberry.field(description="Where.")
    quantity: int = strawberry.field(description="The units there are now.")
    expected: int | None = strawberry.field(
        default=NOT_GIVEN, description="Refuse the line unless this many units are on hand before it."
    )
    expected_version: int | None = strawberry.field(
        default=NOT_GIVEN, description="Refuse the line unless this is the level's version before it; 0: no level yet."
    )

    def to_change(self) -> Change:
        """The core's line."""
        return Change(
            (self.product.to_key(),),
            self.location.to_key(),
            SetQuantity(self.quantity),
            expected_quantity=given(self.expected),
            expected_version=given(self.expected_version),
        )


@strawberry.input(description="One line of inventoryAdjust: so many units came or went.")
class InventoryAdjustLine:
    """Becomes a Change."""

    product: ProductKeyInput = strawberry.field(description="What: a simple product or a variation.")
    location: LocationKeyInput = strawberry.field(description="Where.")
    delta: int = strawberry.field(description="The units that came (positive) or went (negative).")
    expected: int | None = strawberry.field(
        default=NOT_GIVEN, description="Refuse the line unless this many units are on hand before it."
    )
    expected_version: int | None = strawberry.field(
        default=NOT_GIVEN, description="Refuse the line unless this is the level's version before it; 0: no level yet."
    )

    def to_change(self) -> Change:
        """The core's line."""
        return Change(
            (self.product.to_key(),),
            self.location.to_key(),
            AdjustQuantity(self.delta),
            expected_quantity=given(self.expected),
            expected_version=given(self.expected_version),
        )


@strawberry.input(description="One line of inventoryTransfer: so many units moved. Both halves are done, or neither.")
class InventoryTransferLine:
    """Becomes a Transfer."""

    product: ProductKeyInput = strawberry.field(description="What: a simple product or a variation.")
    source: LocationKeyInput = strawberry.field(name="from", description="Where the units leave.")
    target: LocationKeyInput = strawberry.field(name="to", description="Where they arrive.")
    quantity: int = strawberry.field(
        description="How many, at least 1. Units that are not there cannot be moved, back-orders or not."
    )
    expected: int | None = strawberry.field(
        default=NOT_GIVEN, description="Refuse the line unless this many units are on hand at `from` before it."
    )
    expected_version: int | None = strawberry.field(
        default=NOT_GIVEN, description="Refuse the line unless this is the version of the level at `from` before it."
    )

    def to_change(self) -> Transfer:
        """The core's line."""
        return Transfer(
            (self.product.to_key(),),
            self.source.to_key(),
            self.target.to_key(),
            self.quantity,
            expected_quantity=given(self.expected),
            expected_version=given(self.expected_version),
        )


@strawberry.input(description="Quantities as they were counted.")
class InventorySetInput(LinesInput):
    """Becomes a group."""

    lines: list[InventorySetLine] = strawberry.field(description="The lines, applied in order; from 1 to 1,000.")


@strawberry.input(description="Units that came or went.")
class InventoryAdjustInput(LinesInput):
    """Becomes a group."""

    lines: list[InventoryAdjustLine] = strawberry.field(description="The lines, applied in order; from 1 to 1,000.")


@strawberry.input(description="Units that moved from one location to another.")
class InventoryTransferInput(LinesInput):
    """Becomes a group."""

    reason: StockChangeReason = strawberry.field(
        default=StockChangeReason.TRANSFER, description="Why, for the ledger's filters and reports."
    )
    lines: list[InventoryTransferLine] = strawberry.field(description="The lines, applied in order; from 1 to 1,000.")


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


@strawberry.input(description="An update of one stock level.")
class InventoryUpdateInput(WhyInput, InventoryItemInput):
    """Becomes a group of one line."""


@strawberry.input(description="Many lines at once, in one transaction.")
class InventoryBulkSyncInput(LinesInput):
    """Becomes a group."""

    items: list[InventoryItemInput] = strawberry.field(description="The lines, applied in order; at most 1,000.")


@strawberry.input(description="A change group to be taken back.")
class ReverseStockChangeGroupInput(WhyInput):
    """Asks for storage.reversals.reverse()."""

    id: strawberry.ID = strawberry.field(description="The change group: its node id, or its number.")
    reason: StockChangeReason = strawberry.field(
        default=StockChangeReason.REVERSAL, description="Why, for the ledger's filters and reports."
    )
