"""The rules: what a group of changes makes of the levels it names. Pure functions, no I/O, no SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeVar

from storage.changes import (
    QUANTITY_MAX,
    UNSET,
    AdjustQuantity,
    Arrival,
    Backorders,
    Change,
    ChangeGroup,
    GroupRejectedError,
    Outcome,
    Policy,
    Quantity,
    Refused,
    SetQuantity,
    SetTotal,
    Transfer,
    Unset,
    is_price,
)
from storage.errors import ErrorCode
from storage.lines import Item, LevelKey, Line, Planned, TransferLine
from storage.source_rules import OwnedField, Rules, SourceRule, judged

T = TypeVar("T")


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


def plan(
    group: ChangeGroup,
    lines: Iterable[Planned],
    before: Mapping[LevelKey, Level],
    elsewhere: Mapping[LevelKey, int] | None = None,
) -> Plan:
    """Apply the lines of a group in order, each to what the lines before it left.

    `elsewhere` says, for each level of a SetTotal, how many units of its item the other active locations had before.

    Refuses with: GROUP_REJECTED, when the group's policy does not bear its refused lines.
    """
    result = Plan({}, [], [])
    for index, line in enumerate(lines):
        if isinstance(line, Refused):
            result.outcomes.append(Outcome(index, error=line))
            continue
        if isinstance(line, Line) and not line.place.rules and not isinstance(line.change.quantity, SetTotal):
            _plan_plain(result, index, line, before, refuse_disabled=group.refuse_disabled)
            continue
        levels = [result.levels.get(key) or before.get(key, NO_LEVEL) for key in line.keys]
        others = _elsewhere(line, before, result.levels, elsewhere or {})
        afters, ignored = (_governed if line.rules else _after)(line, levels, others, group)
        result.outcomes.append(_outcome(index, line, levels, afters, ignored))
        if isinstance(afters, Refused):
            continue
        for key, level, after in zip(line.keys, levels, afters, strict=True):
            if after is not level:
                result.levels[key] = after
                result.entries.append(Entry(index, key, level.on_hand, after))
    _check_policy(group, result.outcomes)
    return result


def _plan_plain(
    result: Plan, index: int, line: Line, before: Mapping[LevelKey, Level], *, refuse_disabled: bool
) -> None:
    """What most lines are, in half the time: about one level, and nobody's own."""
    item, place = line.item, line.place
    key = item.id, place.id
    level = result.levels.get(key) or before.get(key, NO_LEVEL)
    after = step(level, line.change, item, refuse_disabled=refuse_disabled)
    if isinstance(after, Refused):
        result.outcomes.append(Outcome(index, *key, item.sku, before=level.on_hand, error=after))
        return
    changed = after is not level
    result.outcomes.append(Outcome(index, *key, item.sku, changed, level.on_hand, after.on_hand, after.version))
    if changed:
        result.levels[key] = after
        result.entries.append(Entry(index, key, level.on_hand, after))


def _elsewhere(
    line: Line | TransferLine,
    before: Mapping[LevelKey, Level],
    planned: Mapping[LevelKey, Level],
    elsewhere: Mapping[LevelKey, int],
) -> int:
    """Units of a SetTotal's item at the other active locations, after the lines before it."""
    if isinstance(line, TransferLine) or not isinstance(line.change.quantity, SetTotal):
        return 0
    here = line.keys[0]
    moved = (
        (after.on_hand or 0) - (before.get(key, NO_LEVEL).on_hand or 0)
        for key, after in planned.items()
        if key[0] == here[0] and key != here
    )
    return elsewhere.get(here, 0) + sum(moved)


def landing(line: Line, level: Level, group: ChangeGroup) -> Level | Refused:
    """What a line of a group would make of a level; the same object where it would change nothing."""
    if not line.place.rules:
        return step(level, line.change, line.item, refuse_disabled=group.refuse_disabled)
    afters, _ = _governed(line, (level,), 0, group)
    return afters if isinstance(afters, Refused) else afters[0]


Afters = tuple[Sequence[Level] | Refused, tuple[OwnedField, ...]]
"""Every level that a line is about, as it leaves it, or why it changes none; and the fields that it does not change
because they have another owner."""


def _after(line: Line | TransferLine, levels: Sequence[Level], elsewhere: int, group: ChangeGroup) -> Afters:
    if isinstance(line, TransferLine):
        return move(levels[0], levels[1], line.transfer, line.item, refuse_disabled=group.refuse_disabled), ()
    after = step(levels[0], line.change, line.item, elsewhere, refuse_disabled=group.refuse_disabled)
    return after if isinstance(after, Refused) else (after,), ()


