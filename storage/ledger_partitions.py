"""The months of the ledger on PostgreSQL: a partition each, made ahead, and one for what no other takes.

Only months to come are made, and the present one while nothing of it was written: no entry ever has to be moved, and no
writer waits for that. Entries of a month that was not made in time stay in the default partition.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from storage import engine_errors

MONTHS_AHEAD: Final = 3
_TABLE: Final = "ledger_entry"
_DEFAULT: Final = f"{_TABLE}_default"
_NAME: Final = re.compile(rf"{_TABLE}_(\d{{4}})_(\d\d)")
_LOCK_TIMEOUT: Final = "SET LOCAL lock_timeout = '100ms'"  # while we wait for the whole table, everybody waits for us
_ATTEMPTS: Final = 20
_LISTED: Final = text(f"""
    SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid
    WHERE inhparent = '{_TABLE}'::regclass ORDER BY relname""")  # noqa: S608 (a constant)
_IS_BEGUN: Final = text(
    f"SELECT EXISTS (SELECT FROM {_DEFAULT} WHERE created_at >= :start AND created_at < :end)"  # noqa: S608 (a constant)
)
_MONTHS_OF_ENTRIES: Final = {
    "sqlite": text(f"SELECT DISTINCT substr(created_at, 1, 7) FROM {_TABLE}"),  # noqa: S608 (a constant)
    "postgresql": text(f"SELECT DISTINCT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM') FROM {_TABLE}"),  # noqa: S608 (as above)
}


class Month(NamedTuple):
    """One partition: the entries of this month, in UTC."""

    year: int
    month: int

    @classmethod
    def of(cls, time: datetime) -> Month:
        """The month of a time."""
        return cls(*time.astimezone(UTC).timetuple()[:2])

    @property
    def name(self) -> str:
        """The partition's."""
        return f"{_TABLE}_{self.year:04}_{self.month:02}"

    @property
    def start(self) -> datetime:
        """When it begins."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """When the next one begins."""
        return self.later(1).start

    def later(self, months: int) -> Month:
        """So many months on."""
        years, month = divmod(self.month - 1 + months, 12)
        return Month(self.year + years, month + 1)


async def months(session: AsyncSession) -> Sequence[Month]:
    """Those that have a partition, in order. None on SQLite, where the ledger is one table."""
    if session.get_bind().dialect.name == "sqlite":
        return []
    found = (_NAME.fullmatch(name) for name in (await session.execute(_LISTED)).scalars())
    return [Month(int(match[1]), int(match[2])) for match in found if match]


async def make_ahead(session: AsyncSession) -> Sequence[Month]:
    """Make the partitions of this month and the next ones that are not there yet, and say which. Nothing on SQLite."""
    if session.get_bind().dialect.name == "sqlite":
        return []
    now = Month.of(datetime.now(UTC))
    there = set(await months(session))
    missing = [month for n in range(MONTHS_AHEAD + 1) if (month := now.later(n)) not in there]
    made = [month for month in missing if await _make(session, month)]
    if made:  # a partitioned table is analyzed by nobody else
        await session.execute(text("SET LOCAL statement_timeout = 0"))
        await session.execute(text(f"ANALYZE {_TABLE}"))
    return made


async def make_for(session: AsyncSession, source: AsyncSession) -> None:
    """Make the months of all entries of another database, which are to be written here. Nothing on SQLite."""
    if session.get_bind().dialect.name == "sqlite":
        return
    found = (await source.execute(_MONTHS_OF_ENTRIES[source.get_bind().dialect.name])).scalars()
    there = set(await months(session))
    for month in sorted({Month(int(name[:4]), int(name[5:])) for name in found} - there):
        await _make(session, month)


async def _make(session: AsyncSession, month: Month) -> bool:
    bounds = {"start": month.start, "end": month.end}
    if await session.scalar(_IS_BEGUN, bounds):
        return False
    # Not CREATE … PARTITION OF: that would lock out who only reads what is in other partitions
    return await while_nobody_waits(
        session,
        f"CREATE TABLE {month.name} (LIKE {_TABLE} INCLUDING ALL)",
        f"ALTER TABLE {_TABLE} ATTACH PARTITION {month.name}"
        f" FOR VALUES FROM ('{month.start.isoformat()}') TO ('{month.end.isoformat()}')",
    )


async def drop(session: AsyncSession, month: Month) -> bool:
    """Drop a month with all its entries. False when somebody else kept the ledger busy all the time."""
    return await while_nobody_waits(
        session,
        "LOCK TABLE stock_change_group IN ACCESS EXCLUSIVE MODE",  # in the order in which writers do
        f"DROP TABLE {month.name}",
    )


async def while_nobody_waits(session: AsyncSession, *statements: str) -> bool:
    """Run statements that lock the whole ledger for a moment: again and again until they get their locks at once."""
    for _ in range(_ATTEMPTS):
        with suppress(_BusyError):
            await _at_once(session, statements)
            return True
        await asyncio.sleep(random.uniform(0.1, 0.5))  # noqa: S311 (no secret)
    return False


class _BusyError(Exception):
    """A lock was not to be had at once."""


async def _at_once(session: AsyncSession, statements: Sequence[str]) -> None:
    try:
        async with session.begin_nested():
            for statement in (_LOCK_TIMEOUT, *statements):
                await session.execute(text(statement))
            await session.execute(text("SET LOCAL lock_timeout TO DEFAULT"))
    except DBAPIError as error:
        if engine_errors.is_lock_timeout(error):
            raise _BusyError from error
        raise


def is_partition(name: Any) -> bool:
    """Whether a table is a part of the ledger, and so not described by itself in storage/tables/."""
    return name is not None and (name == _DEFAULT or _NAME.fullmatch(name) is not None)
