"""How things are in this process, noted every second, so that whichever worker is asked can tell it of all."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from starlette.applications import Starlette

from gateway.graphql.open_streams import OpenStreams
from gateway.metrics.meter import WAYS, Meter
from gateway.settings import Settings
from storage.database import Database
from storage.hub import Hub
from storage.turnstile import Rank, Turnstile

_EVERY_S: Final = 1.0
SILENT_S: Final = 10.0
"""A worker that has noted nothing for so long is not there."""
_PAGE_BYTES: Final = resource.getpagesize()


class Sampling:
    """Notes how this process is, while it serves."""

    def __init__(self, meter: Meter, app: Starlette) -> None:
        self._meter = meter
        self._app = app
        self._database: Database = app.state.database
        self._started_at = time.time()
        self._reads = dict.fromkeys(("replica", "primary"), 0)
        self._task: asyncio.Task[None] | None = None
        for way, turnstile in _turnstiles(self._database):
            turnstile.waited.append(partial(meter.waits.observe, meter.cells, (way,)))

    def start(self) -> None:
        """Begin."""
        self.note(0.0)
        self._task = asyncio.create_task(self._repeat(), name="note how this process is")

    async def close(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._meter.layout.clear_gauges(self._meter.cells)

    async def _repeat(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(_EVERY_S)
            self.note(max(0.0, time.monotonic() - before - _EVERY_S))

    def note(self, late_s: float) -> None:
        """Note all of it."""
        meter, cells, state = self._meter, self._meter.cells, self._app.state
        streams: OpenStreams = state.open_streams
        hub: Hub = state.hub
        settings: Settings = state.settings
        meter.streams.set(cells, (), len(streams))
        meter.followers.set(cells, (), hub.followers)
        meter.exports.set(cells, (), settings.csv_exports_max - state.csv_exports._value)  # noqa: SLF001 (it tells it no other way)
        self._note_database()
        meter.memory.set(cells, (), _resident_bytes())
        meter.cpu.set(cells, (), time.process_time())
        meter.late.set(cells, (), late_s)
        meter.started.set(cells, (), self._started_at)
        meter.seen.set(cells, (), time.time())

    def _note_database(self) -> None:
        meter, cells = self._meter, self._meter.cells
        for way, turnstile in _turnstiles(self._database):
            meter.places.set(cells, (way,), turnstile.places)
            meter.in_use.set(cells, (way,), turnstile.places - turnstile.free)
            for rank in Rank:
                meter.waiting.set(cells, (way, rank.name.lower()), turnstile.waiting(rank))
        if self._database.replicas is not None:
            for by, count in self._database.replicas.counts.items():
                meter.reads.add(cells, (by,), count - self._reads[by])
                self._reads[by] = count


def _turnstiles(database: Database) -> Iterator[tuple[str, Turnstile]]:
    """By the name of the way. Reads of sessions may share that of writes, and are told with it then."""
    turnstiles = database.turnstiles
    for way in WAYS:
        turnstile: Turnstile = getattr(turnstiles, way)
        if way != "sessions" or turnstile is not turnstiles.writes:
            yield way, turnstile


def _resident_bytes() -> float:
    """Memory of this process: as the kernel tells it now, or else the most that it was."""
    with contextlib.suppress(OSError):
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE_BYTES
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0
