"""Writes what came of deliveries, for all endpoints of a process together, a few times per second: SQLite has one
writer, and whoever sells comes first."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import structlog

from storage import turnstile, webhook_deliveries
from storage.database import Database
from storage.errors import StorageUnavailableError
from storage.turnstile import Rank
from storage.webhook_deliveries import Delivery, Progress

_GATHER_S: Final = 0.25
"""From the first thing to write to the writing: what was delivered meanwhile is sent twice after a crash."""
_RETRY_S: Final = 1.0
log = structlog.get_logger("stockgate.webhooks")


@dataclass(frozen=True, slots=True)
class Written:
    """What is to be written of one endpoint."""

    progress: Progress
    deliveries: list[Delivery]


class Source(Protocol):
    """Who has something to write of one endpoint."""

    def written(self) -> Written:
        """What there is now: it is handed over."""

    def not_written(self, written: Written) -> None:
        """It could not be written: take it back."""

    def lost(self) -> None:
        """Somebody else has the endpoint: nothing was written."""


class Recorder:
    """Gathers, and writes in one transaction."""

    def __init__(self, database: Database, worker: str, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._worker = worker
        self._clock = clock
        self._waiting: dict[Source, None] = {}
        self._due = asyncio.Event()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End. What has to be written is to be flushed before."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @property
    def is_writing(self) -> bool:
        """Whether something is on its way into the database."""
        return self._writing.locked()

    def note(self, source: Source) -> None:
        """Somebody has something to write, soon."""
        self._waiting[source] = None
        self._due.set()

    async def flush(self) -> None:
        """Write what there is. Raises StorageUnavailableError when that cannot be done now."""
        async with self._writing:
            self._due.clear()
            sources, self._waiting = list(self._waiting), {}
            if not sources:
                return
            written = [source.written() for source in sources]
            try:
                ours = await self._record(written)
            except BaseException:
                for source, each in zip(sources, written, strict=True):
                    source.not_written(each)
                    self.note(source)
                raise
        for source, each in zip(sources, written, strict=True):
            if each.progress.endpoint_id not in ours:
                source.lost()

    async def _record(self, written: list[Written]) -> set[int]:
        turnstile.rank_as(Rank.EXPORT)  # behind all that somebody waits for
        progress = [each.progress for each in written]
        deliveries = [row for each in written for row in each.deliveries]
        return await self._database.transact(
            webhook_deliveries.record, progress, deliveries, self._worker, now=self._clock()
        )

    async def _run(self) -> None:
        while True:
            await self._due.wait()
            await asyncio.sleep(_GATHER_S)
            try:
                await self.flush()
            except StorageUnavailableError as error:
                log.warning("what was delivered cannot be recorded yet", error=str(error))
                await asyncio.sleep(_RETRY_S)
            except Exception:
                log.exception("recording deliveries failed")
                await asyncio.sleep(_RETRY_S)
