"""Following changes of stock: replayed, then live, each once, whoever writes; bounded, and nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from storage import following, inventory
from storage.changes import AdjustQuantity
from storage.database import Database
from storage.feed_entries import PAGE, FeedEntry, Wanted
from storage.following import WAITING_MAX, LaggedError, follow
from storage.hub import Hub
from storage.tables import LedgerEntry
from tests.builders import a_change, a_group

PATIENCE_S = 10.0
ALL = Wanted()


@pytest.fixture
async def hub(catalogue: Database) -> AsyncIterator[Hub]:
    """A hub over the small catalogue."""
    hub = Hub(catalogue)
    yield hub
    await hub.close()


async def adjust(database: Database, item: int = 1, location: int = 1, times: int = 1) -> None:
    """So many changes of one level, in one transaction."""
    change = a_change(item, location, quantity=AdjustQuantity(1))
    await database.transact(inventory.apply, a_group(*[change] * times))


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 (there is no event to wait for)
            await asyncio.sleep(0.01)


async def recorded(database: Database) -> list[int]:
    """Every sequence of the ledger, in order."""

    async def of(session: AsyncSession) -> list[int]:
        column = col(LedgerEntry.sequence)
        return [int(number) for number in (await session.execute(select(column).order_by(column))).scalars() if number]

    return await database.read(of)


async def take(hub: Hub, number: int, after: int | None = None, wanted: Wanted = ALL) -> list[int]:
    """The first so many sequences that a follower is given."""
    taken: list[int] = []
    async with asyncio.timeout(PATIENCE_S), contextlib.aclosing(follow(hub, wanted, after)) as given:
        while len(taken) < number:
            taken += await anext(given)
    return taken


async def test_what_was_recorded_comes_first_and_what_is_written_then_follows(catalogue: Database, hub: Hub) -> None:
    await adjust(catalogue, times=PAGE * 2 + 10)
    async with asyncio.timeout(PATIENCE_S), contextlib.aclosing(follow(hub, ALL, 0)) as given:
        pages = [await anext(given) for _ in range(3)]
        assert [len(page) for page in pages] == [PAGE, PAGE, 10]
        await adjust(catalogue)
        live = await anext(given)
    assert [number for page in pages for number in page] + live == await recorded(catalogue)


async def test_without_a_sequence_it_begins_now(catalogue: Database, hub: Hub) -> None:
    await adjust(catalogue)
    following = asyncio.create_task(take(hub, 1))
    await until(lambda: hub.followers == 1)
    await asyncio.sleep(0.05)  # for the horizon that it begins from
    await adjust(catalogue)
    assert await following == (await recorded(catalogue))[1:]


async def test_only_what_is_wanted_comes_replayed_and_live(catalogue: Database, hub: Hub) -> None:
    cases = {
        Wanted(products=frozenset({1})): [(1, 1), (1, 2)],
        Wanted(products=frozenset({3})): [(4, 1), (5, 2)],  # the variations of product 3
        Wanted(locations=frozenset({2})): [(1, 2), (2, 2), (5, 2)],
        Wanted(products=frozenset({2, 5}), locations=frozenset({2})): [(2, 2), (5, 2)],
        Wanted(locations=frozenset()): [],
    }
    levels = [(1, 1), (2, 1), (4, 1), (1, 2), (2, 2), (5, 2)]
    await adjust(catalogue)
    [before] = await recorded(catalogue)
    followers = {
        wanted: asyncio.create_task(take(hub, 2 * len(found), before, wanted)) for wanted, found in cases.items()
    }
    await until(lambda: hub.followers == len([found for found in cases.values() if found]))
    for item, location in levels * 2:
        await adjust(catalogue, item, location)
    written = (await recorded(catalogue))[1:]
    for wanted, found in cases.items():
        expected = [sequence for sequence, level in zip(written, levels * 2, strict=True) if level in found]
        assert await followers[wanted] == expected
        assert await take(hub, len(expected), before, wanted) == expected


async def test_who_reconnects_at_random_while_many_write_gets_every_sequence_once(
    catalogue: Database, hub: Hub, database_url: str
) -> None:
    elsewhere = Database(database_url)  # as another process has it
    chance = random.Random(7)  # noqa: S311 (no secret)
    writers, turns = 6, 12

    async def write(number: int) -> None:
        database = elsewhere if number % 2 else catalogue
        for _ in range(turns):
            await adjust(database, 1 + number % 2, 1 + number // 3 % 2)
            await asyncio.sleep(chance.random() / 50)

    async def read() -> list[int]:
        seen: list[int] = []
        while len(seen) < writers * turns:
            async with contextlib.aclosing(follow(hub, ALL, seen[-1] if seen else 0)) as given:
                for _ in range(chance.randrange(1, 5)):
                    seen += await anext(given)
                    if len(seen) >= writers * turns:
                        break
        return seen

    try:
        async with asyncio.timeout(30):
            readers = [asyncio.create_task(read()) for _ in range(3)]
            await asyncio.gather(*(write(number) for number in range(writers)))
            seen = await asyncio.gather(*readers)
    finally:
        await elsewhere.close()
    written = await recorded(catalogue)
    assert seen == [written] * 3


async def test_who_is_too_slow_is_told_where_to_go_on(catalogue: Database, hub: Hub) -> None:
    async with asyncio.timeout(PATIENCE_S), contextlib.aclosing(follow(hub, ALL, 0)) as given:
        await adjust(catalogue)
        last = (await anext(given))[-1]
        await adjust(catalogue, times=WAITING_MAX + 1)
        written = await recorded(catalogue)
        await until(lambda: hub._position >= written[-1])
        with pytest.raises(LaggedError) as lagged:
            await anext(given)
    assert lagged.value.sequence == last
    assert await take(hub, WAITING_MAX + 1, last) == (await recorded(catalogue))[1:]


def test_what_waits_for_a_follower_is_bounded() -> None:
    waiting = following._Waiting(ALL)
    for first in range(1, 10 * WAITING_MAX, 100):
        waiting.offer([FeedEntry(first + n, 1, None, 1) for n in range(100)])
        assert len(waiting._sequences) <= WAITING_MAX
    assert waiting.overflowed
    assert not waiting._sequences


async def test_while_nobody_follows_nothing_is_done(catalogue: Database, hub: Hub) -> None:
    await adjust(catalogue)
    assert (hub.followers, hub._tasks) == (0, [])
    await take(hub, 1, 0)
    assert (hub.followers, hub._tasks) == (0, [])
    position = hub._position
    await adjust(catalogue)
    await asyncio.sleep(0.05)
    assert hub._position == position


@pytest.mark.parametrize("template_url", ["postgresql"], indirect=True)
async def test_a_lost_connection_for_wake_ups_costs_a_second_and_comes_back(
    catalogue: Database, hub: Hub, database_url: str
) -> None:
    elsewhere = Database(database_url)
    elsewhere.committed.append(lambda: None)  # so that it tells others
    listening = "datname = current_database() AND query LIKE 'LISTEN%'"
    terminate = f"SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity WHERE {listening}"
    try:
        async with asyncio.timeout(PATIENCE_S), contextlib.aclosing(follow(hub, ALL, 0)) as given:
            for _ in range(2):
                await adjust(elsewhere)
                await anext(given)
                while await catalogue.fetch_text(terminate, []) == "0":  # noqa: ASYNC110 (of another process)
                    await asyncio.sleep(0.01)
                await adjust(elsewhere)
                await anext(given)
    finally:
        await elsewhere.close()
