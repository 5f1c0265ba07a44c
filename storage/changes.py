"""What a caller may ask of the write path, and what it gets back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Final, Literal, NamedTuple

from storage.errors import ErrorCode, InventoryError

QUANTITY_MAX: Final = 1_000_000_000
UNCOUNTED: Final = -4 * QUANTITY_MAX
"""Stands for no quantity where one is needed to sort by: less than is ever available."""
PRICE_MAX: Final = Decimal("99999999.9999")
ID_MAX: Final = 2**63 - 1


class Unset(Enum):
    """The type of UNSET: a field the caller did not name, which is not the same as one it cleared."""

    UNSET = "UNSET"


UNSET: Final = Unset.UNSET


class Backorders(StrEnum):
    """Whether an item may be sold below zero: not at all, with a notice, or silently."""

    NO = "no"
    NOTIFY = "notify"
    YES = "yes"


class Reason(StrEnum):
    """Why stock changed: for filters and reports. The caller's own words are the origin's `note`."""

    UNSPECIFIED = "unspecified"
    SALE = "sale"
    RETURN = "return"
    RECEIPT = "receipt"
    COUNT = "count"
    CORRECTION = "correction"
    DAMAGE = "damage"
    LOSS = "loss"
    TRANSFER = "transfer"
    PROMOTION = "promotion"
    PRODUCTION = "production"
    RESERVATION = "reservation"
    SYNC = "sync"
    REVERSAL = "reversal"
    OTHER = "other"


class ItemKey(NamedTuple):
    """How a caller names an item.

    `value` is an int for `id` and a str otherwise. SKUs compare without case, GTINs as 14 digits. With `attributes`,
    a SKU names the variation of that style (or the item itself) whose attributes have those values: names without
    case, values exactly.
    """

    kind: Literal["id", "sku", "gtin"]
    value: int | str
    attributes: tuple[tuple[str, str], ...] = ()


class LocationKey(NamedTuple):
    """How a caller names a location. `value` is an int for `id` and a str otherwise; slugs compare without case.

    `code_or_id` is its code or, of a location that has none, its id written in decimal.
    """

    kind: Literal["id", "slug", "code", "code_or_id", "default"]
    value: int | str


DEFAULT_LOCATION: Final = LocationKey("default", "")
"""The one location that is the default."""


@dataclass(frozen=True, slots=True)
class SetQuantity:
    """Make on_hand this many units."""

    quantity: int


@dataclass(frozen=True, slots=True)
class AdjustQuantity:
    """Change on_hand by this many units; a level never stocked counts as 0."""

    delta: int


@dataclass(frozen=True, slots=True)
class SetTotal:
    """Make the sum over all active locations this many units: the location of the line absorbs the difference."""

    quantity: int


Quantity = SetQuantity | AdjustQuantity | SetTotal


@dataclass(slots=True, unsafe_hash=True)  # nobody changes one; frozen ones take three times as long to make
class Change:
    """One requested line. What is left out stays as it is; a price of None is cleared, so that the product's applies.

    `items` are keys of one and the same item: the first decides, and another that names a different item is refused.
    """

    items: tuple[ItemKey, ...]
    location: LocationKey
    quantity: Quantity | None = None
    regular_price: Decimal | Unset | None = UNSET
    sale_price: Decimal | Unset | None = UNSET
    backorders: Backorders | Unset | None = UNSET
    disabled: bool | Unset = UNSET
    reserved: int | Unset = UNSET
    safety_stock: int | Unset = UNSET
    expected_quantity: int | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """One requested line that moves units of an item from one location to another: both halves, or neither.

    What is expected is expected at the source. Units that are not there cannot be moved, even where back-orders are
    allowed; with `below_zero` they can: what is taken back may have been sold on meanwhile.
    """

    items: tuple[ItemKey, ...]
    source: LocationKey
    target: LocationKey
    quantity: int
    expected_quantity: int | None = None
    expected_version: int | None = None
    below_zero: bool = False

    @property
    def halves(self) -> tuple[Change, Change]:
        """The same as two changes: what leaves the source, and what reaches the target."""
        leaving = Change(
            self.items,
            self.source,
            AdjustQuantity(-self.quantity),
            expected_quantity=self.expected_quantity,
            expected_version=self.expected_version,
        )
        return leaving, Change(self.items, self.target, AdjustQuantity(self.quantity))


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a line was not applied. As a requested line: one that its transport could not read.

    `requested` is the quantity that the line gave, when the refusal is about it; `candidates` are the items that an
    ambiguous key could mean, `owners` the names of the API keys that own what was to be written.
    """

    code: ErrorCode
    message: str
    field: str | None = None
    current_quantity: int | None = None
    current_version: int | None = None
    requested: int | None = None
    candidates: tuple[int, ...] = ()
    owners: tuple[str, ...] = ()