def _governed(line: Line | TransferLine, levels: Sequence[Level], elsewhere: int, group: ChangeGroup) -> Afters:
    """The same where rules say who may write what. A line is judged by what it would change, so that whoever sends what
    is there already is not in anybody's way."""
    touched: tuple[tuple[Rules, Mapping[OwnedField, str | None]], ...]
    if isinstance(line, TransferLine):
        touched = (line.source.rules, {OwnedField.STOCK: "source"}), (line.target.rules, {OwnedField.STOCK: "target"})
    else:
        touched = ((line.place.rules, _touched(levels[0], line.change, elsewhere)),)
    ignored: tuple[OwnedField, ...] = ()
    for rules, fields in touched:
        found = judged(rules, fields, group.origin.api_key_id, ignorable=group.ignorable)
        if isinstance(found, SourceRule):
            return found.refusal(fields[found.field]), ()
        ignored = ignored or found
    if not ignored:
        return _after(line, levels, elsewhere, group)
    if isinstance(line, TransferLine):
        return levels, ignored  # half a transfer is none
    allowed = line._replace(change=replace(line.change, **{name: left for f in ignored for name, left in _LEFT[f]}))
    return _after(allowed, levels, elsewhere, group)[0], ignored


_LEFT: Final[Mapping[OwnedField, Sequence[tuple[str, Any]]]] = {
    OwnedField.STOCK: (("quantity", None), ("reserved", UNSET), ("safety_stock", UNSET)),
    OwnedField.PRICES: (("regular_price", UNSET), ("sale_price", UNSET)),
    OwnedField.BACKORDERS: (("backorders", UNSET),),
    OwnedField.DISABLED: (("disabled", UNSET),),
}
"""What of a change is a field, and what it is when the change says nothing of it."""


def _touched(level: Level, change: Change, elsewhere: int) -> dict[OwnedField, str | None]:
    """The fields of a level that a change would make others, each with its first column that it would."""
    touched: dict[OwnedField, str | None] = {}
    if _on_hand_after(level, change.quantity, elsewhere) != level.on_hand:
        touched[OwnedField.STOCK] = "quantity"
    for field, columns in _LEFT.items():
        for name, _ in columns:
            if name != "quantity" and _given(getattr(change, name), getattr(level, name)) != getattr(level, name):
                touched.setdefault(field, name)
    return touched


def _outcome(
    index: int,
    line: Line | TransferLine,
    levels: Sequence[Level],
    afters: Sequence[Level] | Refused,
    ignored: tuple[OwnedField, ...],
) -> Outcome:
    item_id, location_id = line.keys[0]
    if isinstance(afters, Refused):
        arrival = Arrival(line.target.id, levels[1].on_hand) if isinstance(line, TransferLine) else None
        return Outcome(
            index, item_id, location_id, line.item.sku, before=levels[0].on_hand, error=afters, arrival=arrival
        )
    before, after = levels[0], afters[0]
    arrival = None
    if isinstance(line, TransferLine):
        arrival = Arrival(line.target.id, levels[1].on_hand, afters[1].on_hand, afters[1].version)
    changed = after is not before
    return Outcome(
        index, item_id, location_id, line.item.sku, changed, before.on_hand, after.on_hand, after.version,
        arrival=arrival, ignored=ignored,
    )  # fmt: skip


def _check_policy(group: ChangeGroup, outcomes: list[Outcome]) -> None:
    failures_max = 0 if group.policy is Policy.REJECT_ALL else group.failures_max
    failures = sum(outcome.error is not None for outcome in outcomes)
    if failures_max is not None and failures > failures_max:
        raise GroupRejectedError(f"{failures} of {len(outcomes)} lines were refused; nothing was written.", outcomes)


