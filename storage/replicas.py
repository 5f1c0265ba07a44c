"""Read replicas: how far each has come, and which of them may answer a read.

Nothing is asked for a single read: a few times a second, while there are reads, every replica is asked how far it has
replayed, and the primary how far it is. What a replica has replayed was written by a time that is known from that, with
no clock but this process's own; so one that is cut off from its primary falls behind like any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any, Final

import structlog
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage import deadline, engine_errors, freshness, postgres_engine
from storage.connecting import Connections, Connector
from storage.freshness import UNKNOWN
from storage.readers import PostgresReader, Reader

_POLL_S: Final = 0.1
_ANSWER_S_MAX: Final = 1.0
_IDLE_S: Final = 5.0
_CALLERS_MAX: Final = 10_000
_BYTES: Final = "pg_wal_lsn_diff({}, '0/0')::bigint::text"
_REPLAYED: Final = f"SELECT {_BYTES.format('pg_last_wal_replay_lsn()')}"
_FLUSHED: Final = f"SELECT {_BYTES.format('pg_current_wal_flush_lsn()')}"
WRITTEN: Final = f"SELECT {_BYTES.format('pg_current_wal_insert_lsn()')}"
"""Asked after a commit: it lies before this."""
log = structlog.get_logger("stockgate.storage")


class Replica:
    """One replica. `replayed` is -1 as long as it cannot be asked."""

    def __init__(self, url: URL, connections: Connections) -> None:
        self.name = url.render_as_string(hide_password=True)
        self.connector = Connector(url, connections)
        self.reader = PostgresReader(self.connector, tries=1)  # the primary is the second
        self.engine: AsyncEngine = postgres_engine.create(url, self.connector)
        self._asked = PostgresReader(self.connector, connections_max=1)
        self.replayed = -1
        self.as_of = 0.0
        """By then all that it has replayed was written, and nothing else was."""
        self._asking: asyncio.Task[str | None] | None = None

    async def ask(self, samples: Sequence[tuple[float, int]]) -> None:
        """How far it is now. `samples` are positions of the primary, with the time when each was not passed yet."""
        if self._asking is None:
            self._asking = asyncio.create_task(self._asked.fetch_text(_REPLAYED, []))
        await asyncio.wait([self._asking], timeout=_ANSWER_S_MAX)
        if not self._asking.done():  # left alone: where nobody answers, ending takes long, too
            self.lost(TimeoutError())
            return
        asking, self._asking = self._asking, None
        try:
            answer = await asking
        except engine_errors.LOST as error:
            self.lost(error)
            return
        if answer is None:
            self.lost(ValueError("it is no replica"))
            return
        if self.replayed < 0:
            log.info("a replica answers", replica=self.name)
        self.replayed = int(answer)
        self.as_of = next((at for at, position in reversed(samples) if position <= self.replayed), self.as_of)

    def lost(self, error: Exception) -> None:
        """Nothing is read there until it answers again."""
        if self.replayed >= 0:
            log.warning("a replica does not answer", replica=self.name, error=repr(error))
            self.reader.abandon()
        self.replayed = -1

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
        await self.connector.close()
        await self._asked.close()
        await self.reader.close()
        await self.engine.dispose()


class Replicas:
    """The replicas of a primary, and what each caller has written, which no read of theirs may miss."""

    def __init__(self, primary: Reader, urls: Iterable[URL], connections: Connections) -> None:
        self._primary = primary
        self._replicas = [Replica(url, connections) for url in urls]
        self._lag_s_max = connections.lag_seconds_max
        self._samples: deque[tuple[float, int]] = deque(maxlen=max(int(2 * self._lag_s_max / _POLL_S), 20))
        self._written: OrderedDict[int, int] = OrderedDict()
        self._floor = 0
        """What every read has to have seen."""
        self._wanted_at = 0.0
        self._polling: asyncio.Task[None] | None = None
        self._next = 0
        self.counts = {"replica": 0, "primary": 0}
        """Where reads that might lag were answered."""

    def note(self, callers: Iterable[int], position: int) -> None:
        """These callers have written up to there."""
        for caller in callers:
            self._written[caller] = max(self._written.pop(caller, 0), position)
        while len(self._written) > _CALLERS_MAX:
            self._floor = max(self._floor, self._written.popitem(last=False)[1])

    async def wrote(self) -> tuple[int, int] | None:
        """Remember that whoever this is done for has committed: who, and up to where."""
        conversation = freshness.conversation()
        if conversation is None or conversation.caller is None:
            return None
        try:
            position = int(await self._primary.fetch_text(WRITTEN, []) or UNKNOWN)
        except engine_errors.LOST:
            position = UNKNOWN
        conversation.written = position
        self.note([conversation.caller], position)
        return conversation.caller, position

    def note_all(self) -> None:
        """Anybody may have written something that was not told: no read may miss what is there by now."""
        self._floor = UNKNOWN  # until the primary is asked

    def lags(self) -> Sequence[float | None]:
        """For each replica how many seconds it was behind when it was last asked, as it is while there are reads; None
        for one that does not answer, or was not asked yet."""
        asked_at = self._samples[-1][0] if self._samples else 0.0
        return [None if each.replayed < 0 else max(asked_at - each.as_of, 0.0) for each in self._replicas]

    def choose(self) -> Replica | None:
        """The replica that may answer the read that is about to be made; None when the primary has to."""
        reading = freshness.reading()
        if reading is None:
            return None
        self._want()
        found = self._fresh(reading)
        self.counts["replica" if found else "primary"] += 1
        reading.replica = found
        if found is None:
            freshness.insist()  # what follows shall not be behind this
        return found

    def _fresh(self, reading: freshness.Reading) -> Replica | None:
        conversation = freshness.conversation()
        needed = self._floor
        if conversation is not None:
            written = 0 if conversation.caller is None else self._written.get(conversation.caller, 0)
            needed = max(needed, conversation.seen, written, conversation.written)
        earliest = time.monotonic() - self._lag_s_max
        self._next += 1
        turn = self._next % len(self._replicas)
        candidates = [reading.replica] if reading.replica else [*self._replicas[turn:], *self._replicas[:turn]]
        for replica in candidates:
            if replica.replayed >= needed and replica.as_of >= earliest:
                return replica
        return None

    def _want(self) -> None:
        """Reads are made now, so positions are asked for, until a while after the last one."""
        self._wanted_at = time.monotonic()
        if self._polling is None or self._polling.done():
            self._polling = deadline.outliving(self._poll())

    async def _poll(self) -> None:
        while time.monotonic() - self._wanted_at < _IDLE_S:
            await asyncio.gather(self._ask_primary(), *(replica.ask(self._samples) for replica in self._replicas))
            await asyncio.sleep(_POLL_S)

    async def _ask_primary(self) -> None:
        began, floor = time.monotonic(), self._floor
        try:
            async with asyncio.timeout(_ANSWER_S_MAX):
                position = int(await self._primary.fetch_text(_FLUSHED, []) or 0)
                if floor == UNKNOWN:
                    self._floor = int(await self._primary.fetch_text(WRITTEN, []) or 0)
        except engine_errors.LOST:
            return  # replicas may be used until they may be too far behind
        self._samples.append((began, position))

    async def close(self) -> None:
        if self._polling is not None:
            self._polling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._polling
        for replica in self._replicas:
            await replica.close()

    @contextlib.asynccontextmanager
    async def connected(self, primary: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        """A connection for several statements: to a replica where it may be one that answers."""
        replica = self.choose()
        if replica is not None:
            connection = None
            with or_primary(replica):
                connection = await replica.engine.connect()
            if connection is not None:
                async with connection:
                    yield connection
                return
        async with primary.connect() as connection:
            yield connection


class ReplicatedReader:
    """A reader that asks a replica where it may, and the primary when that does not answer."""

    def __init__(self, primary: Reader, replicas: Replicas) -> None:
        self._primary = primary
        self._replicas = replicas

    async def fetch_text(self, sql: str, values: Sequence[Any]) -> str | None:
        replica = self._replicas.choose()
        if replica is not None:
            with or_primary(replica):
                return await replica.reader.fetch_text(sql, values)
        return await self._primary.fetch_text(sql, values)

    async def fetch_rows(self, sql: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        replica = self._replicas.choose()
        if replica is not None:
            with or_primary(replica):
                return await replica.reader.fetch_rows(sql, values)
        return await self._primary.fetch_rows(sql, values)

    async def close(self) -> None:
        await self._replicas.close()
        await self._primary.close()


@contextlib.contextmanager
def or_primary(replica: Replica) -> Iterator[None]:
    """Goes on after the block when the replica cannot answer now."""
    try:
        yield
    except engine_errors.LOST as error:
        if engine_errors.is_given_up(error) or not engine_errors.is_unavailable(error):
            raise
        replica.lost(error)
