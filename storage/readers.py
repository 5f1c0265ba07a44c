"""The short way to read: the driver's own connection, for statements whose one text is the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Protocol

import aiosqlite
import asyncpg

from storage import engine_errors, mathematics, sqlite_library
from storage.connecting import Connector
from storage.kept_connections import KeptConnections
from storage.quick_reads import QuickReads

BUSY_TIMEOUT_MS: Final = 30_000
SQLITE_READERS: Final = 4
_PATIENCE_S: Final = 0.01
SQLITE_PRAGMAS: Final = (
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # an acknowledged write survives a power cut
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-65536",  # 64 MiB
    "PRAGMA temp_store=MEMORY",
)
"""What every connection to an SQLite file starts with."""


class Reader(Protocol):
    """Runs statements that read."""

    async def fetch_text(self, sql: str, values: Sequence[Any]) -> str | None:
        """The text, None when there is no row."""

    async def fetch_rows(self, sql: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """All columns of all rows of a statement."""

    async def close(self) -> None:
        """Close every connection."""


class SqliteReader:
    """A few read-only connections, each with a thread of its own, and one without for what is short."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._idle: asyncio.LifoQueue[aiosqlite.Connection] = asyncio.LifoQueue()
        self._opened: list[aiosqlite.Connection] = []
        self._opening = asyncio.Lock()
        self._stopping: set[asyncio.Task[None]] = set()
        self._quick: QuickReads | None = None

    async def fetch_text(self, sql: str, values: Sequence[Any]) -> str | None:
        rows = await self.fetch_rows(sql, values)
        return rows[0][0] if rows else None

    async def fetch_rows(self, sql: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        rows = self._quick.fetch_rows(sql, values) if self._quick is not None else None
        return await self._in_thread(sql, values) if rows is None else rows

    async def _in_thread(self, sql: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        connection = await self._take()
        try:
            rows = list(await connection.execute_fetchall(sql, values))
        except asyncio.CancelledError:
            stopping = asyncio.create_task(self._stop(connection))
            self._stopping.add(stopping)
            stopping.add_done_callback(self._stopping.discard)
            raise
        except BaseException:
            self._idle.put_nowait(connection)
            raise
        self._idle.put_nowait(connection)
        return rows

    async def _stop(self, connection: aiosqlite.Connection) -> None:
        """End a statement that nobody waits for, and give the connection back.

        Only what runs can be interrupted, and the thread may not have begun: so again and again until it got further.
        """
        behind = asyncio.ensure_future(connection.execute_fetchall("SELECT 1"))
        while not behind.done():
            await connection.interrupt()
            await asyncio.wait([behind], timeout=_PATIENCE_S)
        behind.exception()  # interrupted itself, maybe
        self._idle.put_nowait(connection)

    async def _take(self) -> aiosqlite.Connection:
        if self._idle.empty():
            async with self._opening:
                if self._idle.empty() and len(self._opened) < SQLITE_READERS:
                    return await self._open()
        return await self._idle.get()

    async def _open(self) -> aiosqlite.Connection:
        connection = await sqlite_library.connection(self._path, isolation_level=None, cached_statements=512)
        for pragma in (*SQLITE_PRAGMAS, "PRAGMA query_only=ON"):
            await connection.execute_fetchall(pragma)
        known = await connection.execute_fetchall(mathematics.KNOWN)
        functions = list(mathematics.missing(row[0] for row in known))
        for function in functions:
            await connection.create_function(*function, deterministic=True)
        self._opened.append(connection)
        if self._quick is None:
            self._quick = await asyncio.to_thread(QuickReads, self._path, SQLITE_PRAGMAS, functions)
        return connection

    async def close(self) -> None:
        await asyncio.gather(*self._stopping)
        for connection in self._opened:
            await connection.close()
        self._opened.clear()
        if self._quick is not None:
            self._quick.close()
            self._quick = None


class PostgresReader:
    """asyncpg's own connections. Reads leave no session state behind, so these are not reset between them."""

    def __init__(self, connector: Connector, *, connections_max: int | None = None, tries: int = 2) -> None:
        self._connector = connector
        self._connections_max = connections_max or connector.connections.each_max
        self._tries = tries
        self._connections: KeptConnections | None = None
        self._opening = asyncio.Lock()
        connector.unanswered.ended.append(self._expire)

    async def fetch_text(self, sql: str, values: Sequence[Any]) -> str | None:
        text: str | None = await self._run("fetchval", sql, values)
        return text

    async def fetch_rows(self, sql: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        return [tuple(row) for row in await self._run("fetch", sql, values)]

    async def _run(self, method: str, sql: str, values: Sequence[Any]) -> Any:
        """Once more when the connection was lost, which it may have been long before it was needed."""
        connections = self._connections or await self._open()
        # Without a session of its own a statement needs a transaction: it takes two steps, both in the same session
        in_transaction = not self._connector.connections.has_sessions
        try:
            return await connections.run(method, sql, *values, in_transaction=in_transaction)
        except engine_errors.LOST as error:
            if self._tries == 1 or not engine_errors.is_lost(error):
                raise
            await self._expire()
            return await connections.run(method, sql, *values, in_transaction=in_transaction)

    async def _open(self) -> KeptConnections:
        async with self._opening:
            if self._connections is None:
                connector = self._connector
                pool = await asyncpg.create_pool(
                    min_size=0,
                    max_size=self._connections_max,
                    connect=connector.connect,
                    reset=_keep_state,
                    **connector.options,
                )
                self._connections = KeptConnections(pool, connector.unanswered.asked)
            return self._connections

    async def _expire(self) -> None:
        if self._connections is not None:
            await self._connections.expire()

    def abandon(self) -> None:
        """End every connection, and what runs on it; the next statement begins anew."""
        connections, self._connections = self._connections, None
        if connections is not None:
            connections.terminate()

    async def close(self) -> None:
        if self._connections is not None:
            await self._connections.close()
            self._connections = None


async def _keep_state(_connection: Any) -> None:
    return None
