"""Millions of stock levels in a migrated, empty database, by a few statements that make the rows where they are kept.

Every level has its ledger entry, so that the books balance. Secondary indexes are dropped first and made at the end, as
the tables define them: sorting them once is several times quicker than keeping them in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, create_engine

from storage import migrations, sqlite_library, tables
from storage.database import Database
from storage.upsert import table_of

_LOADED: Final = tuple(
    table_of(model)
    for model in (tables.Location, tables.Product, tables.StockChangeGroup, tables.StockLevel, tables.LedgerEntry)
)
_GROUP: Final = 1_000  # levels that one request has written
_STATUS: Final = "CASE n % 100 WHEN 50 THEN 'draft' WHEN 51 THEN 'trash' ELSE 'publish' END"
_SECONDS: Final = 30  # between one request and the next
_THINGS: Final = ("Jacket", "Boot", "Backpack", "Tent", "Lantern", "Sock", "Bottle", "Glove")
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Load:
    """Items 1 to `items` are in stock at every location; of ten, three are variations of a product of their own.

    Of a hundred products one is a draft and one in the trash, unless all are published.
    """

    items: int
    locations: int = 20
    published: bool = False

    @property
    def levels(self) -> int:
        return self.items * self.locations


def sku(item: int) -> str:
    """What an item has for a SKU."""
    return f"LOAD-{item:08}"


def slug(location: int) -> str:
    """What a location has for a slug."""
    return f"load-{location:03}"


def load(connection: Connection, size: Load, progress: Progress = lambda _what: None) -> None:
    """Fill a migrated, empty database that nobody else uses. `items` is a multiple of ten. The caller commits."""
    engine = _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL
    with _indexes_made_afterwards(connection, progress):
        for table, rows in _rows(size, engine).items():
            progress(table)
            connection.exec_driver_sql(f"INSERT INTO {table} {rows}")
    if connection.dialect.name == "postgresql":
        for table, key in _COUNTED:
            counter = f"pg_get_serial_sequence('{table}', '{key}')"
            connection.exec_driver_sql(f"SELECT setval({counter}, (SELECT max({key}) FROM {table}))")
    progress("ANALYZE")
    connection.exec_driver_sql("ANALYZE")


def load_database(url: str, size: Load, progress: Progress = lambda _what: None) -> None:
    """Migrate an empty database, fill it, and leave it as it is when it has been at rest for a while."""
    if url.startswith("sqlite"):
        asyncio.run(_migrated(url))
        _load_file(url, size, progress)
    else:
        asyncio.run(_load_server(url, size, progress))


def _load_file(url: str, size: Load, progress: Progress) -> None:
    engine = create_engine(url, module=sqlite_library.dbapi)
    with engine.connect() as connection:
        for pragma in _HURRIED:
            connection.exec_driver_sql(f"PRAGMA {pragma}")
        connection.commit()
        load(connection, size, progress)
        connection.commit()
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    engine.dispose()


async def _migrated(url: str) -> None:
    database = Database(url)
    await migrations.upgrade(database)
    await database.close()


async def _load_server(url: str, size: Load, progress: Progress) -> None:
    await _migrated(url)
    database = Database(url)
    async with database.engine.connect() as connection:
        await connection.run_sync(load, size, progress)
        await connection.commit()
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        for statement in ("VACUUM", "CHECKPOINT"):
            progress(statement)
            await connection.exec_driver_sql(statement)
    await database.close()


_HURRIED: Final = (
    "foreign_keys=OFF",
    "synchronous=OFF",
    "journal_mode=OFF",
    "cache_size=-1000000",
    "temp_store=MEMORY",
)


@contextmanager
def _indexes_made_afterwards(connection: Connection, progress: Progress) -> Iterator[None]:
    """And no row is checked for what its foreign keys refer to; SQLite must have been told before it began."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '1GB'")
    indexes = [index for table in _LOADED for index in sorted(table.indexes, key=lambda index: str(index.name))]
    for index in indexes:
        index.drop(connection)
    yield
    for index in indexes:
        progress(str(index.name))
        index.create(connection)


@dataclass(frozen=True, slots=True)
class _Engine:
    """What the engines say differently: rows 1 to {0}, a time {0} seconds ago, eight digits of {0}, a JSON document."""

    series: str
    ago: str
    digits: str
    document: str


_SQLITE: Final = _Engine(
    "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {0}) SELECT n FROM s) AS s",
    "strftime('%Y-%m-%dT%H:%M:%S.000000Z', unixepoch() - ({0}), 'unixepoch')",
    "printf('%08d', {0})",
    "'{0}'",
)
_POSTGRESQL: Final = _Engine(
    "generate_series(CAST(1 AS bigint), {0}) AS s(n)",
    "date_trunc('second', now()) - make_interval(secs => {0})",
    "lpad(CAST({0} AS text), 8, '0')",
    "CAST('{0}' AS jsonb)",
)
_COUNTED: Final = (
    ("location", "id"),
    ("product", "id"),
    ("stock_change_group", "id"),
    ("ledger_entry", "sequence"),
)


