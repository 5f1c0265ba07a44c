"""Taking back change groups: the lines as tables, the rest on both engines."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from storage import inventory, reversals
from storage.changes import (
    AdjustQuantity,
    AlreadyReversedError,
    Applied,
    Change,
    GroupRejectedError,
    Origin,
    Policy,
    Reason,
    SetQuantity,
    Transfer,
)
from storage.database import Database
from storage.errors import ErrorCode, InventoryError
from storage.reversals import Step, lines_back
from storage.tables import LedgerEntry, StockChangeGroup
from tests.builders import a_change, a_group, a_transfer
from tests.storage.reading import ledger_sums, on_hand, rows, written

ORIGIN = Origin("test", principal="tests", reason=Reason.REVERSAL)


async def apply(database: Database, *changes: Any, **values: Any) -> int:
    return (await database.transact(inventory.apply, a_group(*changes, **values))).group_id or 0


async def reverse(database: Database, group_id: int, origin: Origin = ORIGIN, **values: Any) -> Applied:
    return await database.transact(reversals.reverse, group_id, origin, **values)


def shown(line: Change | Transfer) -> tuple[int, ...]:
    """(item, location, delta) or (item, from, to, quantity)."""
    if isinstance(line, Transfer):
        return int(line.items[0].value), int(line.source.value), int(line.target.value), line.quantity
    assert isinstance(line.quantity, AdjustQuantity)
    return int(line.items[0].value), int(line.location.value), line.quantity.delta


@pytest.mark.parametrize(
    ("steps", "lines"),
    [
        ([(0, 1, 1, 5)], [(1, 1, -5)]),
        ([(0, 1, 1, 5), (1, 1, 1, -2), (2, 1, 1, 4)], [(1, 1, -7)]),  # the net of a level
        ([(0, 1, 1, 5), (1, 1, 1, -5)], []),
        ([(0, 1, 1, 0)], []),  # prices and flags stay
        ([(0, 1, 1, -4), (0, 1, 2, 4)], [(1, 2, 1, 4)]),
        ([(0, 1, 2, -4), (0, 1, 1, 4)], [(1, 1, 2, 4)]),
        ([(0, 1, 1, -4), (0, 1, 2, 4), (1, 1, 2, -1), (1, 1, 1, 1)], [(1, 2, 1, 3)]),
        ([(0, 1, 1, -4), (0, 1, 2, 4), (1, 1, 2, -4), (1, 1, 1, 4)], []),
        # on to a third location: the last goes back first
        ([(0, 1, 1, -4), (0, 1, 2, 4), (1, 1, 2, -4), (1, 1, 3, 4)], [(1, 3, 2, 4), (1, 2, 1, 4)]),
        # received and moved on: moved back before it goes
        ([(0, 1, 1, 5), (1, 1, 1, -5), (1, 1, 2, 5)], [(1, 2, 1, 5), (1, 1, -5)]),
        # moved and sold: comes back before it is moved back
        ([(0, 1, 1, -5), (0, 1, 2, 5), (1, 1, 2, -5)], [(1, 2, 5), (1, 2, 1, 5)]),
    ],
)
def test_a_group_is_taken_back_by_the_net_of_each_level_and_each_transfer(steps: Any, lines: Any) -> None:
    assert [shown(line) for line in lines_back([Step(*step) for step in steps])] == lines


async def test_a_reversal_gives_every_level_back_what_it_had_and_names_the_group(catalogue: Database) -> None:
    await apply(catalogue, a_change(1), a_change(2))
    before = await on_hand(catalogue)
    changes = [a_change(1, quantity=AdjustQuantity(-3)), a_change(2, quantity=SetQuantity(99)), a_transfer(1, 1, 2)]
    group = await apply(catalogue, *changes)
    applied = await reverse(catalogue, group)
    assert await on_hand(catalogue) == {**before, (1, 2): 0} == await ledger_sums(catalogue)
    reversal = (await rows(catalogue, StockChangeGroup))[-1]
    assert (reversal["id"], reversal["reverses_id"], reversal["reason"]) == (applied.group_id, group, "reversal")


async def test_the_halves_of_a_transfer_that_is_taken_back_have_one_line_again(catalogue: Database) -> None:
    await apply(catalogue, a_change(1), a_change(2))
    group = await apply(catalogue, a_transfer(1, quantity=3), a_transfer(2, quantity=4))
    applied = await reverse(catalogue, group)
    entries = [entry for entry in await rows(catalogue, LedgerEntry) if entry["group_id"] == applied.group_id]
    assert [(e["line"], e["product_id"], e["location_id"], e["delta"]) for e in entries] == [
        (0, 2, 2, -4), (0, 2, 1, 4), (1, 1, 2, -3), (1, 1, 1, 3),
    ]  # fmt: skip


async def test_a_group_is_taken_back_once_however_many_try_at_once(catalogue: Database) -> None:
    await apply(catalogue, a_change())
    group = await apply(catalogue, a_change(quantity=AdjustQuantity(5)))
    results = await asyncio.gather(*(reverse(catalogue, group) for _ in range(6)), return_exceptions=True)
    (done,) = [result for result in results if isinstance(result, Applied)]
    refused = [result for result in results if isinstance(result, AlreadyReversedError)]
    assert (len(refused), {error.by for error in refused}) == (5, {done.group_id})
    assert await on_hand(catalogue) == {(1, 1): 10}


async def test_a_reversal_can_be_taken_back_too(catalogue: Database) -> None:
    group = await apply(catalogue, a_change())
    reversal = await reverse(catalogue, group)
    await reverse(catalogue, reversal.group_id or 0)
    assert await on_hand(catalogue) == {(1, 1): 10}


async def test_what_was_sold_meanwhile_is_not_taken_back(catalogue: Database) -> None:
    group = await apply(catalogue, a_change(quantity=SetQuantity(5)))
    await apply(catalogue, a_change(quantity=AdjustQuantity(-1)))
    before = await written(catalogue)
    with pytest.raises(GroupRejectedError) as refusal:
        await reverse(catalogue, group)
    assert [outcome.error and outcome.error.code for outcome in refusal.value.outcomes] == [
        ErrorCode.INSUFFICIENT_STOCK
    ]
    assert await written(catalogue) == before


async def test_a_transfer_is_taken_back_below_zero_only_where_back_orders_are_allowed(catalogue: Database) -> None:
    await apply(catalogue, a_change(1), a_change(2, 2, quantity=SetQuantity(0), backorders="yes"), a_change(2))
    for item in (1, 2):
        group = await apply(catalogue, a_transfer(item, quantity=4))
        await apply(catalogue, a_change(item, 2, quantity=AdjustQuantity(-4)))
        if item == 1:
            with pytest.raises(GroupRejectedError):
                await reverse(catalogue, group)
        else:
            await reverse(catalogue, group)
    assert await on_hand(catalogue) == {(1, 1): 6, (1, 2): 0, (2, 1): 10, (2, 2): -4}


async def test_prices_and_flags_are_not_taken_back(catalogue: Database) -> None:
    group = await apply(catalogue, a_change(disabled=True))
    await reverse(catalogue, group)
    assert (await written(catalogue))["StockLevel"][0]["disabled"] == True  # noqa: E712 (SQLite has 1)


@pytest.mark.parametrize(
    ("changes", "group", "locations", "code"),
    [
        ([a_change()], 99, None, ErrorCode.GROUP_NOT_FOUND),
        ([a_change(quantity=None, disabled=True)], 1, None, ErrorCode.NOTHING_TO_CHANGE),
        ([a_change(), a_change(1, 2)], 1, {1}, ErrorCode.LOCATION_FORBIDDEN),
        ([a_change(), a_change(1, 2), a_change(1, 2, quantity=SetQuantity(0))], 1, {1}, ErrorCode.LOCATION_FORBIDDEN),
    ],
)
async def test_what_cannot_be_taken_back_is_refused(
    catalogue: Database, changes: Any, group: int, locations: Any, code: ErrorCode
) -> None:
    await apply(catalogue, *changes)
    before = await written(catalogue)
    origin = Origin("test", principal="tests", locations=locations and frozenset(locations))
    with pytest.raises(InventoryError) as refusal:
        await reverse(catalogue, group, origin)
    assert (refusal.value.code, refusal.value.field) == (code, "id")
    assert await written(catalogue) == before


async def test_a_reversal_is_replayed_under_its_key(catalogue: Database) -> None:
    group = await apply(catalogue, a_change())
    first = await reverse(catalogue, group, idempotency_key="back")
    again = await reverse(catalogue, group, idempotency_key="back")
    assert (again.group_id, again.replayed, again.outcomes) == (first.group_id, True, first.outcomes)
    other = await apply(catalogue, a_change(2), policy=Policy.KEEP_GOING)
    with pytest.raises(InventoryError) as refusal:
        await reverse(catalogue, other, idempotency_key="back")
    assert refusal.value.code == ErrorCode.IDEMPOTENCY_KEY_REUSED
