"""Migrations: the same on both engines, repeatable, and complete."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, TextClause, inspect
from sqlmodel import SQLModel

from storage import ledger_partitions, migrations, tables
from storage.database import Database
from storage.errors import StorageUnavailableError

assert tables  # its import fills the metadata


BY_EXPRESSION = {
    index.name: index
    for table in SQLModel.metadata.tables.values()
    for index in table.indexes
    if any(isinstance(expression, TextClause) for expression in index.expressions)
}


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
    """All of them, the ledger as one."""
    return {name for name in inspect(connection).get_table_names() if not ledger_partitions.is_partition(name)}


def is_described(_object: object, name: str | None, kind: str, _is_reflected: object, _other: object) -> bool:
    """Whether storage/tables.py has it: partitions are as their table is. Alembic reads no expression back."""
    return not (kind == "table" and ledger_partitions.is_partition(name)) and name not in BY_EXPRESSION


async def test_an_upgrade_makes_every_table_and_a_second_one_changes_nothing(empty: Database) -> None:
    assert await migrations.pending(empty)
    await migrations.upgrade(empty)
    assert not await migrations.pending(empty)
    await migrations.upgrade(empty)
    assert not await migrations.pending(empty)
    async with empty.engine.connect() as connection:
        assert await connection.run_sync(table_names) == {*SQLModel.metadata.tables, "alembic_version"}


async def test_the_indexes_on_expressions_are_those_that_the_tables_describe(database: Database) -> None:
    texts = "SELECT name, sql FROM sqlite_schema WHERE type = 'index'"
    if database.name == "postgresql":
        texts = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"

    def definitions(connection: Connection) -> dict[str, str]:
        return {name: text for name, text in connection.exec_driver_sql(texts) if name in BY_EXPRESSION}

    def made_anew(connection: Connection) -> None:
        for index in BY_EXPRESSION.values():
            index.drop(connection)
            index.create(connection)

    async with database.engine.connect() as connection:
        migrated = await connection.run_sync(definitions)
        await connection.run_sync(made_anew)
        assert await connection.run_sync(definitions) == migrated
        assert migrated.keys() == BY_EXPRESSION.keys() != set()
        await connection.rollback()


@pytest.mark.filterwarnings(
    "ignore:(Skipped unsupported reflection|autogenerate skipping).*ix_stock_level_(available|on_hand)"
)
async def test_the_migrated_database_is_the_one_that_the_tables_describe(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"include_object": is_described})
        return list(compare_metadata(context, SQLModel.metadata))

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


_ENTRIES = """INSERT INTO ledger_entry (group_id, line, product_id, location_id, delta, on_hand, disabled, version,
    created_at) VALUES (1, 0, 7, 1, 5, 5, false, 1, '2025-11-30T23:59:59.999999Z'),
    (1, 1, 7, 1, 2, 7, false, 2, '2025-12-01T00:00:00.000000Z')"""
_GROUP = """INSERT INTO stock_change_group (dialect, principal, reference, request_id, created_at)
    VALUES ('seed', '', '', '', '2025-11-30T23:59:59.999999Z')"""
_OPENING = """INSERT INTO ledger_opening (product_id, location_id, sequence, entries, delta, on_hand, disabled, version,
    created_at) VALUES (7, 1, 1, 1, 5, 5, false, 1, '2025-11-30T23:59:59.999999Z')"""


async def test_the_ledger_goes_into_months_and_back_with_its_entries_and_its_counter(empty: Database) -> None:
    async def run(*steps: str) -> None:
        """Each a revision to go to, or a statement."""

        def go(connection: Connection) -> None:
            for step in steps:
                if step.startswith("000"):
                    current = MigrationContext.configure(connection).get_current_revision() or ""
                    (command.downgrade if step < current else command.upgrade)(migrations.config(connection), step)
                else:
                    connection.exec_driver_sql(step)

        async with empty.engine.connect() as connection:
            await connection.execution_options(stockgate_writes=True)
            await connection.run_sync(go)
            await connection.commit()

    async def kept(what: str = "group_id, line, delta, on_hand") -> list[tuple[object, ...]]:
        async with empty.engine.connect() as connection:
            found = await connection.exec_driver_sql(f"SELECT sequence, {what} FROM ledger_entry ORDER BY sequence")
            return [tuple(row) for row in found]

    await run("0003", _GROUP, _ENTRIES, "0004")
    assert await kept() == [(1, 1, 0, 5, 5), (2, 1, 1, 2, 7)]
    if empty.name == "postgresql":
        assert await kept("tableoid::regclass::text") == [(1, "ledger_entry_2025_11"), (2, "ledger_entry_2025_12")]
        months = await empty.read(ledger_partitions.months)
        assert len(months) == 2 + 1 + ledger_partitions.MONTHS_AHEAD
        assert not await empty.transact(ledger_partitions.make_ahead)
    await run(_ENTRIES, "DELETE FROM ledger_entry WHERE sequence = 1", _OPENING, "0003")
    assert [row[0] for row in await kept()] == [1, 2, 3, 4], "the opening is an entry to the older program"
    assert [row[3] for row in await kept()] == [5, 2, 5, 2]
    await run("0004", _ENTRIES)
    assert [row[0] for row in await kept()] == [1, 2, 3, 4, 5, 6], "numbers are not given twice"


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
