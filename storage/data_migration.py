"""A whole database into another one, of either engine: every row with the number it has, all of them or none.

One snapshot of the source is read, table by table in the order of their references, and written in one transaction
of the target. Before that is committed both sides are read again and compared row by row. So a target holds
everything, verified, or is as empty as it was.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import Table, func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from storage import bulk_rows, ledger_partitions, migrations, tables
from storage.bulk_rows import Batches, Row
from storage.database import Database
from storage.stored_forms import stored_form

assert tables  # noqa: S101 (its import fills the metadata)

TABLES: Final[Sequence[Table]] = SQLModel.metadata.sorted_tables
"""What is moved, in this order: what a row refers to is there before it."""


class DataMigrationError(Exception):
    """The data cannot be moved, and nothing was; the message says why."""


class Meter(Protocol):
    """Shows how far it got."""

    def begin(self, what: str, rows: int) -> None:
        """Something begins that goes over so many rows."""

    def advance(self, rows: int) -> None:
        """So many rows more are done."""


@dataclass(frozen=True, slots=True)
class Side:
    """A table as one database has it."""

    rows: int
    digest: str
    """SHA-256 over all rows in the order of the primary key."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A table in both databases. `difference` names the first row in which they differ, '' when there is none."""

    table: str
    source: Side
    target: Side
    difference: str = ""

    @property
    def is_same(self) -> bool:
        return self.source == self.target


async def move(source: Database, target: Database, meter: Meter) -> Sequence[Comparison]:
    """Copy everything into an empty database and verify it, in one transaction of it.

    Raises DataMigrationError when the source is not there or has an older schema, when the target has another schema or
    is not empty, when it refuses a row, and when what was written is not what was read.
    """
    await _check(source, target)
    try:
        async with source.reading() as snapshot:
            return await target.transact(_move, snapshot, meter)
    except bulk_rows.UnfitRowError as error:
        raise DataMigrationError(f"{target!r} refuses a row. {error}") from error
    except IntegrityError as error:  # SQLite looks at references when everything is there
        raise DataMigrationError(f"Rows refer to rows that {source!r} does not have: {error.orig}") from error


async def compare(source: Database, target: Database, meter: Meter) -> Sequence[Comparison]:
    """Compare two databases row by row, each as one snapshot has it. Raises DataMigrationError as move() does."""
    await _check(source, target)
    async with source.reading() as snapshot, target.reading() as other:
        await _take_time(snapshot, other)
        return await _compare(snapshot, other, meter)


async def _check(source: Database, target: Database) -> None:
    if source.url == target.url:
        raise DataMigrationError(f"{source!r} is both source and target.")
    if not _is_there(source):
        raise DataMigrationError(f"There is no file {source.url.database}.")  # SQLite would make an empty one
    if target.name == "sqlite":
        await migrations.upgrade(target)  # as everywhere
    for database in (source, target):
        if await migrations.pending(database):
            url = database.url.set(drivername=database.name).render_as_string()
            raise DataMigrationError(
                f"{database!r} does not have the schema of this program. "
                f"Run: STOCKGATE_DATABASE_URL='{url}' stockgate migrate"
            )


def _is_there(source: Database) -> bool:
    return source.name != "sqlite" or Path(str(source.url.database)).is_file()


async def _move(session: AsyncSession, snapshot: AsyncSession, meter: Meter) -> Sequence[Comparison]:
    await _take_time(snapshot, session)
    await _keep_others_out(session)
    if filled := [table.name for table in TABLES if await _has_rows(session, table)]:
        raise DataMigrationError(f"The target is not empty: it has rows in {', '.join(filled)}. Name an empty one.")
    await ledger_partitions.make_for(session, snapshot)
    for table in TABLES:
        meter.begin(f"Copying {table.name}", await _count(snapshot, table))
        async with aclosing(bulk_rows.stream(snapshot, table)) as batches:
            await bulk_rows.write(session, table, _metered(batches, meter))
    await _count_on(snapshot, session)
    compared = await _compare(snapshot, session, meter)
    if different := [each for each in compared if not each.is_same]:
        raise DataMigrationError(
            "What was written is not what was read, so nothing was kept. "
            + " ".join(f"{each.table}: {each.difference}." for each in different)
        )
    if not _is_sqlite(session):  # it plans by them, and would look only in a minute
        await session.execute(text(f"ANALYZE {', '.join(table.name for table in TABLES)}"))
    return compared


async def _take_time(*sessions: AsyncSession) -> None:
    """What stops a request's statement has no place here."""
    for session in sessions:
        if not _is_sqlite(session):
            for timeout in ("statement_timeout", "idle_in_transaction_session_timeout"):
                await session.execute(text(f"SET LOCAL {timeout} = 0"))


