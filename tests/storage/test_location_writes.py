"""Locations that close while others write there: no stock is left behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from storage import change_feed, inventory, location_writes
from storage.changes import AdjustQuantity, LocationKey, Origin, Policy, SetQuantity, StockLeftError
from storage.database import Database
from storage.errors import ErrorCode
from storage.tables import CatalogChange, LedgerEntry, Location, StockChangeGroup
from tests.builders import a_change, a_group
from tests.storage.reading import ledger_sums, on_hand, rows

HERE, THERE = LocationKey("id", 2), LocationKey("id", 1)


async def archive(database: Database, **values: Any) -> Any:
    return await database.transact(location_writes.archive, HERE, Origin("test", principal="tests"), **values)


async def test_nothing_is_left_at_a_location_that_closes_while_others_write_there(catalogue: Database) -> None:
    async def write(n: int) -> list[ErrorCode | None]:
        codes = []
        for _ in range(6):
            group = a_group(a_change(n % 2 + 1, 2, quantity=AdjustQuantity(1)), policy=Policy.KEEP_GOING)
            outcome = (await catalogue.transact(inventory.apply, group)).outcomes[0]
            codes.append(outcome.error.code if outcome.error else None)
        return codes

    async def close() -> None:
        await asyncio.sleep(0.05)
        await archive(catalogue, transfer_to=THERE)

    *codes, _ = await asyncio.gather(*(write(n) for n in range(12)), close())
    accepted = sum(code is None for of_writer in codes for code in of_writer)
    refused = {code for of_writer in codes for code in of_writer} - {None}
    levels = await on_hand(catalogue)
    assert refused <= {ErrorCode.LOCATION_INACTIVE}
    assert {place: units for place, units in levels.items() if place[1] == 2 and units} == {}
    assert sum(units or 0 for units in levels.values()) == accepted
    assert levels == await ledger_sums(catalogue)


async def test_a_writer_that_found_the_location_open_sees_that_it_closed_meanwhile(catalogue: Database) -> None:
    """Only PostgreSQL has writers side by side; on SQLite one comes after the other."""
    closing, go_on = asyncio.Event(), asyncio.Event()

    async def close(session: Any) -> None:
        await location_writes.archive(session, HERE, Origin("test"))
        closing.set()
        await go_on.wait()

    async def write() -> Any:
        await closing.wait()
        group = a_group(a_change(1, 2), policy=Policy.KEEP_GOING)
        writing = asyncio.create_task(catalogue.transact(inventory.apply, group))
        await asyncio.sleep(0.3)  # it has looked the location up, and waits for the levels
        assert not writing.done()
        go_on.set()
        return await writing

    _, applied = await asyncio.gather(catalogue.transact(close), write())
    assert applied.outcomes[0].error.code == ErrorCode.LOCATION_INACTIVE
    assert await on_hand(catalogue) == {}


async def test_what_is_left_moves_in_groups_of_a_bearable_size(
    catalogue: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(location_writes, "_LINES_MAX", 2)
    changes = [a_change(item, 2, quantity=SetQuantity(item)) for item in (1, 2, 4)]
    await catalogue.transact(inventory.apply, a_group(*changes))
    with pytest.raises(StockLeftError) as refusal:
        await archive(catalogue)
    assert (refusal.value.levels, refusal.value.units) == (3, 7)
    archived = await archive(catalogue, transfer_to=THERE)
    assert [len(applied.outcomes) for applied in archived.moved] == [2, 1]
    assert len(await rows(catalogue, StockChangeGroup)) == 3
    assert {key: units for key, units in (await on_hand(catalogue)).items() if units} == {
        (1, 1): 1, (2, 1): 2, (4, 1): 4,
    }  # fmt: skip
    location = next(row for row in await rows(catalogue, Location) if row["id"] == 2)
    assert (bool(location["active"]), location["archived_at"] is None) == (False, False)


async def test_who_follows_changes_is_told_after_the_stock_has_moved(catalogue: Database) -> None:
    await catalogue.transact(inventory.apply, a_group(a_change(1, 2)))
    await archive(catalogue, transfer_to=THERE)
    (told,) = await rows(catalogue, CatalogChange)
    assert (told["location_id"], told["kind"]) == (2, "deleted")
    assert told["sequence"] > max(entry["sequence"] for entry in await rows(catalogue, LedgerEntry))
    assert await catalogue.read(change_feed.horizon) == told["sequence"]
