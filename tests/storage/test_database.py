"""Transactions, snapshots and URLs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.database import Database
from storage.errors import StorageUnavailableError
from storage.tables import Location
from storage.upsert import table_of
from tests.builders import a_location

_location = table_of(Location)


async def add(session: AsyncSession, id_: int) -> int:
    session.add(a_location(id_))
    await session.flush()
    return id_


async def count(session: AsyncSession) -> int:
    return (await session.execute(select(func.count()).select_from(_location))).scalar_one()


class OutOfPaperError(Exception):
    """Something that goes wrong in an operation."""


async def add_and_fail(session: AsyncSession, id_: int) -> None:
    await add(session, id_)
    raise OutOfPaperError


async def test_an_operation_is_committed_when_transact_returns(database: Database) -> None:
    assert await database.transact(add, 1) == 1
    another = Database(database.url.render_as_string(hide_password=False))
    assert await another.read(count) == 1
    await another.close()


async def test_an_operation_that_raises_leaves_nothing(database: Database) -> None:
    with pytest.raises(OutOfPaperError):
        await database.transact(add_and_fail, 1)
    assert await database.read(count) == 0
    assert await database.transact(add, 1) == 1  # and the database is free for the next one


async def test_a_rehearsal_tells_the_result_and_is_rolled_back(database: Database) -> None:
    assert await database.rehearse(add, 1) == 1
    assert await database.read(count) == 0


async def test_an_operation_sees_what_it_wrote(database: Database) -> None:
    async def add_and_count(session: AsyncSession) -> int:
        await add(session, 1)
        return await count(session)

    assert await database.transact(add_and_count) == 1


async def test_a_read_sees_one_snapshot_whatever_is_written_meanwhile(database: Database) -> None:
    await database.transact(add, 1)
    async with database.reading() as session:
        assert await count(session) == 1
        await database.transact(add, 2)
        assert await count(session) == 1
    assert await database.read(count) == 2


async def test_a_read_that_is_cancelled_gives_its_connection_back(database: Database) -> None:
    async def sleep(session: AsyncSession) -> None:
        await count(session)
        await asyncio.sleep(60)

    for _ in range(12):  # more than there are connections
        reading = asyncio.create_task(database.read(sleep))
        await asyncio.sleep(0.02)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert await database.read(count) == 0


async def test_a_transaction_that_is_cancelled_leaves_nothing_and_lets_the_next_one_in(database: Database) -> None:
    async def add_and_sleep(session: AsyncSession) -> None:
        await add(session, 1)
        await asyncio.sleep(60)

    writing = asyncio.create_task(database.transact(add_and_sleep))
    await asyncio.sleep(0.1)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    async with asyncio.timeout(10):
        await database.transact(add, 1)
    assert await database.read(count) == 1


async def test_text_is_fetched_straight_from_the_driver(database: Database) -> None:
    await database.transact(add, 7)
    placeholder = "?" if database.name == "sqlite" else "$1"
    sql = f"SELECT slug FROM location WHERE id = {placeholder}"
    assert await database.fetch_text(sql, [7]) == "location-7"
    assert await database.fetch_text(sql, [8]) is None
    texts = await asyncio.gather(*(database.fetch_text(sql, [7]) for _ in range(40)))
    assert set(texts) == {"location-7"}


@pytest.mark.parametrize(
    ("url", "drivername"),
    [
        ("sqlite:///shop.db", "sqlite+aiosqlite"),
        ("sqlite+aiosqlite:///shop.db", "sqlite+aiosqlite"),
        ("postgresql://till@db.example/shop", "postgresql+asyncpg"),
        ("postgres://till@db.example/shop", "postgresql+asyncpg"),
        ("postgresql+asyncpg://till@db.example:5433/shop", "postgresql+asyncpg"),
    ],
)
async def test_a_url_names_an_engine_in_any_usual_form(url: str, drivername: str) -> None:
    database = Database(url)
    assert database.url.drivername == drivername
    assert database.name == drivername.partition("+")[0]
    await database.close()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "Not a database URL"),
        ("shop.db", "Not a database URL"),
        ("mysql://db.example/shop", "No driver for 'mysql'"),
        ("sqlite://", "SQLite needs a file"),
        ("sqlite:///:memory:", "SQLite needs a file"),
        ("sqlite:////no/such/folder/shop.db", "folder of the database file does not exist"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_with_a_reason(url: str, message: str) -> None:
    with pytest.raises(StorageUnavailableError, match=message):
        Database(url)


def test_a_database_never_shows_its_password() -> None:
    assert "secret" not in repr(Database("postgresql://till:secret@db.example/shop"))


async def test_a_database_that_cannot_be_reached_is_unavailable(tmp_path: Path) -> None:
    database = Database(f"postgresql://till@/shop?host={tmp_path}")
    with pytest.raises(StorageUnavailableError):
        await database.transact(count)
    await database.close()
