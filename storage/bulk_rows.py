"""Whole tables as streams of rows, on the drivers' own connections: no row objects, and never all of them in memory.

A row is a tuple of what SQLite stores, whatever the engine: numbers, texts and NULL, in the order of the table's
columns. Both engines hold exactly that, each in types of its own, so it is what can be moved and compared.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import asyncpg
from sqlalchemy import JSON, Boolean, Column, Table, Text, cast, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.columns import Timestamp, timestamp_text
from storage.sqlite_library import dbapi

Row = tuple[Any, ...]
Batches = AsyncGenerator[Sequence[Row], None]
AT_ONCE: Final = 5_000
"""Rows of a batch; only the last one of a table has fewer."""

_Conversion = tuple[int, Callable[[Any], Any]]
_UNFIT: Final = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    dbapi.IntegrityError,
    OverflowError,
    UnicodeError,
)


class UnfitRowError(Exception):
    """A row that the engine does not take."""


async def stream(session: AsyncSession, table: Table) -> Batches:
    """All rows in the order of the primary key, as the session's snapshot has them."""
    # The text of documents, because drivers would read them, and floats are not exact
    columns = [cast(column, Text) if isinstance(column.type, JSON) else column for column in table.columns]
    sql = str(select(*columns).order_by(*table.primary_key.columns).compile(dialect=session.get_bind().dialect))
    driver = await _driver(session)
    if _is_sqlite(session):
        async with driver.execute(sql) as cursor:
            while rows := await cursor.fetchmany(AT_ONCE):
                yield rows
        return
    stored = _conversions(table, {Boolean: int, Timestamp: timestamp_text})
    cursor = await driver.cursor(sql)
    while records := await cursor.fetch(AT_ONCE):
        yield [_converted(record, stored) for record in records]


async def write(session: AsyncSession, table: Table, batches: Batches) -> None:
    """Insert rows of stream(), with the numbers they have. Raises UnfitRowError, saying what the engine said."""
    driver = await _driver(session)
    names = [column.name for column in table.columns]
    with _told(table):
        if _is_sqlite(session):
            columns = ", ".join(f'"{name}"' for name in names)
            values = ", ".join("?" * len(names))
            async for rows in batches:
                await driver.executemany(f'INSERT INTO "{table.name}" ({columns}) VALUES ({values})', rows)  # noqa: S608 (our tables)
            return
        held = _conversions(table, {Boolean: bool, Timestamp: datetime.fromisoformat})
        if _refers_to_itself(table):  # what a row refers to may come after it, but not after the statement
            await driver.copy_records_to_table(table.name, columns=names, records=_one_by_one(batches, held))
            return
        async for rows in batches:
            records = [_converted(row, held) for row in rows]
            await driver.copy_records_to_table(table.name, columns=names, records=records)


async def _one_by_one(batches: Batches, held: Sequence[_Conversion]) -> AsyncIterator[Row]:
    async for rows in batches:
        for row in rows:
            yield _converted(row, held)


async def _driver(session: AsyncSession) -> Any:
    """The driver's own connection: aiosqlite's or asyncpg's, in the session's transaction."""
    return (await (await session.connection()).get_raw_connection()).driver_connection


def _is_sqlite(session: AsyncSession) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def _conversions(table: Table, by_type: dict[type[Any], Callable[[Any], Any]]) -> Sequence[_Conversion]:
    """The places of a row whose values another engine has in another type."""

    def conversion(column: Column[Any]) -> Callable[[Any], Any] | None:
        return next((convert for kind, convert in by_type.items() if isinstance(column.type, kind)), None)

    return [(place, found) for place, column in enumerate(table.columns) if (found := conversion(column))]


def _converted(row: Sequence[Any], conversions: Sequence[_Conversion]) -> Row:
    values = list(row)
    for place, convert in conversions:
        if (value := values[place]) is not None:
            values[place] = convert(value)
    return tuple(values)


def _refers_to_itself(table: Table) -> bool:
    return any(key.column.table is table for key in table.foreign_keys)


@contextmanager
def _told(table: Table) -> Iterator[None]:
    try:
        yield
    except _UNFIT as error:
        place = getattr(error, "context", None) or getattr(error, "detail", None)
        raise UnfitRowError(f"{table.name}: {error}{f' ({place})' if place else ''}") from error
