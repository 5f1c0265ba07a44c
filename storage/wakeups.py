"""That something was committed or changed, told to other processes: one kind per engine.

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

from storage import deadline, forgetting, sqlite_library
from storage.listening import Listener

Wake = Callable[[], None]
_CHANNEL: Final = "stockgate_changes"
# A commit of its own, which need not be durable: NOTIFY inside the writers' transactions would make them queue
_NOTIFY: Final = f"SELECT pg_notify('{_CHANNEL}', $1) FROM set_config('synchronous_commit', 'off', true)"  # noqa: S608 (a constant)
_NOTIFY_EVERY_S: Final = 0.02
_POLL_S: Final = 0.2
_RETRY_S: Final = 5.0
log = structlog.get_logger("stockgate.storage")


class Wakeups(Protocol):
    """How the processes on one database hear of each other's commits."""

    async def watch(self, wake: Wake) -> NoReturn:
        """Call `wake` whenever another process committed, until cancelled. Holds one connection."""

    async def attend(self, forget: Wake) -> NoReturn:
        """Call `forget` when another process changed what this one may have in memory, until cancelled."""

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
                await asyncio.sleep(_RETRY_S)

    @staticmethod
    async def _poll(connection: aiosqlite.Connection, wake: Wake) -> NoReturn:
        seen: Any = None
        while True:
            [version] = await connection.execute_fetchall("PRAGMA data_version")
            if version[0] != seen:
                seen = version[0]
                wake()
            await asyncio.sleep(_POLL_S)

    async def attend(self, _forget: Wake) -> NoReturn:
        await asyncio.Event().wait()
        raise AssertionError("unreachable: nobody tells, what is in memory is looked up again in a moment")

    def announce(self) -> None:
        return

    async def close(self) -> None:
        return


class PostgresWakeups:
    """LISTEN, and NOTIFY, at most every 20 ms, on one of the pool's connections."""

    def __init__(self, listener: Listener, notify: Callable[[str, list[Any]], Any]) -> None:
        self._listener = listener
        self._notify = notify
        self._name = secrets.token_hex(8)
        self._due = asyncio.Event()
        self._announcing: asyncio.Task[None] | None = None

    async def watch(self, wake: Wake) -> NoReturn:
        def heard(name: str | None) -> None:
            if name != self._name:  # of its own commits this process knows already
                wake()

        await self._listener.hear(_CHANNEL, heard)

    async def attend(self, forget: Wake) -> NoReturn:
        await self._listener.hear(forgetting.CHANNEL, lambda _: forget())

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
        await self._listener.close()
        if self._announcing is not None:
            self._announcing.cancel()
