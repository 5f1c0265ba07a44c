"""Migrations: the same on both engines, repeatable, and complete."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlmodel import SQLModel

from storage import migrations, tables
from storage.database import Database
from storage.errors import StorageUnavailableError

assert tables  # its import fills the metadata


def forget(connection: Connection) -> None:
    """Back to an empty database."""
    SQLModel.metadata.drop_all(connection)
    connection.exec_driver_sql("DROP TABLE alembic_version")


@pytest.fixture
async def empty(database: Database) -> Database:
    """A database without a table, once per engine."""
    async with database.engine.begin() as connection:
        await connection.run_sync(forget)
    return database


def table_names(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


async def test_an_upgrade_makes_every_table_and_a_second_one_changes_nothing(empty: Database) -> None:
    assert await migrations.pending(empty)
    await migrations.upgrade(empty)
    assert not await migrations.pending(empty)
    await migrations.upgrade(empty)
    assert not await migrations.pending(empty)
    async with empty.engine.connect() as connection:
        assert await connection.run_sync(table_names) == {*SQLModel.metadata.tables, "alembic_version"}


@pytest.mark.filterwarnings("ignore:(Skipped unsupported reflection|autogenerate skipping).*ix_stock_level_available")
async def test_the_migrated_database_is_the_one_that_the_tables_describe(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), SQLModel.metadata))

    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


UPGRADE = """
import asyncio, sys
from storage import migrations
from storage.database import Database

async def upgrade():
    database = Database(sys.argv[1])
    await migrations.upgrade(database)
    await database.close()

asyncio.run(upgrade())
"""


async def test_processes_that_start_at_once_may_all_upgrade(empty: Database, database_url: str) -> None:
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-W", "error", "-c", UPGRADE, database_url)
        for _ in range(2)
    ]
    async with asyncio.timeout(60):
        assert [await process.wait() for process in processes] == [0] * 2
    assert not await migrations.pending(empty)


async def test_an_upgrade_keeps_the_rows_of_a_database_that_is_in_use(empty: Database) -> None:
    def to_0002(connection: Connection) -> None:
        command.upgrade(migrations.config(connection), "0002")
        times = "'2026-01-02T03:04:05.000000Z', '2026-01-02T03:04:05.000000Z'"
        common = "created_at, updated_at"
        location = f"location (slug, name, description, kind, active, is_default, position, {common})"
        product = (
            f"product (type, sku, sku_key, name, name_key, status, attributes, manage_stock, backorders, {common})"
        )
        level = "stock_level (product_id, location_id, on_hand, disabled, version, updated_at)"
        for table, values in (
            (location, f"'a', 'A', '', 'store', true, true, 0, {times}"),
            (product, f"'simple', 'S', 's', 'S', 's', 'publish', '[]', true, 'no', {times}"),
            (level, f"1, 1, 5, false, 1, {times.partition(',')[0]}"),
        ):
            connection.exec_driver_sql(f"INSERT INTO {table} VALUES ({values})")

    async with empty.engine.connect() as connection:
        await connection.execution_options(stockgate_writes=True)
        await connection.run_sync(to_0002)
        await connection.commit()
    await migrations.upgrade(empty)
    async with empty.engine.connect() as connection:
        kept = "SELECT p.sku, p.stock_status, s.on_hand FROM stock_level s JOIN product p ON p.id = s.product_id"
        assert [tuple(row) for row in await connection.exec_driver_sql(kept)] == [("S", "instock", 5)]
        if empty.name == "sqlite":
            assert (await connection.exec_driver_sql("PRAGMA foreign_keys")).scalar() == 1
            assert (await connection.exec_driver_sql("PRAGMA foreign_key_check")).all() == []


async def test_a_database_that_cannot_be_reached_is_unavailable(tmp_path: Path) -> None:
    database = Database(f"postgresql://till@/shop?host={tmp_path}")
    for reach in (migrations.pending, migrations.upgrade):
        with pytest.raises(StorageUnavailableError, match="Cannot"):
            await reach(database)
    await database.close()


async def test_an_sqlite_file_that_is_no_database_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "shop.db").write_bytes(b"not a database, but text" * 100)
    database = Database(f"sqlite:///{tmp_path / 'shop.db'}")
    with pytest.raises(StorageUnavailableError, match="not a database"):
        await migrations.upgrade(database)
    await database.close()