def step(
    level: Level, change: Change, item: Item, elsewhere: int = 0, *, refuse_disabled: bool = False
) -> Level | Refused:
    """The level after one line: the same object when the line changes nothing, or why it is refused.

    `elsewhere`: units at other locations, for a SetTotal.
    """
    if refuse_disabled and level.disabled:
        return Refused(ErrorCode.ITEM_DISABLED, "Product is disabled at this location.", "disabled")
    if stale := _check_expected(level, change):
        return stale
    on_hand = _on_hand_after(level, change.quantity, elsewhere)
    if _keeps_terms(change) or _has_terms(level, change):  # most lines: nothing else can have become wrong
        after = Level(on_hand, *level[1:-1], level.version + 1)
        return _check_quantity(level, after, change, item, elsewhere) or (level if on_hand == level.on_hand else after)
    after = Level(
        on_hand,
        _given(change.regular_price, level.regular_price),
        _given(change.sale_price, level.sale_price),
        _given(change.backorders, level.backorders),
        _given(change.disabled, level.disabled),
        _given(change.reserved, level.reserved),
        _given(change.safety_stock, level.safety_stock),
        level.version + 1,
    )
    if refusal := (
        _check_quantity(level, after, change, item, elsewhere)
        or _check_kept(after, level)
        or _check_prices(after, change, item)
    ):
        return refusal
    return level if after[:-1] == level[:-1] else after  # all but the version


def _keeps_terms(change: Change) -> bool:
    """Whether it is about units on hand, and nothing else of the level."""
    return (
        change.regular_price is UNSET
        and change.sale_price is UNSET
        and change.backorders is UNSET
        and change.disabled is UNSET
        and change.reserved is UNSET
        and change.safety_stock is UNSET
    )


def _has_terms(level: Level, change: Change) -> bool:
    """Whether the level is on these terms already, and no sale price has to be compared: most rows of an export."""
    return (
        (change.sale_price is None or change.sale_price is UNSET)
        and level.sale_price is None
        and (change.regular_price is UNSET or change.regular_price == level.regular_price)
        and (change.backorders is UNSET or change.backorders == level.backorders)
        and (change.disabled is UNSET or change.disabled == level.disabled)
        and change.reserved is UNSET
        and change.safety_stock is UNSET
    )


def move(
    source: Level, target: Level, transfer: Transfer, item: Item, *, refuse_disabled: bool = False
) -> tuple[Level, Level] | Refused:
    """Both levels after a transfer; or why neither half is done."""
    if not 0 < transfer.quantity <= QUANTITY_MAX:
        message = f"A transfer moves a whole number of units from 1 to {QUANTITY_MAX}."
        return Refused(ErrorCode.INVALID_QUANTITY, message, "quantity", requested=transfer.quantity)
    leaving, arriving = transfer.halves
    there = source.on_hand or 0
    if there < transfer.quantity and not transfer.below_zero and not _check_expected(source, leaving):
        message = f"{transfer.quantity} units cannot be moved: there are {there}."
        return Refused(
            ErrorCode.INSUFFICIENT_STOCK, message, "quantity", there, source.version, requested=transfer.quantity
        )
    left = step(source, leaving, item, refuse_disabled=refuse_disabled)
    if isinstance(left, Refused):
        return left
    arrived = step(target, arriving, item, refuse_disabled=refuse_disabled)
    return arrived if isinstance(arrived, Refused) else (left, arrived)


def _given(value: T | Unset, otherwise: T) -> T:
    return otherwise if isinstance(value, Unset) else value


def _on_hand_after(level: Level, quantity: Quantity | None, elsewhere: int) -> int | None:
    if isinstance(quantity, SetQuantity):
        return quantity.quantity
    if isinstance(quantity, SetTotal):
        return quantity.quantity - elsewhere
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


def _check_quantity(level: Level, after: Level, change: Change, item: Item, elsewhere: int) -> Refused | None:
    if after.on_hand is None or (change.quantity is None and change.backorders is UNSET):
        return None
    if not -QUANTITY_MAX <= after.on_hand <= QUANTITY_MAX:
        message = f"The quantity must be a whole number from -{QUANTITY_MAX} to {QUANTITY_MAX}."
        return _refused_quantity(ErrorCode.INVALID_QUANTITY, message, level, change)
    if after.on_hand >= 0 or (after.backorders or item.backorders) != Backorders.NO:
        return None
    if isinstance(change.quantity, AdjustQuantity) and change.quantity.delta >= 0:
        return None  # what is received never makes it worse
    message = "Stock cannot be negative when backorders are not allowed."
    if elsewhere:
        message = (
            f"Other locations have {elsewhere} units, so this one would be left with {after.on_hand}, "
            "and back-orders are not allowed. Change the stock of these locations."
        )
    return _refused_quantity(ErrorCode.INSUFFICIENT_STOCK, message, level, change)


def _refused_quantity(code: ErrorCode, message: str, level: Level, change: Change) -> Refused:
    asked = change.quantity
    requested = None if asked is None else asked.delta if isinstance(asked, AdjustQuantity) else asked.quantity
    return Refused(code, message, "quantity", level.on_hand or 0, level.version, requested)


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
