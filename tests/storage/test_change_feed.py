"""The change feed: one order for all that changes, complete up to its horizon, whoever is still writing."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from storage import catalog, change_feed, inventory
from storage.changes import AdjustQuantity
from storage.database import Database
from storage.tables import CatalogChange, LedgerEntry
from tests.builders import a_change, a_group
from tests.storage.reading import rows


async def sequences(database: Database) -> list[int]:
    """Everything that is committed, in order."""

    async def of(session: AsyncSession) -> list[int]:
        entries = (await session.execute(select(col(LedgerEntry.sequence)))).scalars().all()
        changes = (await session.execute(select(col(CatalogChange.sequence)))).scalars().all()
        return sorted(int(number) for number in [*entries, *changes] if number is not None)

    return await database.read(of)


async def adjust(database: Database, delta: int = 1, location: int = 1) -> None:
    await database.transact(inventory.apply, a_group(a_change(location=location, quantity=AdjustQuantity(delta))))


async def test_stock_and_catalogue_changes_share_one_order(catalogue: Database) -> None:
    assert await catalogue.read(change_feed.horizon) == 0
    await adjust(catalogue)
    await catalogue.transact(change_feed.record_catalog, products=[1, 2], locations=[1])
    await adjust(catalogue)
    await catalogue.transact(change_feed.record_catalog, products=[2], deleted=True)
    numbers = await sequences(catalogue)
    assert len(set(numbers)) == len(numbers) == 6
    assert await catalogue.read(change_feed.horizon) == numbers[-1]

    changes = [
        (change["product_id"], change["location_id"], change["deleted"])
        for change in sorted(await rows(catalogue, CatalogChange), key=lambda change: change["sequence"])
    ]
    assert changes == [(1, None, False), (2, None, False), (None, 1, False), (2, None, True)]


async def test_nothing_recorded_is_no_change(catalogue: Database) -> None:
    await catalogue.transact(change_feed.record_catalog)
    assert await sequences(catalogue) == []


async def test_a_version_differs_after_every_commit_and_only_then(catalogue: Database) -> None:
    versions = [await catalogue.read(change_feed.version)]
    for write in (
        lambda: adjust(catalogue),
        lambda: catalogue.transact(change_feed.record_catalog, locations=[2]),
        lambda: adjust(catalogue, -1),
    ):
        assert await catalogue.read(change_feed.version) == versions[-1]
        await write()
        versions.append(await catalogue.read(change_feed.version))
    assert len(set(versions)) == len(versions)


async def test_a_dry_run_shows_nothing_in_the_feed(catalogue: Database) -> None:
    await adjust(catalogue)
    before = await catalogue.read(change_feed.horizon)
    await catalogue.rehearse(inventory.apply, a_group(a_change(quantity=AdjustQuantity(1))))
    assert [number for number in await sequences(catalogue) if number > before] == []


async def test_an_import_is_in_the_feed_once(database: Database) -> None:
    document = {
        "locations": [{"name": "Main"}],
        "products": [{"sku": "A", "name": "A"}, {"sku": "B", "name": "B", "status": "trash"}],
        "stock": [{"sku": "A", "location_slug": "main", "on_hand": 3}],
    }
    await database.transact(catalog.import_catalog, document)
    assert len(await sequences(database)) == 4
    await database.transact(catalog.import_catalog, document)
    assert len(await sequences(database)) == 4

    async def deleted(session: AsyncSession) -> list[bool]:
        return list((await session.execute(select(col(CatalogChange.deleted)))).scalars())

    assert sorted(await database.read(deleted)) == [False, False, True]


@pytest.mark.parametrize("template_url", ["postgresql"], indirect=True)  # writers of one SQLite file follow one another
async def test_what_commits_early_waits_for_what_drew_lower_numbers(catalogue: Database) -> None:
    await adjust(catalogue)
    before, version = await catalogue.read(change_feed.horizon), await catalogue.read(change_feed.version)
    written, go_on = asyncio.Event(), asyncio.Event()

    async def slow(session: AsyncSession) -> None:
        await inventory.apply(session, a_group(a_change(location=2)))
        written.set()
        await go_on.wait()

    writing = asyncio.create_task(catalogue.transact(slow))
    await written.wait()
    await adjust(catalogue)
    assert len(await sequences(catalogue)) == 2
    assert await catalogue.read(change_feed.horizon) == before
    between = await catalogue.read(change_feed.version)
    go_on.set()
    await writing
    numbers = await sequences(catalogue)
    assert (len(numbers), await catalogue.read(change_feed.horizon)) == (3, numbers[-1])
    assert len({version, between, await catalogue.read(change_feed.version)}) == 3


async def test_whoever_follows_the_horizon_sees_every_sequence_once_and_in_order(catalogue: Database) -> None:
    seen: list[int] = []
    done = asyncio.Event()

    async def follow() -> None:
        finished = False
        while not finished:
            finished = done.is_set()
            last = seen[-1] if seen else 0
            horizon = await catalogue.read(change_feed.horizon)
            seen.extend(n for n in await sequences(catalogue) if last < n <= horizon)

    async def write(worker: int) -> None:
        for turn in range(10):
            if turn % 4 == 3:
                await catalogue.transact(change_feed.record_catalog, products=[1])
            await adjust(catalogue, location=1 + worker % 2)

    following = asyncio.create_task(follow())
    await asyncio.gather(*(write(worker) for worker in range(6)))
    done.set()
    await following
    assert seen == sorted(set(seen)) == await sequences(catalogue)
    assert len(seen) == 6 * 12
