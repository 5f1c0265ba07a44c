"""So many may use the database at once; the rest waits here, a till before a bulk and a bulk before an export.

Who comes when too many wait already is refused at once: an answer that says when to come again is worth more than one
that comes too late.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from enum import IntEnum
from types import TracebackType
from typing import Final, Generic, NamedTuple, TypeVar

from storage.errors import OverloadedError

T = TypeVar("T")


class Rank(IntEnum):
    """What is served first, when it has to wait."""

    TILL = 0
    """A single change or a read: somebody stands there and waits."""
    BULK = 1
    """A change of many lines."""
    EXPORT = 2
    """A report, which takes its time anyhow."""


BULK_LINES: Final = 21
"""From so many lines on a change is a bulk: a cart is a till's."""
WAITING_MAX: Final[Mapping[Rank, int]] = {Rank.TILL: 1000, Rank.BULK: 100, Rank.EXPORT: 20}
"""How many may wait, unless it is set otherwise."""
PASSED_OVER_MAX: Final = 10
"""So many of higher ranks are served before a rank's first. Then it is next whoever waits, so that none starves."""
_RETRY_AFTER_S: Final[Mapping[Rank, int]] = {Rank.TILL: 1, Rank.BULK: 5, Rank.EXPORT: 10}
_RANK: Final[ContextVar[Rank | None]] = ContextVar("rank", default=None)


def rank_as(rank: Rank | None) -> None:
    """What is asked of the database from here on is of this rank. None is of no request: it waits as a till does, and
    is never refused."""
    _RANK.set(rank)


def rank_by_lines(count: int) -> None:
    """A change of so many lines may be a bulk."""
    if count >= BULK_LINES:
        _RANK.set(Rank.BULK)


class Line(Generic[T]):
    """Who waits, and who is next. It knows neither time nor tasks."""

    def __init__(self, waiting_max: Mapping[Rank, int]) -> None:
        self._waiting_max = waiting_max
        self._queues: dict[Rank, deque[T]] = {rank: deque() for rank in Rank}
        self._passed_over = dict.fromkeys(Rank, 0)

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def join(self, who: T, rank: Rank | None) -> None:
        """Raises OverloadedError when too many of this rank wait already."""
        queue = self._queues[rank or Rank.TILL]
        if rank is not None and len(queue) >= self._waiting_max[rank]:
            raise OverloadedError(_RETRY_AFTER_S[rank])
        queue.append(who)

    def waiting(self, rank: Rank) -> int:
        """How many of a rank wait."""
        return len(self._queues[rank])

    def leave(self, who: T) -> None:
        """Wait no longer."""
        for queue in self._queues.values():
            if who in queue:
                queue.remove(who)

    def next(self) -> T | None:
        """Who is served now: the highest rank, unless a lower one was passed over too often."""
        waiting = [rank for rank in Rank if self._queues[rank]]
        if not waiting:
            return None
        impatient = [rank for rank in waiting if self._passed_over[rank] >= PASSED_OVER_MAX]
        chosen = (impatient or waiting)[0]
        for rank in waiting:
            if rank > chosen:
                self._passed_over[rank] += 1
        self._passed_over[chosen] = 0
        return self._queues[chosen].popleft()


class Turnstile:
    """Lets so many in at once: `async with turnstile`. Free, it costs next to nothing."""

    def __init__(self, places: int, waiting_max: Mapping[Rank, int] = WAITING_MAX) -> None:
        self.places = self._free = places
        self._line: Line[asyncio.Future[None]] = Line(waiting_max)
        self.waited: list[Callable[[float], None]] = []
        """Are told for how many seconds somebody had to wait, when their turn has come."""

    @property
    def free(self) -> int:
        """How many places nobody has."""
        return self._free

    def waiting(self, rank: Rank) -> int:
        """How many of a rank wait."""
        return self._line.waiting(rank)

    async def __aenter__(self) -> None:
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.join(turn, _RANK.get())
        since = time.perf_counter() if self.waited else 0.0
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._line.leave(turn)
            else:  # it came in the same moment
                self._let_in()
            raise
        for tell in self.waited:
            tell(time.perf_counter() - since)

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._let_in()

    def _let_in(self) -> None:
        """Somebody's place is free: it is the next one's."""
        while (turn := self._line.next()) is not None:
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


class Turnstiles(NamedTuple):
    """One for each way to the database that has so many connections."""

    texts: Turnstile
    """Short reads."""
    sessions: Turnstile
    """Reads on a snapshot."""
    writes: Turnstile

    @classmethod
    def of_sqlite(cls, readers: int, connections_max: int, waiting_max: Mapping[Rank, int]) -> Turnstiles:
        """There is one writer at a time; its connection is of the sessions' pool."""
        sessions = max(connections_max - 1, 1)
        return cls(*(Turnstile(places, waiting_max) for places in (readers, sessions, 1)))

    @classmethod
    def of_postgresql(cls, connections_max: int, replicas: int, waiting_max: Mapping[Rank, int]) -> Turnstiles:
        """Sessions that read and that write share a pool, unless there are replicas to read from."""
        writes = Turnstile(connections_max, waiting_max)
        sessions = Turnstile(connections_max * replicas, waiting_max) if replicas else writes
        return cls(Turnstile(connections_max * (1 + replicas), waiting_max), sessions, writes)
