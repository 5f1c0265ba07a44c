"""A whole database moved into another one: from SQLite to PostgreSQL and back."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Integer,
    Table,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from storage import bulk_rows, seeding
from storage.change_feed import record_catalog
from storage.columns import Id, Price, Timestamp
from storage.data_migration import TABLES, DataMigrationError, compare, move
from storage.database import Database
from storage.reconciliation import drifts
from storage.tables import CatalogChange, LedgerEntry, Product, StockChangeGroup
from storage.upsert import table_of
from tests.builders import a_location, a_product
from tests.conftest import _copy, _drop


class Silent:
    """A meter that nobody looks at."""

    def begin(self, what: str, rows: int) -> None: ...

    def advance(self, rows: int) -> None: ...


@pytest.fixture
async def target(
    postgres_template: str, sqlite_template: str, database: Database, tmp_path: Path
) -> AsyncIterator[Database]:
    """An empty, migrated database of the other engine: every test goes both ways."""
    url = await _copy(postgres_template if database.name == "sqlite" else sqlite_template, tmp_path)
    target = Database(url)
    yield target
    await target.close()
    if target.name == "postgresql":
        await _drop(url)


def awkward(column: Column[Any], n: int) -> Any:
    """The hardest value of the column's type that is easy to get wrong; each row has others."""
    if column.foreign_keys:
        return 1
    match column.type:
        case Timestamp():
            return datetime(2026 + n, 1, 2, 3, 4, 5, 678901, UTC)
        case Price():
            return Decimal("922337203685477.5807") if n == 1 else Decimal("-0.0001")
        case Boolean():
            return n == 1
        case JSON():
            return [{"z": 1, "a": "ß 🙂", "n": [10**25, 0.1, 1e22, -0.0, None, True]}, {}]
        case Float():
            return -179.12345678901234
        case BigInteger() | Integer():
            largest = 2**63 - 1 if isinstance(column.type, BigInteger) and column.type is not Id else 2**31 - 1
            return n if column.primary_key else largest
    return f"{n} Ünï, 日本 🙂 '\" \\ \n\t {{}}"


def awkward_rows(table: Table) -> list[dict[str, Any]]:
    """A row with a value in each column, and one with NULL wherever it may be."""
    columns = list(table.columns)
    full = {column.name: awkward(column, 1) for column in columns}
    bare = {column.name: None if column.nullable else awkward(column, 2) for column in columns}
    if table is table_of(Product):
        full["parent_id"] = 7  # a row that comes after it
        bare["id"] = 7
    if table.name == "stock_level":  # its key refers to others
        bare["location_id"] = 2
    if table.name == "webhook_delivery":  # an endpoint has an event once
        bare["sequence"] = 2
    return [full, bare]


async def fill(session: AsyncSession) -> None:
    if session.get_bind().dialect.name == "sqlite":
        await session.execute(text("PRAGMA defer_foreign_keys=ON"))
    for table in TABLES:
        await session.execute(
            insert(table).values(awkward_rows(table))
        )  # as one statement: a row may refer to the next
    await give_numbers(session, 9)


async def give_numbers(session: AsyncSession, last: int) -> None:
    """Number rows up to the last one, which is gone then."""
    for table in TABLES:
        column = table.autoincrement_column
        if column is not None and session.get_bind().dialect.name == "postgresql":
            await session.execute(
                text(f"SELECT setval(pg_get_serial_sequence('{table.name}', '{column.name}'), {last})")
            )
    row = awkward_rows(table_of(LedgerEntry))[1]
    await session.execute(insert(table_of(LedgerEntry)).values({**row, "sequence": last}))
    await session.execute(delete(table_of(LedgerEntry)).where(table_of(LedgerEntry).c.sequence == last))


