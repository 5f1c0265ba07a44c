"""LISTEN: what other processes on one PostgreSQL tell this one, on one connection for all who want to hear."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final, NoReturn

import asyncpg
import structlog

from storage import deadline

Heard = Callable[[str | None], None]
"""Called with what was told; with None when something may have been missed, as nobody listened until now."""
_RETRY_S: Final = (0.1, 5.0)
_ASSURE_S: Final = 5.0
"""How often the server is asked whether it still knows us: a connection over which nothing comes may be dead."""
_ANSWER_S_MAX: Final = 3.0
log = structlog.get_logger("stockgate.storage")


class Listener:
    """Holds its connection as long as somebody wants to hear something."""

    def __init__(self, connect: Callable[[], Awaitable[Any]]) -> None:
        """`connect` gives None where no session is to be had: then nothing is heard."""
        self._connect = connect
        self._wanted: list[tuple[str, Heard]] = []
        self._new: list[Heard] = []
        self._changed = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def hear(self, channel: str, heard: Heard) -> NoReturn:
        """Be told what comes on a channel, until cancelled."""
        wanted = (channel, heard)
        self._wanted.append(wanted)
        self._new.append(heard)
        self._changed.set()
        if self._running is None:
            self._running = deadline.outliving(self._run())
        try:
            await asyncio.Event().wait()
        finally:
            self._wanted.remove(wanted)
            self._changed.set()
            if not self._wanted:
                await self.close()
        raise AssertionError("unreachable: it waits until it is cancelled")

    async def close(self) -> None:
        """Hear nothing any more."""
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    async def _run(self) -> None:
        delay = _RETRY_S[0]
        while True:
            try:
                connection = await self._connect()
                if connection is None:
                    return
                delay = _RETRY_S[0]
                try:
                    await self._listen(connection)
                finally:
                    connection.terminate()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
                log.warning("listening to other processes failed", error=repr(error))
            await asyncio.sleep(delay)
            delay = min(delay * 2, _RETRY_S[1])

    async def _listen(self, connection: Any) -> None:
        """Until the connection is lost."""
        connection.add_termination_listener(lambda _: self._changed.set())
        listening: set[str] = set()
        self._new = [heard for _, heard in self._wanted]
        while not connection.is_closed():
            self._changed.clear()
            wanted = {channel for channel, _ in self._wanted}
            async with asyncio.timeout(_ANSWER_S_MAX):
                for channel in wanted - listening:
                    await connection.add_listener(channel, self._hear)
                for channel in listening - wanted:
                    await connection.remove_listener(channel, self._hear)
                if wanted == listening:
                    await connection.execute(f"LISTEN {min(wanted)}" if wanted else "")
            listening = wanted
            new, self._new = self._new, []
            for heard in new:
                heard(None)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ASSURE_S):
                    await self._changed.wait()

    def _hear(self, _connection: Any, _pid: int, channel: str, payload: object) -> None:
        for wanted, heard in list(self._wanted):
            if wanted == channel:
                heard(str(payload))
