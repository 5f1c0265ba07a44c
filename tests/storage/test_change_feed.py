"""The change feed: one order for all that changes, complete up to its horizon, whoever is still writing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from storage import catalog, change_feed, feed_entries, inventory, location_writes
from storage.change_feed import CatalogRow, Kind
from storage.changes import AdjustQuantity, LocationKey, Origin
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
    await catalogue.transact(change_feed.record_catalog, products=[2], kind=Kind.DELETED)
    numbers = await sequences(catalogue)
    assert len(set(numbers)) == len(numbers) == 6
    assert await catalogue.read(change_feed.horizon) == numbers[-1]

    changes = [
        (change["product_id"], change["location_id"], change["kind"])
        for change in sorted(await rows(catalogue, CatalogChange), key=lambda change: change["sequence"])
    ]
    assert changes == [(1, None, "updated"), (2, None, "updated"), (None, 1, "updated"), (2, None, "deleted")]


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

    async def kinds(session: AsyncSession) -> list[str]:
        return list((await session.execute(select(col(CatalogChange.kind)))).scalars())

    assert sorted(await database.read(kinds)) == ["created", "created", "deleted"]


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


async def test_the_feed_keeps_apart_what_was_created_updated_deleted_and_restored(catalogue: Database) -> None:
    async def told(document: object, *archived: LocationKey) -> set[tuple[Any, ...]]:
        before = await catalogue.read(change_feed.horizon)
        await catalogue.transact(catalog.import_catalog, document)
        for key in archived:
            await catalogue.transact(location_writes.archive, key, Origin("test"))
        changes = [row for row in await rows(catalogue, CatalogChange) if row["sequence"] > before]
        return {(row["product_id"], row["location_id"], row["kind"]) for row in changes}

    new = {"locations": [{"name": "New"}], "products": [{"sku": "N", "name": "N"}, {"id": 1, "status": "trash"}]}
    assert await told(new, LocationKey("id", 2)) == {
        (6, None, "created"), (1, None, "deleted"), (None, 4, "created"), (None, 2, "deleted"),
    }  # fmt: skip
    back = {"locations": [{"id": 2, "active": True}, {"id": 4, "name": "Newer"}, {"id": 3, "active": True}]}
    assert await told({**back, "products": [{"id": 1, "status": "publish"}, {"sku": "N", "name": "M"}]}) == {
        (1, None, "restored"), (6, None, "updated"),
        (None, 2, "restored"), (None, 4, "updated"), (None, 3, "updated"),
    }  # fmt: skip


async def test_thresholds_and_notices_have_a_sequence_but_change_feeds_leave_them_out(catalogue: Database) -> None:
    await catalogue.transact(change_feed.record, [CatalogRow(Kind.THRESHOLDS, 1, 2), CatalogRow(Kind.UPDATED, 1)])
    await catalogue.transact(change_feed.record_notice, Kind.IMPORT_FINISHED, import_job_id=7)
    horizon = await catalogue.read(change_feed.horizon)
    told = await rows(catalogue, CatalogChange)
    assert [(row["kind"], row["import_job_id"]) for row in told] == [
        ("thresholds", None), ("updated", None), ("import_finished", 7),
    ]  # fmt: skip
    assert told[-1]["sequence"] == horizon
    page = await catalogue.read(feed_entries.page, 0, horizon)
    assert [(entry.sequence, entry.product_id) for entry in page] == [(told[1]["sequence"], 1)]
