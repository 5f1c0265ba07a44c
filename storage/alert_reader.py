"""The task that finds alerts, one per process: soon after this process committed, and each second anyway.

Whoever commits looks; so it need not hear of other processes' commits. While nobody wants alerts it only asks, seldom,
whether somebody does.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import structlog

from storage import alerts, change_feed, deadline
from storage.database import Database
from storage.errors import StorageUnavailableError

_POLL_S: Final = 1.0
_IDLE_S: Final = 2.0
_GATHER_S: Final = 0.2
"""Between two readings: what is committed meanwhile is read at once, in one transaction."""
log = structlog.get_logger("stockgate.storage")


class AlertReader:
    """Finds alerts for as long as it runs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, soon."""
        self._database.committed.append(self._wake.set)
        self._task = deadline.outliving(self._read())

    async def close(self) -> None:
        """End all work: what was not committed was not done."""
        if self._task is None:
            return
        self._database.committed.remove(self._wake.set)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None

    async def _read(self) -> None:
        while True:
            is_wanted = True
            try:
                is_wanted = await self.catch_up()
            except StorageUnavailableError as error:
                log.warning("looking for alerts has to wait", error=str(error))
            except Exception:
                log.exception("looking for alerts failed")
            if not is_wanted:
                await asyncio.sleep(_IDLE_S)
                continue
            await asyncio.sleep(_GATHER_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_POLL_S):
                    await self._wake.wait()
            self._wake.clear()

    async def catch_up(self) -> bool:
        """Go through the feed up to where it is complete now; and say whether anybody wants alerts."""
        if await self._database.read(alerts.position_of) is None:
            return False
        horizon = await self._database.read(change_feed.horizon)
        while await self._database.read(alerts.is_behind, horizon):
            if await self._database.transact(alerts.advance, horizon) is None:
                break  # another process is at it
        return True
