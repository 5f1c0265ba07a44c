"""That something was committed or changed, told to other processes: one kind per engine.

A wake-up says only that it is worth looking. One that is lost costs a follower the second after which it looks anyway.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable
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
_WRITTEN: Final = "stockgate_written"
_WRITTEN_MAX: Final = 150  # of at most 41 characters each, in a notice of less than 8,000
_NOTIFY_WRITTEN: Final = _NOTIFY.replace(_CHANNEL, _WRITTEN)
_NOTIFY_EVERY_S: Final = 0.02
_POLL_S: Final = 0.2
_RETRY_S: Final = 5.0
log = structlog.get_logger("stockgate.storage")


class Written(Protocol):
    """Who wants to know what callers have written."""

    def note(self, callers: Iterable[int], position: int) -> None:
        """These callers have written up to there."""

    def note_all(self) -> None:
        """Anybody may have written something that was not told."""


class Wakeups(Protocol):
    """How the processes on one database hear of each other's commits."""

    async def watch(self, wake: Wake) -> NoReturn:
        """Call `wake` whenever another process committed, until cancelled. Holds one connection."""

    async def attend(self, forget: Wake, replicas: Written | None) -> NoReturn:
        """Call `forget` when another process changed what this one may have in memory, until cancelled.

        `replicas` note what callers have written by way of other processes.
        """

    def tell_written(self, caller: int, position: int) -> None:
        """Tell the other processes, soon, that a caller has written up to there."""

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

    async def attend(self, _forget: Wake, _replicas: Written | None) -> NoReturn:
        await asyncio.Event().wait()
        raise AssertionError("unreachable: nobody tells, what is in memory is looked up again in a moment")

    def tell_written(self, _caller: int, _position: int) -> None:
        return

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
        self._written: dict[int, int] = {}
        self._announcing: asyncio.Task[None] | None = None

    async def watch(self, wake: Wake) -> NoReturn:
        def heard(name: str | None) -> None:
            if name != self._name:  # of its own commits this process knows already
                wake()

        await self._listener.hear(_CHANNEL, heard)

    async def attend(self, forget: Wake, replicas: Written | None) -> NoReturn:
        if replicas is None:
            await self._listener.hear(forgetting.CHANNEL, lambda _: forget())

        def heard(told: str | None) -> None:
            if told is None:
                replicas.note_all()
            elif not told.startswith(self._name):
                for entry in told.split()[1:]:
                    caller, _, position = entry.partition(":")
                    replicas.note([int(caller)], int(position))

        async with asyncio.TaskGroup() as hearing:
            hearing.create_task(self._listener.hear(forgetting.CHANNEL, lambda _: forget()))
            hearing.create_task(self._listener.hear(_WRITTEN, heard))
        raise AssertionError("unreachable: both hear until they are cancelled")

    def tell_written(self, caller: int, position: int) -> None:
        self._written[caller] = position
        self.announce()

    def announce(self) -> None:
        self._due.set()
        if self._announcing is None or self._announcing.done():
            self._announcing = deadline.outliving(self._announce())

    async def _announce(self) -> None:
        while self._due.is_set():
            self._due.clear()
            try:
                await self._notify(_NOTIFY, [self._name])
                await self._announce_written()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("telling other processes of a commit failed", error=str(error))
            await asyncio.sleep(_NOTIFY_EVERY_S)

    async def _announce_written(self) -> None:
        written, self._written = list(self._written.items()), {}
        for first in range(0, len(written), _WRITTEN_MAX):
            told = [f"{caller}:{position}" for caller, position in written[first : first + _WRITTEN_MAX]]
            await self._notify(_NOTIFY_WRITTEN, [" ".join([self._name, *told])])

    async def close(self) -> None:
        await self._listener.close()
        if self._announcing is not None:
            self._announcing.cancel()
