"""The hub: one task per process reads the change feed, and hands each change to everybody who follows.

It reads when this process commits, when another one says that it did, and each second anyway. While nobody follows it
does nothing and holds no connection.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final, Protocol
from weakref import WeakValueDictionary

import structlog

from storage import change_feed, deadline, feed_entries
from storage.database import Database
from storage.errors import StorageUnavailableError
from storage.feed_entries import FeedEntry
from storage.shared_reads import SharedRead

_POLL_S: Final = 1.0
_GATHER_S: Final = 0.01
"""Between two readings: what is committed meanwhile is read at once."""
_RETRY_S: Final = 0.5
log = structlog.get_logger("stockgate.storage")


class Follower(Protocol):
    """Whoever wants to know what changes."""

    def offer(self, entries: Sequence[FeedEntry]) -> None:
        """Take note of the next changes, in order. Must be quick and must not raise."""


class Hub:
    """Follows the change feed for all followers of this process."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.shared: WeakValueDictionary[object, SharedRead] = WeakValueDictionary()
        """What several followers read alike, by what tells such readings apart."""
        self._followers: dict[Follower, None] = {}
        self._position = 0
        self._wake = asyncio.Event()
        self._starting = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        database.committed.append(self._wake.set)

    @property
    def followers(self) -> int:
        """How many follow."""
        return len(self._followers)

    async def join(self, follower: Follower) -> int:
        """From now on the follower is offered every change after the position that is returned.

        Raises StorageUnavailableError when the feed cannot be read now.
        """
        async with self._starting:
            if not self._tasks:
                self._position = await self.database.read(change_feed.horizon)
                self._tasks = [
                    deadline.outliving(self._read()),
                    deadline.outliving(self.database.watch(self._wake.set)),
                ]
            self._followers[follower] = None
            return self._position

    def leave(self, follower: Follower) -> None:
        """Offer it nothing any more. The last one to leave ends all work."""
        if self._followers.pop(follower, follower) is None and not self._followers:
            self._stop()

    def _stop(self) -> list[asyncio.Task[None]]:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        return tasks

    async def close(self) -> None:
        """End all work."""
        self._followers.clear()
        for task in self._stop():
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _read(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_POLL_S):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._advance()
            except StorageUnavailableError as error:
                log.warning("reading the change feed failed", error=str(error))
                await asyncio.sleep(_RETRY_S)
            except Exception:
                log.exception("reading the change feed failed")
                await asyncio.sleep(_RETRY_S)
            await asyncio.sleep(_GATHER_S)

    async def _advance(self) -> None:
        """Offer what is new. What lies up to the horizon is complete in a snapshot that is taken after it."""
        horizon = await self.database.read(change_feed.horizon)
        while self._position < horizon:
            entries = await self.database.read(feed_entries.page, self._position, horizon)
            self._position = entries[-1].sequence if len(entries) == feed_entries.PAGE else horizon
            for follower in list(self._followers):
                follower.offer(entries)
