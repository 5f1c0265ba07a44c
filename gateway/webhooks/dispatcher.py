"""Sees to it that somebody sends for every endpoint for which there is something to send, and for each only one.

It looks when this process or another one has committed, and when a time has come that it knows of. With no endpoints
it looks at their table now and then, and does nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from gateway.webhooks import worker_name
from gateway.webhooks.courier import Courier, Office, Post
from gateway.webhooks.message import Format
from gateway.webhooks.recorder import Recorder
from storage import change_feed, deadline, turnstile, webhook_deliveries
from storage.database import Database
from storage.errors import StorageUnavailableError
from storage.turnstile import Rank
from storage.webhook_deliveries import State
from storage.webhook_endpoints import Endpoint

LEASE: Final = timedelta(seconds=90)
"""Longer than any request may take. Whoever is dead on the same machine loses its endpoints at once."""
_RENEW_S: Final = 20.0
_MARGIN_S: Final = 5.0
_GATHER_S: Final = 0.1
"""Between two looks: what is committed meanwhile is sent together."""
_LOOK_S: Final = 1.0
"""With endpoints it looks again after so long whatever happens; clocks may jump."""
_SELDOM_S: Final = 2.0
"""Without any it looks after so long whether there are some now."""
_ANY: Final = "SELECT 1 FROM webhook_endpoint WHERE status = 'active' LIMIT 1"
_STOP_S: Final = 8.0
"""When it stops, what is under way may take so long."""
log = structlog.get_logger("stockgate.webhooks")


def _now() -> datetime:
    return datetime.now(UTC)


class Dispatcher:
    """The sending half of webhooks, in one process."""

    def __init__(
        self,
        database: Database,
        post: Post,
        formats: Mapping[str, Format],
        *,
        concurrency: int,
        clock: Callable[[], datetime] = _now,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self.worker = worker_name.own()
        self._database = database
        recorder = Recorder(database, self.worker, clock)
        self._office = Office(database, post, formats, recorder, concurrency, clock, dice)
        self._couriers: dict[int, tuple[Courier, asyncio.Task[None]]] = {}
        self._idle: set[int] = set()
        """Endpoints whose couriers have ended, to be let go."""
        self._leased_until = 0.0
        """On the monotonic clock: what is sent has to end before."""
        self._has_leased = False
        self._wake = asyncio.Event()
        self._noticed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._watching: asyncio.Task[None] | None = None

    @property
    def sending_for(self) -> set[int]:
        """The endpoints that this process sends for now."""
        return set(self._couriers)

    def start(self) -> None:
        """Begin."""
        self._database.committed.append(self._wake.set)
        self._office.recorder.start()
        self._tasks = [deadline.outliving(self._run()), deadline.outliving(self._renew())]

    def wake(self) -> None:
        """Look at once what there is to do."""
        self._wake.set()
        for courier, _ in self._couriers.values():
            courier.wake()

    def notice(self) -> None:
        """Look soon: there is an endpoint, perhaps the first."""
        self._noticed.set()

    async def close(self) -> None:
        """Begin nothing any more, wait a little for what is under way, record it, and let others have the endpoints."""
        with contextlib.suppress(ValueError):
            self._database.committed.remove(self._wake.set)
        for task in [*self._tasks, *([self._watching] if self._watching else [])]:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._end_couriers()
        with contextlib.suppress(StorageUnavailableError):
            await self._office.recorder.flush()
            if self._has_leased:
                await self._database.transact(webhook_deliveries.release, self.worker)
        await self._office.recorder.close()

    async def _end_couriers(self) -> None:
        running = [task for _, task in self._couriers.values()]
        for courier, _ in self._couriers.values():
            courier.stop()
        if running:
            _, late = await asyncio.wait(running, timeout=_STOP_S)
            for courier, _ in self._couriers.values():
                courier.lost()
            for task in late:
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        await asyncio.sleep(0)

    async def _run(self) -> None:
        turnstile.rank_as(Rank.EXPORT)
        while True:
            wait_s = _LOOK_S
            try:
                wait_s = await self._look()
            except StorageUnavailableError as error:
                log.warning("looking for webhooks to send failed", error=str(error))
            except Exception:
                log.exception("looking for webhooks to send failed")
            await asyncio.sleep(_GATHER_S)
            await self._woken(wait_s)

    async def _woken(self, wait_s: float) -> None:
        """Wait for that long, or until something happens. Where there are no endpoints nothing that happens counts."""
        if wait_s == _SELDOM_S:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._noticed.wait()
            self._noticed.clear()
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        self._wake.clear()

    async def _look(self) -> float:
        """Give couriers what is new, take endpoints that nobody sends for, and say when to look again at the latest."""
        if self._idle:
            await self._let_go_idle()
        if not await self._are_there_any():
            for courier, _ in self._couriers.values():
                courier.stop(changed=True)
            await self._listen(any_endpoints=False)
            return _SELDOM_S
        states = await self._database.read(webhook_deliveries.states)
        await self._listen(any_endpoints=True)
        horizon = await self._database.read(change_feed.horizon)
        known = {state.id: state for state in states}
        for number, (courier, _) in self._couriers.items():
            state = known.get(number)
            if state is None or state.updated_at != courier.endpoint.updated_at:
                courier.stop(changed=True)
            else:
                courier.offer(horizon)
        now = self._office.clock()
        free = [state for state in states if self._has_work(state, horizon, now)]
        if free:
            await self._take(free, horizon)
        if len(free) > 1:
            return 0.0  # others may want the rest; nobody has to
        later = [state.retry_at for state in states if state.retry_at is not None and state.retry_at > now]
        return min([_LOOK_S, *((at - now).total_seconds() for at in later)])

    def _has_work(self, state: State, horizon: int, now: datetime) -> bool:
        if state.id in self._couriers or state.id in self._idle or state.format not in self._office.formats:
            return False
        if state.retry_at is not None and state.retry_at > now:
            return False
        if not state.has_waiting and state.position >= horizon:
            return False
        return self._is_free(state, now)

    def _is_free(self, state: State, now: datetime) -> bool:
        return (
            state.leased_by in {None, self.worker}
            or (state.leased_until is not None and state.leased_until < now)
            or worker_name.is_dead(state.leased_by or "")
        )

    async def _take(self, free: list[State], horizon: int) -> None:
        """Lease half of what is free, so that other processes that look now get the other half."""
        chosen = random.sample(free, (len(free) + 1) // 2)
        now = self._office.clock()
        began = time.monotonic()
        dead = {state.leased_by for state in chosen if state.leased_by and worker_name.is_dead(state.leased_by)}
        turnstile.rank_as(Rank.EXPORT)
        self._has_leased = True
        taken = await self._database.transact(
            webhook_deliveries.lease, [state.id for state in chosen], self.worker, now + LEASE, now=now, dead=dead
        )
        if not self._couriers:
            self._leased_until = began + LEASE.total_seconds()
        for endpoint in taken:
            self._employ(endpoint, horizon)

    def _employ(self, endpoint: Endpoint, horizon: int) -> None:
        courier = Courier(self._office, endpoint, may_send=self._may_send)
        courier.offer(horizon)
        task = deadline.outliving(courier.run())
        self._couriers[endpoint.id] = (courier, task)
        task.add_done_callback(lambda _: self._ended(endpoint.id))

    def _ended(self, number: int) -> None:
        _, task = self._couriers.pop(number)
        if not task.cancelled() and (error := task.exception()):
            log.error("sending webhooks failed", endpoint=number, exc_info=error)
        self._idle.add(number)
        self._wake.set()

    def _may_send(self, seconds: float) -> bool:
        """Whether a request of so many seconds ends before another process may take its endpoint."""
        return time.monotonic() + seconds + _MARGIN_S < self._leased_until

    async def _let_go_idle(self) -> None:
        """Endpoints whose couriers have ended. What came of it is written first, or the next would send it again."""
        idle = set(self._idle)
        await self._office.recorder.flush()
        turnstile.rank_as(Rank.EXPORT)
        await self._database.transact(webhook_deliveries.release, self.worker, idle)
        self._idle -= idle

    async def _are_there_any(self) -> bool:
        return bool(await self._database.fetch_rows(_ANY, []))

    async def _renew(self) -> None:
        """Keep what is leased. What was not renewed in time is not sent for any more: `_may_send`."""
        while True:
            await asyncio.sleep(_RENEW_S)
            if not self._couriers:
                continue
            began = time.monotonic()
            try:
                turnstile.rank_as(Rank.EXPORT)
                kept = await self._database.transact(
                    webhook_deliveries.renew, self.worker, self._office.clock() + LEASE
                )
            except StorageUnavailableError as error:
                log.warning("leases of webhook endpoints cannot be renewed", error=str(error))
                continue
            self._leased_until = began + LEASE.total_seconds()
            for number, (courier, _) in list(self._couriers.items()):
                if number not in kept:
                    courier.lost()
                else:
                    self._office.recorder.note(courier)  # its position may have moved without anything to send

    async def _listen(self, *, any_endpoints: bool) -> None:
        """Hear of other processes' commits while there are endpoints: it takes a connection."""
        if any_endpoints and self._watching is None:
            self._watching = deadline.outliving(self._database.watch(self._wake.set))
        elif not any_endpoints and self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
            self._watching = None
