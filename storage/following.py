"""Following changes of stock: first everything after a sequence from the ledger, then live, without a gap."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from typing import Final

from storage import change_feed, feed_entries
from storage.database import Database
from storage.feed_entries import FeedEntry, Wanted
from storage.hub import Hub

WAITING_MAX: Final = 1_000
"""Sequences that wait for one follower. Payloads are read when it takes them."""
_TAKEN_MAX: Final = 100


class LaggedError(Exception):
    """The follower is too slow. Everything up to `sequence` was given to it; it can follow from there again."""

    def __init__(self, sequence: int) -> None:
        super().__init__(f"Too slow: resume after {sequence}.")
        self.sequence = sequence


class _Waiting:
    """The sequences that wait for one follower, at most WAITING_MAX."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._sequences: deque[int] = deque()
        self._some = asyncio.Event()
        self.overflowed = False

    def offer(self, entries: Sequence[FeedEntry]) -> None:
        found = [entry.sequence for entry in entries if self._wanted.matches(entry)]
        if not found or self.overflowed:
            return
        self._sequences.extend(found)
        if len(self._sequences) > WAITING_MAX:
            self.overflowed = True
            self._sequences.clear()
        self._some.set()

    async def take(self) -> list[int]:
        """The next ones, once there are some; none when there were too many."""
        await self._some.wait()
        taken = [self._sequences.popleft() for _ in range(min(_TAKEN_MAX, len(self._sequences)))]
        if not self._sequences and not self.overflowed:
            self._some.clear()
        return taken


async def follow(hub: Hub, wanted: Wanted, after: int | None) -> AsyncGenerator[list[int], None]:
    """The sequences of the wanted changes, in order, each once: those after `after`, or those from now on.

    Raises LaggedError when the follower does not take them as quickly as they come, SequencePrunedError when some of
    them are not there any more, StorageUnavailableError when the database cannot be read now.
    """
    database, last, waiting = hub.database, after, _Waiting(wanted)
    # Most of it is read before joining, so that little has to wait meanwhile
    while last is not None and last + feed_entries.PAGE < (horizon := await database.read(change_feed.horizon)):
        async for page in _recorded(database, wanted, last, horizon):
            yield page
        last = horizon
    try:
        joined = await hub.join(waiting)
        if last is None:
            last = max(joined, await database.read(change_feed.horizon))
        async for page in _recorded(database, wanted, last, joined):
            yield page
        last = max(last, joined)
        while taken := await waiting.take():
            if new := [sequence for sequence in taken if sequence > last]:
                last = new[-1]
                yield new
        raise LaggedError(last)
    finally:
        hub.leave(waiting)


async def _recorded(database: Database, wanted: Wanted, after: int, up_to: int) -> AsyncGenerator[list[int], None]:
    """What the ledger has between two sequences, the first excluded, page by page."""
    while after < up_to:
        page = await database.read(feed_entries.stock_page, wanted, after, up_to)
        after = page[-1] if len(page) == feed_entries.PAGE else up_to
        if page:
            yield page
