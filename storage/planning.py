"""The rules: what a group of changes makes of the levels it names. Pure functions, no I/O, no SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple, TypeVar

from storage.changes import (
    QUANTITY_MAX,
    UNSET,
    AdjustQuantity,
    Backorders,
    Change,
    ChangeGroup,
    GroupRejectedError,
    ItemKey,
    LocationKey,
    Outcome,
    Policy,
    Refused,
    SetQuantity,
    Unset,
    is_price,
)
from storage.errors import ErrorCode

T = TypeVar("T")

LevelKey = tuple[int, int]
"""Product id and location id."""


class Item(NamedTuple):
    """What the rules need to know of a product or variation."""

    id: int
    sku: str | None
    backorders: str
    regular_price: Decimal | None
    has_variations: bool = False


class Place(NamedTuple):
    """What the rules need to know of a location."""

    id: int
    active: bool = True


class Line(NamedTuple):
    """A change, and what its keys name."""

    change: Change
    item: Item
    place: Place

    @property
    def key(self) -> LevelKey:
        """The level it is about."""
        return self.item.id, self.place.id


class Level(NamedTuple):
    """The state of one item at one location. `version` 0 is a level that does not exist yet."""

    on_hand: int | None = None
    regular_price: Decimal | None = None
    sale_price: Decimal | None = None
    backorders: str | None = None
    disabled: bool = False
    reserved: int = 0
    safety_stock: int = 0
    version: int = 0


NO_LEVEL: Final = Level()


class Entry(NamedTuple):
    """One ledger entry to be: the level as this line leaves it, and what it had on hand before."""

    line: int
    key: LevelKey
    before: int | None
    level: Level

    @property
    def delta(self) -> int:
        """Units that came or went."""
        return (self.level.on_hand or 0) - (self.before or 0)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write: each changed level's last state, every step on the way there, and what to tell the caller."""

    levels: dict[LevelKey, Level]
    entries: list[Entry]
    outcomes: list[Outcome]


def lines_of(
    group: ChangeGroup, items: Mapping[ItemKey, Item | Refused], places: Mapping[LocationKey, Place]
) -> list[Line | Refused]:
    """The group's changes with their item and location, or why they may not write there."""
    allowed = group.origin.locations
    return [
        change if isinstance(change, Refused) else _line(change, items, places, allowed) for change in group.changes
    ]


def level_keys(lines: Iterable[Line | Refused]) -> list[LevelKey]:
    """The levels that these lines may write, in the one order in which everybody locks them."""
    return sorted({line.key for line in lines if not isinstance(line, Refused)})


def plan(group: ChangeGroup, lines: Iterable[Line | Refused], before: Mapping[LevelKey, Level]) -> Plan:
    """Apply the lines of a group in order, each to what the lines before it left.

    Refuses with: GROUP_REJECTED, when the group's policy does not bear its refused lines.
    """
    levels: dict[LevelKey, Level] = {}
    entries: list[Entry] = []
    outcomes: list[Outcome] = []
    for index, line in enumerate(lines):
        if isinstance(line, Refused):
            outcomes.append(Outcome(index, error=line))
            continue
        key, item = line.key, line.item
        level = levels.get(key) or before.get(key, NO_LEVEL)
        after = step(level, line.change, item, refuse_disabled=group.refuse_disabled)
        if isinstance(after, Refused):
            outcomes.append(Outcome(index, *key, item.sku, before=level.on_hand, error=after))
            continue
        changed = after is not level
        if changed:
            levels[key] = after
            entries.append(Entry(index, key, level.on_hand, after))
        outcomes.append(Outcome(index, *key, item.sku, changed, level.on_hand, after.on_hand, after.version))
    _check_policy(group, outcomes)
    return Plan(levels, entries, outcomes)


def _check_policy(group: ChangeGroup, outcomes: list[Outcome]) -> None:
    failures_max = 0 if group.policy is Policy.REJECT_ALL else group.failures_max
    failures = sum(outcome.error is not None for outcome in outcomes)
    if failures_max is not None and failures > failures_max:
        raise GroupRejectedError(f"{failures} of {len(outcomes)} lines were refused; nothing was written.", outcomes)