async def contents(database: Database) -> dict[str, list[Any]]:
    """Every row as the program reads it."""

    async def read(session: AsyncSession) -> dict[str, list[Any]]:
        return {
            table.name: [
                tuple(row) for row in await session.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in TABLES
        }

    return await database.read(read)


async def test_every_row_arrives_with_each_of_its_values(database: Database, target: Database) -> None:
    await database.transact(fill)
    compared = await move(database, target, Silent())
    assert [each.table for each in compared] == [table.name for table in TABLES]
    assert {table.name for table in TABLES} == set(SQLModel.metadata.tables)
    assert all(each.is_same and each.source.rows == 2 for each in compared)
    there = await contents(target)
    assert there == await contents(database)
    for table in TABLES:
        for place, column in enumerate(table.columns):
            values = {str(row[place]) for row in there[table.name]}
            assert ("None" in values) == column.nullable, column
            assert values != {"None"}, column
    if target.name == "postgresql":  # each entry is in its month, from where it can be pruned
        counted = text(
            "SELECT (SELECT count(*) FROM ledger_entry_2027_01), (SELECT count(*) FROM ledger_entry_default)"
        )
        assert await target.fetch_rows(str(counted), []) == [(1, 0)]


async def test_no_number_is_given_twice_after_the_move(database: Database, target: Database) -> None:
    await database.transact(fill)
    await move(database, target, Silent())

    async def next_numbers(session: AsyncSession) -> dict[str, int]:
        await record_catalog(session, products=[7])
        feed = await session.scalar(select(func.max(table_of(CatalogChange).c.sequence)))
        row = {**awkward_rows(table_of(LedgerEntry))[1]}
        del row["sequence"]
        entry = await session.scalar(
            insert(table_of(LedgerEntry)).values(row).returning(table_of(LedgerEntry).c.sequence)
        )
        group = {**awkward_rows(table_of(StockChangeGroup))[1]}
        del group["id"]
        change = await session.scalar(
            insert(table_of(StockChangeGroup)).values(group).returning(table_of(StockChangeGroup).c.id)
        )
        return {"feed": int(feed or 0), "entry": int(entry or 0), "group": int(change or 0)}

    numbers = await target.transact(next_numbers)
    # SQLite remembers numbers of rows that are gone only where two tables share them: not those of groups
    assert numbers == {"feed": 10, "entry": 11, "group": 3}


async def test_a_moved_shop_goes_on_where_it_was(
    database: Database, target: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_rows, "AT_ONCE", 50)  # the last batch is a full one, and an odd one
    await database.transact(seeding.seed, seeding.Size(15, 10, variations=2))
    await move(database, target, Silent())
    assert await target.read(drifts) == []
    assert all(each.is_same for each in await compare(database, target, Silent()))

    async def rename(session: AsyncSession) -> None:
        await session.execute(update(table_of(Product)).where(table_of(Product).c.id == 7).values(name="Another"))

    await target.transact(rename)
    different = [each for each in await compare(database, target, Silent()) if not each.is_same]
    assert [(each.table, each.difference) for each in different] == [
        ("product", "the first row that differs is at id 7")
    ]


@pytest.mark.campaign
async def test_a_million_entries_and_two_hundred_thousand_levels_arrive_row_for_row(
    database: Database, target: Database
) -> None:
    await database.transact(seeding.seed, seeding.Size(10_000, 20))
    columns = ", ".join(
        column.name for column in table_of(LedgerEntry).columns if column.name not in {"sequence", "delta"}
    )
    more = f"INSERT INTO ledger_entry ({columns}, delta) SELECT {columns}, 0 FROM ledger_entry LIMIT 200000"
    await database.transact(_execute, *[more] * 4)
    compared = {each.table: each for each in await move(database, target, Silent())}
    assert (compared["ledger_entry"].target.rows, compared["stock_level"].target.rows) == (1_000_000, 200_000)
    assert all(each.is_same for each in compared.values())


KILLED = """
import asyncio, os, signal, sys
from storage.data_migration import move
from storage.database import Database

class Fuse:
    def begin(self, what, rows):
        if what == "Comparing stock_level":  # everything is written
            os.kill(os.getpid(), signal.SIGKILL)

    def advance(self, rows):
        pass

asyncio.run(move(Database(sys.argv[1]), Database(sys.argv[2]), Fuse()))
"""


async def test_a_move_that_was_killed_leaves_nothing_and_can_be_begun_again(
    database: Database, target: Database
) -> None:
    await database.transact(fill)
    urls = [each.url.render_as_string(hide_password=False) for each in (database, target)]
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, *urls)
    assert await killed.wait() == -signal.SIGKILL
    assert not any((await contents(target)).values())
    assert all(each.is_same for each in await move(database, target, Silent()))


async def test_what_cannot_be_moved_is_refused_and_leaves_the_target_as_it_was(
    database: Database, target: Database, tmp_path: Path
) -> None:
    await database.transact(_add, a_product(1, name="Tea"))
    for source, message in (
        (target, "is both source and target"),
        (Database(f"sqlite:///{tmp_path / 'none.db'}"), "There is no file .*none.db"),
    ):
        with pytest.raises(DataMigrationError, match=message):
            await move(source, target, Silent())
    assert not (tmp_path / "none.db").exists()

    await target.transact(_add, a_location(3))
    with pytest.raises(DataMigrationError, match="not empty: it has rows in location"):
        await move(database, target, Silent())
    there = await contents(target)
    assert [len(there["location"]), len(there["product"])] == [1, 0]

    if target.name == "postgresql":  # SQLite's target is migrated, as everywhere
        await target.transact(_execute, "UPDATE alembic_version SET version_num = '0002'")
        with pytest.raises(DataMigrationError, match=r"Run: STOCKGATE_DATABASE_URL='postgresql.* stockgate migrate"):
            await move(database, target, Silent())
        with pytest.raises(DataMigrationError, match="does not have the schema of this program"):
            await compare(target, database, Silent())


async def test_a_row_that_the_target_cannot_hold_is_named(database: Database, target: Database) -> None:
    if target.name == "postgresql":
        unfit, message = a_product(1, name="a\0b"), "refuses a row. product: .*0x00 .*line 1, column name"
        await database.transact(_add, unfit)
    else:  # nothing fits a text less than what a trigger refuses
        await database.transact(_add, a_product(1))
        await target.transact(
            _execute, "CREATE TRIGGER no BEFORE INSERT ON product BEGIN SELECT raise(ABORT, 'no products'); END"
        )
        message = "refuses a row. product: no products"
    with pytest.raises(DataMigrationError, match=message):
        await move(database, target, Silent())
    assert not any((await contents(target)).values())


async def test_what_was_written_otherwise_than_it_was_read_is_not_kept(database: Database, target: Database) -> None:
    await database.transact(_add, a_product(1), a_product(2))
    if target.name == "sqlite":
        await target.transact(
            _execute,
            "CREATE TRIGGER other AFTER INSERT ON product WHEN new.id = 2"
            " BEGIN UPDATE product SET name = 'Other' WHERE id = new.id; END",
        )
    else:
        await target.transact(
            _execute,
            "CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS $$"
            " BEGIN IF new.id = 2 THEN new.name = 'Other'; END IF; RETURN new; END $$",
            "CREATE TRIGGER other BEFORE INSERT ON product FOR EACH ROW EXECUTE FUNCTION other()",
        )
    with pytest.raises(DataMigrationError, match=r"nothing was kept\. product: the first row that differs is at id 2"):
        await move(database, target, Silent())
    assert not any((await contents(target)).values())


async def _add(session: AsyncSession, *rows: SQLModel) -> None:
    session.add_all(rows)


async def _execute(session: AsyncSession, *statements: str) -> None:
    for statement in statements:
        await session.execute(text(statement))
