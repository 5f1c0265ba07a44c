"""What goes on without being asked for: chores, each at its own pace, that no request waits for.

A chore that fails is logged and tried again. Every process has them; where one of many is enough, the chore sees to it
in its own transaction (storage/retention.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from gateway.authentication import Authenticator
from gateway.dialects.wc_v3.signatures import REMEMBERED_S
from gateway.settings import Settings
from storage import (
    alerts,
    idempotency,
    imports,
    key_use,
    ledger_partitions,
    low_stock_digest,
    nonces,
    pruning,
    webhook_deliveries,
)
from storage.database import Database
from storage.errors import StorageUnavailableError
from storage.retention import BusyError, alone, in_batches, restful

_ALERTS_KEPT: Final = timedelta(days=30)
_SOON_S: Final = 60.0
"""A chore begins, and is tried again, within this time; not at once, so that processes that start together spread."""
log = structlog.get_logger("stockgate.background")


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to do again and again, with so many seconds in between."""

    name: str
    every_s: float
    do: Callable[[], Awaitable[object]]


def chores(settings: Settings, database: Database, authenticator: Authenticator) -> Sequence[Chore]:
    """All that this program has."""
    kept = Retention(settings, database)
    return [
        Chore("record when keys were last used", 30, authenticator.record_use),
        Chore("make the ledger's next months", 3600, kept.make_ahead),
        Chore("forget nonces", 60, kept.forget_nonces),
        Chore("forget idempotency keys", 600, kept.forget_idempotency),
        Chore("tell of low stock", 60, LowStockDigest(settings, database).tell),
        Chore("forget alerts", 3600, kept.forget_alerts),
        Chore("prune the ledger", 3600, kept.prune),
        Chore("forget imports", 3600, kept.forget_imports),
        Chore("forget what keys called", 21_600, kept.forget_key_use),
        Chore("forget deliveries of webhooks", 600, kept.forget_deliveries),
    ]


class Retention:
    """How long what is kept for a time only is kept: the settings say it."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database

    async def make_ahead(self) -> None:
        """See to it that the ledger has partitions for the next months."""
        if made := await self._database.transact(ledger_partitions.make_ahead):
            log.info("made partitions of the ledger", months=[month.name for month in made])

    async def forget_nonces(self) -> None:
        """Of signed requests that are too old to be taken anyway."""
        await in_batches(self._database, nonces.forget, int(time.time()) - REMEMBERED_S)

    async def forget_idempotency(self) -> None:
        """Keys that were taken longer ago than the settings say."""
        if not (hours := self._settings.idempotency_hours):
            return
        before = datetime.now(UTC) - timedelta(hours=hours)
        if removed := await in_batches(self._database, idempotency.forget, before):
            log.info("forgot idempotency keys", removed=removed, hours=hours)

    async def forget_alerts(self) -> None:
        """Of low stock, a month after they were found, if every webhook endpoint has read them."""
        await in_batches(self._database, alerts.forget, datetime.now(UTC) - _ALERTS_KEPT)

    async def forget_imports(self) -> None:
        """Those that ended longer ago than the settings say; and those whose upload was cut off have failed."""
        now = datetime.now(UTC)
        await self._database.transact(imports.give_up_unread, now - timedelta(hours=1))
        if days := self._settings.import_days:
            while await restful(partial(self._database.transact, imports.forget, now - timedelta(days=days))):
                pass

    async def forget_deliveries(self) -> None:
        """What became of webhooks longer ago than the settings say."""
        before = datetime.now(UTC) - timedelta(days=self._settings.webhook_deliveries_days)
        if removed := await in_batches(self._database, webhook_deliveries.forget, before):
            log.info("forgot deliveries of webhooks", removed=removed)

    async def forget_key_use(self) -> None:
        """What keys called longer ago than anybody asks for."""
        before = datetime.now(UTC).date() - timedelta(days=key_use.KEPT_DAYS)
        await in_batches(self._database, key_use.forget, before)

    async def prune(self) -> None:
        """Entries of the ledger from before the months that the settings keep."""
        if not (months := self._settings.ledger_months):
            return
        await self._database.transact(alone)  # looking costs something, too
        old = await self._database.read(pruning.survey, pruning.before_months(months))
        removed = sum([number async for number in pruning.prune(self._database, old)])
        if old.kept_for is not None:
            log.warning("old entries of the ledger are still needed", by=old.kept_for.who, after=old.kept_for.position)
        if removed:
            log.info("pruned the ledger", removed=removed, before=old.before.isoformat())


class LowStockDigest:
    """Once a day, at the time that the settings say, what is low on stock."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._database = database
        self._at = settings.low_stock_digest_at
        self._zone = ZoneInfo(settings.timezone)
        self._done: datetime | None = None

    async def tell(self, now: datetime | None = None) -> bool:
        """Tell whoever wants it, if it is time and no other process did; and say whether this one has."""
        if not self._at:
            return False
        due = low_stock_digest.last_due(now or datetime.now(UTC), clock_time.fromisoformat(self._at), self._zone)
        if self._done == due or not await self._database.read(low_stock_digest.is_wanted):
            return False
        told = await self._database.transact(low_stock_digest.tell, due)
        self._done = due
        if told:
            log.info("told of low stock", due=due.isoformat())
        return told


class Background:
    """The chores of one process, while it serves."""

    def __init__(self, chores: Sequence[Chore], *, soon_s: float = _SOON_S) -> None:
        self._chores = chores
        self._soon_s = soon_s
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin, soon."""
        self._tasks = [asyncio.create_task(self._repeat(chore), name=chore.name) for chore in self._chores]

    async def close(self) -> None:
        """End all of it, wherever it is: what was not committed was not done."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _repeat(self, chore: Chore) -> None:
        wait_s = min(chore.every_s, self._soon_s)
        while True:
            await asyncio.sleep(wait_s * random.uniform(0.5, 1))  # noqa: S311 (no secret)
            done = await _done(chore)
            wait_s = chore.every_s if done else min(chore.every_s, self._soon_s)


async def _done(chore: Chore) -> bool:
    """Do it, and say whether it need not be tried again soon."""
    try:
        await chore.do()
    except BusyError:  # somebody else does it
        return True
    except StorageUnavailableError as error:
        log.warning("a chore has to wait", chore=chore.name, error=str(error))
        return False
    except Exception:
        log.exception("a chore failed", chore=chore.name)
        return False
    return True