def _line(
    change: Change,
    items: Mapping[ItemKey, Item | Refused],
    places: Mapping[LocationKey, Place],
    allowed: frozenset[int] | None,
) -> Line | Refused:
    first, *others = change.items
    item = items[first]
    if isinstance(item, Refused):
        return item
    for key in others:
        other = items[key]
        if isinstance(other, Item) and other.id != item.id:
            return Refused(ErrorCode.ITEM_MISMATCH, "The product's id, SKU or GTIN name different products.", key.kind)
    if item.has_variations:
        return Refused(
            ErrorCode.ITEM_HAS_VARIATIONS, "This product has variations. Update a variation instead.", first.kind
        )
    place = places.get(change.location)
    if place is None:
        return Refused(ErrorCode.LOCATION_NOT_FOUND, "Location not found.", "location")
    if allowed is not None and place.id not in allowed:
        return Refused(ErrorCode.LOCATION_FORBIDDEN, "This API key may not change stock at this location.", "location")
    if not place.active:
        return Refused(ErrorCode.LOCATION_INACTIVE, "Location is not active.", "location")
    return Line(change, item, place)


def step(level: Level, change: Change, item: Item, *, refuse_disabled: bool = False) -> Level | Refused:
    """The level after one line: the same object when the line changes nothing, or why it is refused."""
    if refuse_disabled and level.disabled:
        return Refused(ErrorCode.ITEM_DISABLED, "Product is disabled at this location.", "disabled")
    if stale := _check_expected(level, change):
        return stale
    after = Level(
        _on_hand_after(level, change.quantity),
        _given(change.regular_price, level.regular_price),
        _given(change.sale_price, level.sale_price),
        _given(change.backorders, level.backorders),
        _given(change.disabled, level.disabled),
        _given(change.reserved, level.reserved),
        _given(change.safety_stock, level.safety_stock),
        level.version + 1,
    )
    if refusal := (
        _check_quantity(level, after, change, item) or _check_kept(after, level) or _check_prices(after, change, item)
    ):
        return refusal
    return level if after[:-1] == level[:-1] else after  # all but the version


def _given(value: T | Unset, otherwise: T) -> T:
    return otherwise if isinstance(value, Unset) else value


def _on_hand_after(level: Level, quantity: SetQuantity | AdjustQuantity | None) -> int | None:
    if isinstance(quantity, SetQuantity):
        return quantity.quantity
    if quantity is not None and quantity.delta:
        return (level.on_hand or 0) + quantity.delta
    return level.on_hand


def _check_expected(level: Level, change: Change) -> Refused | None:
    """Compare-and-set: a level never stocked counts as 0 units at version 0."""
    quantity, version = change.expected_quantity, change.expected_version
    on_hand = level.on_hand or 0
    if quantity is not None and quantity != on_hand:
        message = f"Expected {quantity} on hand, but there are {on_hand}."
        return Refused(ErrorCode.STALE_QUANTITY, message, "expected_quantity", on_hand, level.version)
    if version is not None and version != level.version:
        message = f"Expected version {version}, but the current one is {level.version}."
        return Refused(ErrorCode.STALE_QUANTITY, message, "expected_version", on_hand, level.version)
    return None


def _check_quantity(level: Level, after: Level, change: Change, item: Item) -> Refused | None:
    if after.on_hand is None or (change.quantity is None and change.backorders is UNSET):
        return None
    if not -QUANTITY_MAX <= after.on_hand <= QUANTITY_MAX:
        message = f"The quantity must be a whole number from -{QUANTITY_MAX} to {QUANTITY_MAX}."
        return Refused(ErrorCode.INVALID_QUANTITY, message, "quantity", level.on_hand or 0, level.version)
    if after.on_hand >= 0 or (after.backorders or item.backorders) != Backorders.NO:
        return None
    if isinstance(change.quantity, AdjustQuantity) and change.quantity.delta >= 0:
        return None  # what is received never makes it worse
    message = "Stock cannot be negative when backorders are not allowed."
    return Refused(ErrorCode.INSUFFICIENT_STOCK, message, "quantity", level.on_hand or 0, level.version)


def _check_kept(after: Level, level: Level) -> Refused | None:
    """What is reserved or kept back is a number of units; it may be more than there are."""
    for field in ("reserved", "safety_stock"):
        if not 0 <= getattr(after, field) <= QUANTITY_MAX:
            message = f"It must be a whole number from 0 to {QUANTITY_MAX}."
            return Refused(ErrorCode.INVALID_QUANTITY, message, field, level.on_hand or 0, level.version)
    return None


def _check_prices(after: Level, change: Change, item: Item) -> Refused | None:
    if change.regular_price is UNSET and change.sale_price is UNSET:
        return None
    for field, price in (("regular_price", change.regular_price), ("sale_price", change.sale_price)):
        if isinstance(price, Decimal) and not is_price(price):
            return Refused(ErrorCode.INVALID_PRICE, "Invalid price value.", field)
    regular = after.regular_price if after.regular_price is not None else item.regular_price
    if after.sale_price is not None and (regular is None or after.sale_price >= regular):
        return Refused(ErrorCode.SALE_PRICE_TOO_HIGH, "Sale price must be less than regular price.", "sale_price")
    return None