def _rows(size: Load, engine: _Engine) -> dict[str, str]:
    """For each table, columns of n and the rows that they are made for."""
    groups = -(-size.levels // _GROUP)
    changed = engine.ago.format(f"({groups} - (n - 1) / {_GROUP}) * {_SECONDS}")
    level = {
        "product_id": f"(n - 1) / {size.locations} + 1",
        "location_id": f"(n - 1) % {size.locations} + 1",
        "on_hand": "CASE WHEN n % 13 = 0 THEN 0 ELSE n * 7919 % 97 END",
        "regular_price": "CASE WHEN n % 20 = 7 THEN 3000000 + n % 1000 * 1000 END",
        "disabled": "n % 101 = 0",
        "reserved": "CASE WHEN n % 11 = 3 AND n % 13 > 0 THEN n % 3 ELSE 0 END",
        "safety_stock": "CASE WHEN n % 10 = 9 THEN 2 ELSE 0 END",
        "version": "1",
    }
    entry = {
        "sequence": "n", "group_id": f"(n - 1) / {_GROUP} + 1", "line": f"(n - 1) % {_GROUP}", **level,
        "delta": level["on_hand"], "created_at": changed,
    }  # fmt: skip
    return {
        "location": _made(_locations(engine), engine, size.locations),
        "product": _made(_products(size, engine), engine, size.items + size.items // 10),
        "stock_change_group": _made(_groups(groups, engine), engine, groups),
        "stock_level": _made({**level, "updated_at": changed}, engine, size.levels),
        "ledger_entry": _made(entry, engine, size.levels),
    }  # fmt: skip


def _locations(engine: _Engine) -> Mapping[str, str]:
    code = f"substr({engine.digits.format('n')}, 6)"
    return {
        "id": "n", "slug": f"'load-' || {code}", "code": f"'L' || {code}", "name": f"'Depot ' || {code}",
        "description": "''", "kind": "CASE WHEN n % 5 = 0 THEN 'warehouse' ELSE 'store' END", "active": "true",
        "is_default": "n = 1", "position": "n", "created_at": engine.ago.format("0"),
        "updated_at": engine.ago.format("0"),
    }  # fmt: skip


def _products(size: Load, engine: _Engine) -> Mapping[str, str]:
    """The items, and after them the products of which three in ten are variations."""
    number, time = engine.digits.format("n"), engine.ago.format("n % 1000000 * 7")
    variation, parent = f"n <= {size.items} AND n % 10 BETWEEN 2 AND 4", f"n > {size.items}"
    thing = " ".join(f"WHEN {place} THEN '{word}'" for place, word in enumerate(_THINGS))
    name = f"CASE n % {len(_THINGS)} {thing} END || ' ' || {number}"
    size_of = engine.document.format('[{"name": "Size", "value": "M"}]')
    return {
        "id": "n",
        "parent_id": f"CASE WHEN {variation} THEN {size.items} + n / 10 + 1 END",
        "type": f"CASE WHEN {variation} THEN 'variation' WHEN {parent} THEN 'variable' ELSE 'simple' END",
        "sku": f"'LOAD-' || {number}", "sku_key": f"'load-' || {number}",
        "gtin": f"'002000' || {number}", "gtin_text": f"'2000' || {number}",
        "name": name, "name_key": f"lower({name})",
        "status": "'publish'" if size.published else _STATUS,
        "attributes": f"CASE WHEN {variation} THEN {size_of} ELSE {engine.document.format('[]')} END",
        "manage_stock": f"NOT ({parent})", "backorders": "CASE WHEN n % 10 = 6 THEN 'notify' ELSE 'no' END",
        "regular_price": "1990000 + n % 1000 * 1000",
        "sale_price": "CASE WHEN n % 7 = 1 THEN 990000 + n % 1000 * 1000 END",
        "tax_rate": "200000", "low_stock_threshold": "CASE WHEN n % 6 > 0 THEN n % 6 + 2 END",
        "stock_status": "'instock'", "extra": engine.document.format("{}"),
        "created_at": time, "updated_at": time,
    }  # fmt: skip


def _groups(count: int, engine: _Engine) -> Mapping[str, str]:
    return {
        "id": "n", "dialect": "CASE n % 4 WHEN 0 THEN 'graphql' ELSE 'wc/v3' END", "api_key_id": "n % 5 + 1",
        "principal": "'load'", "reason": "CASE n % 10 WHEN 0 THEN 'received' ELSE 'unspecified' END", "note": "''",
        "reference": "'load ' || n", "request_id": "''",
        "created_at": engine.ago.format(f"({count} - n + 1) * {_SECONDS}"),
    }  # fmt: skip


def _made(columns: Mapping[str, str], engine: _Engine, count: int) -> str:
    """An INSERT's columns and SELECT."""
    series = engine.series.format(count)
    return f"({', '.join(columns)}) SELECT {', '.join(columns.values())} FROM {series}"
