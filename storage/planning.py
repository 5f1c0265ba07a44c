"""The rules: what a group of changes makes of the levels it names. Pure functions, no I/O, no SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, TypeVar

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


@dataclass(frozen=True, slots=True)
class Item:
    """What the rules need to know of a product or variation."""

    id: int
    sku: str | None
    backorders: str
    regular_price: Decimal | None
    has_variations: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """What the rules need to know of a location."""

    id: int
    active: bool = True


@dataclass(frozen=True, slots=True)
class Level:
    """The state of one item at one location. `version` 0 is a level that does not exist yet."""

    on_hand: int | None = None
    regular_price: Decimal | None = None
    sale_price: Decimal | None = None
    backorders: str | None = None
    disabled: bool = False
    version: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One ledger entry to be: the level as this line leaves it, and what it had on hand before."""

    line: int
    product_id: int
    location_id: int
    before: int | None
    level: Level

    @property
    def delta(self) -> int:
        """Units that came or went."""
        return (self.level.on_hand or 0) - (self.before or 0)


LevelKey = tuple[int, int]
"""Product id and location id."""

NO_LEVEL: Final = Level()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write: each changed level's last state, every step on the way there, and what to tell the caller."""

    levels: dict[LevelKey, Level]
    entries: list[Entry]
    outcomes: list[Outcome]


def plan(
    group: ChangeGroup,
    items: Mapping[ItemKey, Item | Refused],
    places: Mapping[LocationKey, Place],
    before: Mapping[LevelKey, Level],
) -> Plan:
    """Apply the lines in order, each to what the lines before it left.

    Refuses with: GROUP_REJECTED, when the group's policy does not bear its refused lines.
    """
    levels: dict[LevelKey, Level] = {}
    entries: list[Entry] = []
    outcomes: list[Outcome] = []
    for index, change in enumerate(group.changes):
        found = change if isinstance(change, Refused) else _find(change, items, places, group.origin.locations)
        if isinstance(found, Refused):
            outcomes.append(Outcome(index, error=found))
            continue
        item, place = found
        key = (item.id, place.id)
        level = levels.get(key) or before.get(key, NO_LEVEL)
        result = step(level, change, item, refuse_disabled=group.refuse_disabled)  # type: ignore[arg-type]
        if isinstance(result, Refused):
            outcomes.append(Outcome(index, item.id, place.id, item.sku, before=level.on_hand, error=result))
            continue
        if result is not level:
            levels[key] = result
            entries.append(Entry(index, item.id, place.id, level.on_hand, result))
        outcomes.append(
            Outcome(
                index, item.id, place.id, item.sku, result is not level, level.on_hand, result.on_hand, result.version
            )
        )
    _check_policy(group, outcomes)
    return Plan(levels, entries, outcomes)


def _check_policy(group: ChangeGroup, outcomes: list[Outcome]) -> None:
    failures_max = 0 if group.policy is Policy.REJECT_ALL else group.failures_max
    failures = sum(outcome.error is not None for outcome in outcomes)
    if failures_max is not None and failures > failures_max:
        raise GroupRejectedError(f"{failures} of {len(outcomes)} lines were refused; nothing was written.", outcomes)


def level_keys(
    group: ChangeGroup, items: Mapping[ItemKey, Item | Refused], places: Mapping[LocationKey, Place]
) -> list[LevelKey]:
    """The levels a group may write, in the one order in which everybody locks them."""
    keys: set[LevelKey] = set()
    for change in group.changes:
        if isinstance(change, Change):
            found = _find(change, items, places, group.origin.locations)
            if not isinstance(found, Refused):
                keys.add((found[0].id, found[1].id))
    return sorted(keys)


