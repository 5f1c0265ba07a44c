"""The floor of writing: the same upsert and ledger insert by hand on the bare driver; nothing is resolved or checked.

It writes to a copy of the database, so that neither side works with what the other has just pushed out of its caches.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

import asyncpg
from sqlalchemy.engine import make_url

from storage.sqlite_library import dbapi

Line = tuple[int, int, int]
"""Product id, location id, quantity."""

PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-65536", "temp_store=MEMORY")
GROUP = "INSERT INTO stock_change_group (dialect, principal, reason, reference, request_id, created_at)"
LEVEL = "INSERT INTO stock_level (product_id, location_id, on_hand, disabled, version, updated_at)"
UPSERT = """ON CONFLICT (product_id, location_id)
    DO UPDATE SET on_hand = excluded.on_hand, version = stock_level.version + 1, updated_at = excluded.updated_at"""
ENTRY = """INSERT INTO ledger_entry
    (group_id, line, product_id, location_id, delta, before, on_hand, disabled, version, created_at)"""


class Floor(Protocol):
    def write(self, lines: Sequence[Line]) -> float:
        """Write them in one transaction; how many seconds it took."""


class SqliteFloor:
    def __init__(self, path: str) -> None:
        self.connection = dbapi.connect(path, isolation_level=None)
        for pragma in PRAGMAS:
            self.connection.execute(f"PRAGMA {pragma}")

    def write(self, lines: Sequence[Line]) -> float:
        started, now = time.perf_counter(), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        execute, many = self.connection.execute, self.connection.executemany
        execute("BEGIN IMMEDIATE")
        (group,) = execute(f"{GROUP} VALUES ('floor', '', '', '', '', ?) RETURNING id", [now]).fetchone()
        many(f"{LEVEL} VALUES (?, ?, ?, 0, 1, ?) {UPSERT}", [(*line, now) for line in lines])
        many(
            f"{ENTRY} VALUES (?, ?, ?, ?, 1, 1, ?, 0, 1, ?)",
            [(group, n, *line, now) for n, line in enumerate(lines)],
        )
        execute("COMMIT")
        return time.perf_counter() - started


class AsyncpgFloor:
    def __init__(self, url: str) -> None:
        self.runner = asyncio.Runner()
        self.connection: asyncpg.Connection[Any] = self.runner.run(asyncpg.connect(url))

    def write(self, lines: Sequence[Line]) -> float:
        return self.runner.run(self._write(lines))

    async def _write(self, lines: Sequence[Line]) -> float:
        started, now = time.perf_counter(), datetime.now(UTC)
        async with self.connection.transaction():
            group = await self.connection.fetchval(f"{GROUP} VALUES ('floor', '', '', '', '', $1) RETURNING id", now)
            await self.connection.executemany(
                f"{LEVEL} VALUES ($1, $2, $3, false, 1, $4) {UPSERT}", [(*line, now) for line in lines]
            )
            await self.connection.executemany(
                f"{ENTRY} VALUES ($1, $2, $3, $4, 1, 1, $5, false, 1, $6)",
                [(group, n, *line, now) for n, line in enumerate(lines)],
            )
        return time.perf_counter() - started


@contextmanager
def floor_beside(url: str) -> Iterator[Floor]:
    """The floor on a copy of a database that nobody is connected to."""
    with copied(url) as copy:
        if copy.startswith("sqlite"):
            on_file = SqliteFloor(str(make_url(copy).database))
            yield on_file
            on_file.connection.close()
            return
        floor = AsyncpgFloor(copy)
        try:
            yield floor
        finally:
            floor.runner.run(floor.connection.close())
            floor.runner.close()


@contextmanager
def copied(url: str) -> Iterator[str]:
    """The URL of a copy of a database that nobody is connected to."""
    if url.startswith("sqlite"):
        path = str(make_url(url).database)
        whole = dbapi.connect(path)
        whole.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        whole.close()
        yield f"sqlite:///{shutil.copy(path, f'{path}.floor')}"
        return
    name = f"{make_url(url).database}_floor"
    asyncio.run(_run(url, f'CREATE DATABASE "{name}" TEMPLATE "{make_url(url).database}"'))
    try:
        yield make_url(url).set(database=name).render_as_string(hide_password=False)
    finally:
        asyncio.run(_run(url, f'DROP DATABASE "{name}" WITH (FORCE)'))


async def _run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(make_url(url).set(database="postgres").render_as_string(hide_password=False))
    await connection.execute(statement)
    await connection.close()