Requested = Change | Transfer | Refused
"""One line of a group."""


class Policy(StrEnum):
    """What becomes of the other lines when one is refused."""

    REJECT_ALL = "REJECT_ALL"
    KEEP_GOING = "KEEP_GOING"


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asks and why; written with every change group. `locations` limits where: None is everywhere."""

    dialect: str
    api_key_id: int | None = None
    principal: str = ""
    locations: frozenset[int] | None = None
    reason: Reason = Reason.UNSPECIFIED
    note: str = ""
    reference: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    """All changes of one request.

    Under KEEP_GOING, more than `failures_max` refused lines reject the whole group. `refuse_disabled` refuses lines
    on levels that are disabled. `reverses` is the group that this one takes back. What is not `ignorable` is refused
    where a rule about owners would ignore a part of it.
    """

    changes: Sequence[Requested]
    origin: Origin
    policy: Policy = Policy.REJECT_ALL
    failures_max: int | None = None
    refuse_disabled: bool = False
    idempotency_key: str | None = None
    reverses: int | None = None
    ignorable: bool = True


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of the target of a transfer."""

    location_id: int
    before: int | None = None
    after: int | None = None
    version: int | None = None


@dataclass(slots=True, unsafe_hash=True)  # as Change
class Outcome:
    """What became of one line. Quantities are units on hand before and after it; None is never stocked.

    An accepted line that changed nothing has `changed` False and leaves no ledger entry. Of a transfer it tells what
    became of the source, and `arrival` of the target. `ignored` are the fields (storage.source_rules.OwnedField) that
    the line would have changed if they had no other owner.
    """

    index: int
    product_id: int | None = None
    location_id: int | None = None
    sku: str | None = None
    changed: bool = False
    before: int | None = None
    after: int | None = None
    version: int | None = None
    error: Refused | None = None
    arrival: Arrival | None = None
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a group. `group_id` is None when nothing changed; `replayed` says the outcomes are of an earlier
    request with the same idempotency key."""

    outcomes: list[Outcome]
    group_id: int | None = None
    replayed: bool = False


class FieldOwnedError(InventoryError):
    """What was to be written is for other API keys to write, by a rule."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.code, refused.message, refused.field)
        self.owners = refused.owners


class GroupRejectedError(InventoryError):
    """The whole group was rolled back. `outcomes` tells what each line would have come to."""

    def __init__(self, message: str, outcomes: list[Outcome]) -> None:
        super().__init__(ErrorCode.GROUP_REJECTED, message)
        self.outcomes = outcomes

    @property
    def codes(self) -> Sequence[ErrorCode]:
        return [self.code, *(outcome.error.code for outcome in self.outcomes if outcome.error is not None)]


class AlreadyReversedError(InventoryError):
    """The group was taken back before, by the group `by`."""

    def __init__(self, by: int) -> None:
        super().__init__(ErrorCode.ALREADY_REVERSED, "This change group was taken back already.", "id")
        self.by = by


class StockLeftError(InventoryError):
    """A location cannot be archived: so many of its levels are not zero, and come to so many units."""

    def __init__(self, levels: int, units: int) -> None:
        message = f"There are {units} units left here, of {levels} products. Say where they shall go."
        super().__init__(ErrorCode.STOCK_LEFT, message, "transfer_to")
        self.levels, self.units = levels, units


def sku_key(sku: str) -> str:
    """The form in which SKUs, names and slugs compare: case is ignored, nothing is trimmed."""
    return sku.casefold()


def is_storable(text: str) -> bool:
    """Whether both engines can store a text: one without NUL and without halves of surrogate pairs."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text))


def storable(text: str) -> str:
    """A text as both engines can store it: what is_storable() refuses is replaced by U+FFFD."""
    return text if is_storable(text) else re.sub("[\0\ud800-\udfff]", "\ufffd", text)


def gtin14(text: str) -> str | None:
    """A GTIN (EAN, UPC, ISBN-13) as 14 digits, left-padded; None when it is not 8 to 14 digits.

    Spaces and hyphens between digits are dropped. The check digit is the issuer's business and is not verified.
    """
    digits = re.sub(r"[\s-]", "", text)
    return digits.zfill(14) if re.fullmatch(r"[0-9]{8,14}", digits) else None


def is_price(value: Decimal) -> bool:
    """Whether a decimal is a price: from 0 to 99,999,999.9999, at most four places."""
    return value.is_finite() and 0 <= value <= PRICE_MAX and value == value.quantize(Decimal("0.0001"))