async def _keep_others_out(session: AsyncSession) -> None:
    """Let nobody else write; on SQLite nobody does meanwhile. Its references are checked at the end, in any order."""
    if _is_sqlite(session):
        await session.execute(text("PRAGMA defer_foreign_keys=ON"))
    else:
        names = ", ".join(sorted(table.name for table in TABLES))
        await session.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))


async def _has_rows(session: AsyncSession, table: Table) -> bool:
    return (await session.execute(select(1).select_from(table).limit(1))).first() is not None


async def _count(session: AsyncSession, table: Table) -> int:
    return int((await session.execute(select(func.count()).select_from(table))).scalar_one())


async def _metered(batches: Batches, meter: Meter) -> Batches:
    async for rows in batches:
        yield rows
        meter.advance(len(rows))


async def _count_on(snapshot: AsyncSession, session: AsyncSession) -> None:
    """Number new rows after every number that the source has given, also of rows that are gone.

    SQLite remembers only those of tables with AUTOINCREMENT, such as the ledger, whose counter catalog_change shares.
    """
    for table in TABLES:
        column = table.autoincrement_column
        if column is None:
            continue
        names = {"table": table.name, "column": column.name}
        given = await snapshot.scalar(text((_GIVEN_SQLITE if _is_sqlite(snapshot) else _GIVEN).format(**names))) or 0
        largest = await session.scalar(select(func.max(column))) or 0
        if last := max(given, largest):
            statement = _COUNT_ON_SQLITE if _is_sqlite(session) else _COUNT_ON
            await session.execute(text(statement.format(**names)), {"last": last})


_SEQUENCE: Final = "pg_get_serial_sequence('{table}', '{column}')"
_GIVEN: Final = f"SELECT pg_sequence_last_value({_SEQUENCE}::regclass)"
_GIVEN_SQLITE: Final = "SELECT seq FROM sqlite_sequence WHERE name = '{table}'"
_COUNT_ON: Final = f"SELECT setval({_SEQUENCE}, CAST(:last AS bigint))"
_COUNT_ON_SQLITE: Final = "UPDATE sqlite_sequence SET seq = max(seq, :last) WHERE name = '{table}'"


async def _compare(snapshot: AsyncSession, other: AsyncSession, meter: Meter) -> Sequence[Comparison]:
    compared = []
    for table in TABLES:
        meter.begin(f"Comparing {table.name}", await _count(snapshot, table))
        async with (
            aclosing(bulk_rows.stream(snapshot, table)) as ours,
            aclosing(bulk_rows.stream(other, table)) as theirs,
        ):
            compared.append(await _compare_rows(table, ours, theirs, meter))
    return compared


async def _compare_rows(table: Table, ours: Batches, theirs: Batches, meter: Meter) -> Comparison:
    form = stored_form(table)
    counts, digests, difference = [0, 0], (hashlib.sha256(), hashlib.sha256()), ""
    while any(both := await _next_of_both(ours, theirs)):
        forms = [[form(row) for row in rows] for rows in both]
        for side in (0, 1):
            counts[side] += len(both[side])
            digests[side].update(b"".join(forms[side]))
        if not difference and forms[0] != forms[1]:
            difference = _difference(table, both, forms)
        meter.advance(len(both[0]))
    source, target = (Side(count, digest.hexdigest()) for count, digest in zip(counts, digests, strict=True))
    return Comparison(table.name, source, target, difference)


async def _next_of_both(ours: Batches, theirs: Batches) -> Sequence[Sequence[Row]]:
    """The next batch of each, () at its end. While the one database works, the other does, too."""
    ahead = asyncio.ensure_future(_next(ours))
    try:
        behind = await _next(theirs)
    finally:
        await asyncio.wait([ahead])  # a stream that is read cannot be closed
    return [await ahead, behind]


async def _next(batches: Batches) -> Sequence[Row]:
    async for rows in batches:
        return rows
    return ()


def _difference(table: Table, both: Sequence[Sequence[Any]], forms: Sequence[Sequence[bytes]]) -> str:
    """In which row two batches differ first."""
    place = next((n for n, (a, b) in enumerate(zip(*forms, strict=False)) if a != b), min(map(len, forms)))
    row = next(rows[place] for rows in both if place < len(rows))
    values = dict(zip((column.name for column in table.columns), row, strict=True))
    key = ", ".join(f"{column.name} {values[column.name]!r}" for column in table.primary_key.columns)
    return f"the first row that differs is at {key}"


def _is_sqlite(session: AsyncSession) -> bool:
    return session.get_bind().dialect.name == "sqlite"
