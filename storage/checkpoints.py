"""Checkpoints of an SQLite file: what was committed moves from the write-ahead log into the file, beside the writers.

By itself SQLite does it in the commit that fills the log: then one client waits for what a hundred have written, and a
bulk, which fills it alone, always does. Nothing is less durable for it: a commit is, once it is in the log.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import aiosqlite
import structlog

from storage import deadline, sqlite_library

BESIDE: Final = sqlite_library.dbapi.sqlite_version_info >= (3, 51, 3)
"""Whether this library may: older ones have the WAL-reset bug, which takes two connections that do this and that at
once, or cannot say how much there is to do. With those SQLite goes on doing it by itself."""
_PAGES_DUE: Final = 1_000  # SQLite's own default
_PAGES_MAX: Final = 8_192  # 32 MiB: writers that never pause would let the log grow for ever
_PAUSE_S: Final = 0.05
WRITERS_PRAGMA: Final = f"PRAGMA wal_autocheckpoint={_PAGES_MAX if BESIDE else _PAGES_DUE}"
"""At how many pages a commit does it itself all the same."""
log = structlog.get_logger("stockgate.storage")


class Checkpoints:
    """Those of one process, on a connection of their own. Other processes do the same; SQLite lets one at a time."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: aiosqlite.Connection | None = None
        self._running: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._looked_at = 0.0

    def due(self) -> None:
        """Something was written, or could not be: see whether it is time, at once or, after many small writes, soon."""
        if not BESIDE or self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0.0, self._looked_at + _PAUSE_S - loop.time()), self._look)

    async def close(self) -> None:
        """Wait for what runs, and close the connection."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._running is not None:
            await asyncio.wait([self._running])
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    def _look(self) -> None:
        self._timer = None
        self._looked_at = asyncio.get_running_loop().time()
        if self._running is not None:  # with what was committed meanwhile not yet in it
            self.due()
            return
        self._running = deadline.outliving(self._run())
        self._running.add_done_callback(self._done)

    async def _run(self) -> None:
        connection = self._connection or await self._open()
        _, pages, moved = await _checkpoint(connection, "NOOP")
        if pages - moved >= _PAGES_DUE:
            await _checkpoint(connection, "PASSIVE")

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running = None
        if not task.cancelled() and (error := task.exception()) is not None:
            # as when the disk is full: a writer is told so itself, and the next commit has us try again
            log.warning("checkpoint failed", exc_info=error)

    async def _open(self) -> aiosqlite.Connection:
        connection = await sqlite_library.connection(self._path, isolation_level=None)
        try:
            await connection.execute_fetchall("PRAGMA synchronous=FULL")
        except BaseException:
            with contextlib.suppress(sqlite_library.dbapi.Error):
                await connection.close()
            raise
        self._connection = connection
        return connection


async def _checkpoint(connection: aiosqlite.Connection, mode: str) -> tuple[int, int, int]:
    """Whether others kept it from everything, and of how many pages in the log how many are in the file."""
    [(busy, pages, moved)] = await connection.execute_fetchall(f"PRAGMA wal_checkpoint({mode})")
    return busy, pages, moved