def _find(
    change: Change,
    items: Mapping[ItemKey, Item | Refused],
    places: Mapping[LocationKey, Place],
    allowed: frozenset[int] | None,
) -> tuple[Item, Place] | Refused:
    """The item and the location a line names, or why it may not write there."""
    item = items[change.items[0]]
    if isinstance(item, Refused):
        return item
    for key in change.items[1:]:
        if items[key] != item:
            return Refused(ErrorCode.ITEM_MISMATCH, "The product's id, SKU or GTIN name different products.", key.kind)
    if item.has_variations:
        return Refused(
            ErrorCode.ITEM_HAS_VARIATIONS,
            "This product has variations. Update a variation instead.",
            change.items[0].kind,
        )
    place = places.get(change.location)
    if place is None:
        return Refused(ErrorCode.LOCATION_NOT_FOUND, "Location not found.", "location")
    if not place.active:
        return Refused(ErrorCode.LOCATION_INACTIVE, "Location is not active.", "location")
    if allowed is not None and place.id not in allowed:
        return Refused(ErrorCode.LOCATION_FORBIDDEN, "This API key may not change stock at this location.", "location")
    return item, place


def step(level: Level, change: Change, item: Item, *, refuse_disabled: bool = False) -> Level | Refused:
    """The level after one line: the same object when the line changes nothing, or why it is refused."""
    if refuse_disabled and level.disabled:
        return Refused(ErrorCode.ITEM_DISABLED, "Product is disabled at this location.", "disabled")
    if stale := _check_expected(level, change):
        return stale
    after = replace(
        level,
        on_hand=_on_hand_after(level, change.quantity),
        regular_price=_given(change.regular_price, level.regular_price),
        sale_price=_given(change.sale_price, level.sale_price),
        backorders=_given(change.backorders, level.backorders),
        disabled=_given(change.disabled, level.disabled),
    )
    if refusal := _check_quantity(level, after, change, item) or _check_prices(after, change, item):
        return refusal
    return level if after == level else replace(after, version=level.version + 1)


def _given(value: T | Unset, otherwise: T) -> T:
    return otherwise if isinstance(value, Unset) else value


def _on_hand_after(level: Level, quantity: SetQuantity | AdjustQuantity | None) -> int | None:
    match quantity:
        case SetQuantity(on_hand):
            return on_hand
        case AdjustQuantity(delta):
            return (level.on_hand or 0) + delta
    return level.on_hand


def _check_expected(level: Level, change: Change) -> Refused | None:
    """Compare-and-set: a level never stocked counts as 0 units at version 0."""
    quantity, version = change.expected_quantity, change.expected_version
    if quantity is not None and quantity != (level.on_hand or 0):
        message = f"Expected {quantity} on hand, but there are {level.on_hand or 0}."
        return Refused(ErrorCode.STALE_QUANTITY, message, "expectedQuantity", level.on_hand or 0, level.version)
    if version is not None and version != level.version:
        message = f"Expected version {version}, but the current one is {level.version}."
        return Refused(ErrorCode.STALE_QUANTITY, message, "expectedVersion", level.on_hand or 0, level.version)
    return None


def _check_quantity(level: Level, after: Level, change: Change, item: Item) -> Refused | None:
    if after.on_hand is None or (change.quantity is None and change.backorders is UNSET):
        return None
    current = level.on_hand or 0
    if not -QUANTITY_MAX <= after.on_hand <= QUANTITY_MAX:
        return Refused(
            ErrorCode.INVALID_QUANTITY,
            f"The quantity would be {after.on_hand}: it must be a whole number from -{QUANTITY_MAX} to {QUANTITY_MAX}.",
            "quantity", current, level.version,
        )  # fmt: skip
    allowed = (after.backorders or item.backorders) != Backorders.NO
    receiving = isinstance(change.quantity, AdjustQuantity) and change.quantity.delta >= 0  # never makes it worse
    if after.on_hand < 0 and not allowed and not receiving:
        return Refused(
            ErrorCode.INSUFFICIENT_STOCK, "Stock cannot be negative when backorders are not allowed.",
            "quantity", current, level.version,
        )  # fmt: skip
    return None


def _check_prices(after: Level, change: Change, item: Item) -> Refused | None:
    for field in ("regular_price", "sale_price"):
        price = getattr(change, field)
        if isinstance(price, Decimal) and not is_price(price):
            return Refused(ErrorCode.INVALID_PRICE, "Invalid price value.", field)
    if change.regular_price is UNSET and change.sale_price is UNSET:
        return None
    regular = after.regular_price if after.regular_price is not None else item.regular_price
    if after.sale_price is not None and (regular is None or after.sale_price >= regular):
        return Refused(ErrorCode.SALE_PRICE_TOO_HIGH, "Sale price must be less than regular price.", "sale_price")
    return None
