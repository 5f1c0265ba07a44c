"""That something was committed, told to those who follow the change feed: one kind per engine.

A wake-up says only that it is worth looking. One that is lost costs a follower the second after which it looks anyway.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any, Final, NoReturn, Protocol

import aiosqlite
import asyncpg
import structlog

from storage import deadline, sqlite_library

Wake = Callable[[], None]
_CHANNEL: Final = "stockgate_changes"
# A commit of its own, which need not be durable: NOTIFY inside the writers' transactions would make them queue
_NOTIFY: Final = f"SELECT pg_notify('{_CHANNEL}', $1) FROM set_config('synchronous_commit', 'off', true)"  # noqa: S608 (a constant)
_NOTIFY_EVERY_S: Final = 0.02
_POLL_S: Final = 0.2
_RETRY_S: Final = (0.1, 5.0)
log = structlog.get_logger("stockgate.storage")


class Wakeups(Protocol):
    """How the processes on one database hear of each other's commits."""

    async def watch(self, wake: Wake) -> NoReturn:
        """Call `wake` whenever another process committed, until cancelled. Holds one connection."""

    def announce(self) -> None:
        """Tell the other processes of a commit, soon. Not from within a transaction."""

    async def close(self) -> None:
        """Announce nothing any more."""


class SqliteWakeups:
    """Asks the file for the number that every commit of another connection changes: it costs microseconds."""

    def __init__(self, path: str) -> None:
        self._path = path

    async def watch(self, wake: Wake) -> NoReturn:
        while True:
            try:
                async with sqlite_library.connection(
                    f"file:{self._path}?mode=ro", uri=True, isolation_level=None
                ) as connection:
                    await self._poll(connection, wake)
            except sqlite_library.dbapi.Error:
                log.warning("polling for commits failed", exc_info=True)
                await asyncio.sleep(_RETRY_S[1])

    @staticmethod
    async def _poll(connection: aiosqlite.Connection, wake: Wake) -> NoReturn:
        seen: Any = None
        while True:
            [version] = await connection.execute_fetchall("PRAGMA data_version")
            if version[0] != seen:
                seen = version[0]
                wake()
            await asyncio.sleep(_POLL_S)

    def announce(self) -> None:
        return

    async def close(self) -> None:
        return


class PostgresWakeups:
    """LISTEN on a connection of its own, and NOTIFY, at most every 20 ms, on one of the pool's."""

    def __init__(self, dsn: str, notify: Callable[[str, list[Any]], Any]) -> None:
        self._dsn = dsn
        self._notify = notify
        self._name = secrets.token_hex(8)
        self._due = asyncio.Event()
        self._announcing: asyncio.Task[None] | None = None

    async def watch(self, wake: Wake) -> NoReturn:
        delay = _RETRY_S[0]
        while True:
            try:
                await self._listen(wake)
                delay = _RETRY_S[0]
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("listening for commits failed; looking every second meanwhile", error=str(error))
                delay = min(delay * 2, _RETRY_S[1])
            await asyncio.sleep(delay)

    async def _listen(self, wake: Wake) -> None:
        """Until the connection is lost."""
        lost = asyncio.Event()

        def heard(_connection: Any, _pid: int, _channel: str, name: object) -> None:
            if name != self._name:  # of its own commits this process knows already
                wake()

        connection = await asyncpg.connect(self._dsn)
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(_CHANNEL, heard)
            wake()  # for what was committed while nobody listened
            await lost.wait()
        finally:
            connection.terminate()

    def announce(self) -> None:
        self._due.set()
        if self._announcing is None or self._announcing.done():
            self._announcing = deadline.outliving(self._announce())

    async def _announce(self) -> None:
        while self._due.is_set():
            self._due.clear()
            try:
                await self._notify(_NOTIFY, [self._name])
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("telling other processes of a commit failed", error=str(error))
            await asyncio.sleep(_NOTIFY_EVERY_S)

    async def close(self) -> None:
        if self._announcing is not None:
            self._announcing.cancel()
