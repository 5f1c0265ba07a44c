"""Taking back what a change group did to quantities: its counter-entries are a group of their own."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import inventory, openings
from storage.changes import AdjustQuantity, Applied, Change, ChangeGroup, ItemKey, LocationKey, Origin, Transfer
from storage.errors import ErrorCode, InventoryError
from storage.lines import LevelKey
from storage.tables import LedgerEntry, StockChangeGroup
from storage.upsert import table_of


class Step(NamedTuple):
    """What one ledger entry did to a quantity."""

    line: int
    product_id: int
    location_id: int
    delta: int


async def reverse(
    session: AsyncSession, group_id: int, origin: Origin, *, idempotency_key: str | None = None
) -> Applied:
    """Write the counter-entries of a change group through the write path. Prices and flags stay as they are.

    The rules apply: where units were sold on meanwhile and back-orders are not allowed, nothing is taken back.
    Refuses with: GROUP_NOT_FOUND, GROUP_PRUNED, LOCATION_FORBIDDEN, NOTHING_TO_CHANGE, ALREADY_REVERSED, and as
    inventory.apply().
    """
    steps = await _steps_of(session, group_id)
    if origin.locations is not None and any(step.location_id not in origin.locations for step in steps):
        message = "This API key may not change stock at all locations of this change group."
        raise InventoryError(ErrorCode.LOCATION_FORBIDDEN, message, "id")
    lines = lines_back(steps)
    if not lines:
        raise InventoryError(ErrorCode.NOTHING_TO_CHANGE, "This change group left every quantity as it was.", "id")
    # it can be taken back once, so all of it or nothing
    group = ChangeGroup(lines, origin, idempotency_key=idempotency_key, reverses=group_id, ignorable=False)
    return await inventory.apply(session, group)


async def _steps_of(session: AsyncSession, group_id: int) -> list[Step]:
    groups, entry = table_of(StockChangeGroup).c, table_of(LedgerEntry).c
    columns = (entry[name] for name in Step._fields)
    found = await session.execute(select(*columns).where(entry.group_id == group_id).order_by(entry.sequence))
    # asked after the entries were read: what is not pruned now was not pruned then
    pruned = await session.scalar(select(openings.is_pruned_at(groups.created_at)).where(groups.id == group_id))
    if pruned is None:
        raise InventoryError(ErrorCode.GROUP_NOT_FOUND, "There is no such change group.", "id")
    if pruned:
        message = "This change group is too old: what it changed was pruned from the ledger."
        raise InventoryError(ErrorCode.GROUP_PRUNED, message, "id")
    return [Step(*row) for row in found]


def lines_back(steps: Iterable[Step]) -> list[Change | Transfer]:
    """The lines that take these steps back, each level's and each transfer's net.

    What comes stands before what is moved, and what goes stands after it: on the way no level lacks what it will have.
    """
    net: dict[LevelKey, int] = {}
    moved: dict[tuple[int, int, int], int] = {}
    for _, halves in groupby(steps, key=lambda step: step.line):
        line = list(halves)
        if _is_transfer(line):
            first, second = sorted(line, key=lambda step: step.location_id)
            pair = (first.product_id, first.location_id, second.location_id)
            moved[pair] = moved.pop(pair, 0) + second.delta
            continue
        for step in line:
            key = step.product_id, step.location_id
            net[key] = net.get(key, 0) + step.delta
    come = [_adjusted(key, -units) for key, units in net.items() if units < 0]
    back = [_moved(pair, -units) for pair, units in reversed(moved.items()) if units]
    gone = [_adjusted(key, -units) for key, units in net.items() if units > 0]
    return [*come, *back, *gone]


def _is_transfer(line: list[Step]) -> bool:
    """Whether these are the halves of a transfer: nothing else has two levels in one line."""
    return len(line) == 2 and line[0].location_id != line[1].location_id


def _adjusted(key: LevelKey, units: int) -> Change:
    item, location = key
    return Change((ItemKey("id", item),), LocationKey("id", location), AdjustQuantity(units))


def _moved(pair: tuple[int, int, int], units: int) -> Transfer:
    """So many units from the first location to the second; from the second to the first when they are fewer than 0."""
    item, *ends = pair
    source, target = (LocationKey("id", end) for end in (ends if units > 0 else reversed(ends)))
    return Transfer((ItemKey("id", item),), source, target, abs(units), below_zero=True)
