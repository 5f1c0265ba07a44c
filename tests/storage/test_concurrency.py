"""Many writers at once, in one process and in several: nothing is lost, nothing is counted twice, nobody is stuck."""

from __future__ import annotations

import asyncio
import random
import sys
from typing import Any

import pytest

from storage import inventory
from storage.changes import AdjustQuantity, ChangeGroup, Policy, SetQuantity
from storage.database import Database
from storage.tables import LedgerEntry, StockLevel
from tests.builders import a_change, a_group, a_location, a_transfer
from tests.storage.reading import ledger_sums, on_hand, rows

LEVELS = [(product, location) for product in (1, 2, 4, 5) for location in (1, 2)] + [(1, 1), (2, 2)]
WRITERS = 32


async def _adjust_at_random(database: Database, writer: int, times: int) -> dict[tuple[int, int], int]:
    """What one writer added where: three levels at a time, in any order."""
    chance, added = random.Random(writer), {}  # noqa: S311 (examples)
    for _ in range(times):
        lines = [(level, chance.randint(1, 9)) for level in chance.sample(LEVELS, 3)]
        await database.transact(
            inventory.apply, a_group(*(a_change(*level, quantity=AdjustQuantity(delta)) for level, delta in lines))
        )
        for level, delta in lines:
            added[level] = added.get(level, 0) + delta
    return added


@pytest.mark.parametrize("times", [8, pytest.param(100, marks=pytest.mark.campaign)])
async def test_concurrent_adjustments_end_exact(catalogue: Database, times: int) -> None:
    added = await asyncio.gather(*(_adjust_at_random(catalogue, writer, times) for writer in range(WRITERS)))
    expected = {level: sum(of_writer.get(level, 0) for of_writer in added) for level in set(LEVELS)}
    assert await on_hand(catalogue) == expected
    assert await ledger_sums(catalogue) == expected
    entries = await rows(catalogue, LedgerEntry)
    assert len(entries) == WRITERS * times * 3
    for level in await rows(catalogue, StockLevel):
        versions = [
            e["version"]
            for e in entries
            if (e["product_id"], e["location_id"]) == (level["product_id"], level["location_id"])
        ]
        assert versions == list(range(1, level["version"] + 1))


async def test_groups_that_name_new_levels_in_opposite_orders_do_not_deadlock(catalogue: Database) -> None:
    one_way = [a_change(*level, quantity=AdjustQuantity(1)) for level in sorted(set(LEVELS))]

    async def write(group: ChangeGroup) -> None:
        async with asyncio.timeout(30):
            await catalogue.transact(inventory.apply, group)

    await asyncio.gather(*(write(a_group(*(one_way if n % 2 else one_way[::-1]))) for n in range(16)))
    assert set((await on_hand(catalogue)).values()) == {16}


async def test_only_one_of_many_compare_and_sets_wins(catalogue: Database) -> None:
    await catalogue.transact(inventory.apply, a_group(a_change()))
    attempts = [
        a_group(a_change(quantity=SetQuantity(n), expected_version=1), policy=Policy.KEEP_GOING) for n in range(20, 36)
    ]
    results = await asyncio.gather(*(catalogue.transact(inventory.apply, group) for group in attempts))
    assert sum(result.outcomes[0].error is None for result in results) == 1
    assert len(await rows(catalogue, LedgerEntry)) == 2


async def test_the_last_unit_is_sold_once(catalogue: Database) -> None:
    await catalogue.transact(inventory.apply, a_group(a_change(quantity=SetQuantity(1))))
    sale = a_group(a_change(quantity=AdjustQuantity(-1)), policy=Policy.KEEP_GOING)
    results = await asyncio.gather(*(catalogue.transact(inventory.apply, sale) for _ in range(16)))
    assert sum(result.outcomes[0].error is None for result in results) == 1
    assert await on_hand(catalogue) == {(1, 1): 0}


async def _transfer_at_random(database: Database, mover: int, times: int) -> None:
    """Two transfers at a time, of any products, either way."""
    chance = random.Random(mover)  # noqa: S311 (examples)
    for _ in range(times):
        ends = [chance.sample([1, 2, 4], 2) for _ in range(2)]
        lines = [
            a_transfer(chance.choice([1, 2]), source, target, quantity=chance.randint(1, 9)) for source, target in ends
        ]
        async with asyncio.timeout(30):
            await database.transact(inventory.apply, a_group(*lines, policy=Policy.KEEP_GOING))


@pytest.mark.parametrize("times", [5, pytest.param(100, marks=pytest.mark.campaign)])
async def test_units_that_are_moved_to_and_fro_at_once_are_neither_lost_nor_made(
    catalogue: Database, times: int
) -> None:
    await catalogue.transact(_open_a_fourth_location)
    stocked = [a_change(item, place, quantity=SetQuantity(20)) for item in (1, 2) for place in (1, 2, 4)]
    await catalogue.transact(inventory.apply, a_group(*stocked))
    await asyncio.gather(*(_transfer_at_random(catalogue, mover, times) for mover in range(WRITERS)))
    levels = await on_hand(catalogue)
    assert levels == await ledger_sums(catalogue)
    assert [sum(levels[item, place] or 0 for place in (1, 2, 4)) for item in (1, 2)] == [60, 60]
    assert min(quantity or 0 for quantity in levels.values()) >= 0
    halves: dict[tuple[int, int], list[int]] = {}
    for entry in await rows(catalogue, LedgerEntry):
        if entry["group_id"] > 1:
            halves.setdefault((entry["group_id"], entry["line"]), []).append(entry["delta"])
    assert len(halves) > WRITERS
    assert all(len(deltas) == 2 and sum(deltas) == 0 for deltas in halves.values())


async def _open_a_fourth_location(session: Any) -> None:
    session.add(a_location(4))


WRITER = """
import asyncio, sys
from storage import inventory
from storage.changes import AdjustQuantity
from storage.database import Database
from tests.builders import a_change, a_group

async def write():
    database = Database(sys.argv[1])
    for _ in range(12):
        await database.transact(inventory.apply, a_group(a_change(quantity=AdjustQuantity(1)), a_change(2, 2)))
    await database.close()

asyncio.run(write())
"""


async def test_processes_that_write_one_database_end_exact(catalogue: Database, database_url: str) -> None:
    async def another_process() -> Any:
        return await asyncio.create_subprocess_exec(sys.executable, "-W", "error", "-c", WRITER, database_url)

    processes = [await another_process() for _ in range(3)]
    async with asyncio.timeout(60):
        assert [await process.wait() for process in processes] == [0] * 3
    assert await on_hand(catalogue) == {(1, 1): 36, (2, 2): 10}
    assert await ledger_sums(catalogue) == {(1, 1): 36, (2, 2): 10}
