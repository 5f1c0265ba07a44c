"""What only the database knows: asked when somebody wants to know, and the same whichever worker asks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from storage import change_feed, migrations, turnstile
from storage.database import Database
from storage.errors import DeadlineExceededError, StorageUnavailableError
from storage.tables import (
    CatalogChange,
    FeedReader,
    ImportJob,
    LedgerEntry,
    StockAlert,
    WebhookDelivery,
    WebhookEndpoint,
)

ENDPOINTS_MAX: Final = 50
"""So many webhook endpoints are told one by one, those furthest behind; of the rest only sums."""
_PATIENCE_S: Final = 2.0
_KEPT_S: Final = 1.0
_PENDING_KEPT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How far one webhook endpoint is. `behind` is in sequences: no more events than that wait."""

    id: int
    status: str
    behind: int
    waiting: int
    failures: int


@dataclass(frozen=True, slots=True)
class Stored:
    """How things are in the database. `lag_s` is the age of the oldest change that an active endpoint has not got,
    `reader_lag_s` that of the oldest which a reader of our own, such as the one that finds alerts, has not seen."""

    up: bool = False
    migrations_pending: bool | None = None
    sequence: int = 0
    horizon: int = 0
    endpoints: Mapping[str, int] = field(default_factory=dict)
    furthest: tuple[Endpoint, ...] = ()
    waiting: int = 0
    lag_s: float = 0.0
    reader_lag_s: float = 0.0
    readers: Mapping[str, int] = field(default_factory=dict)
    imports: Mapping[str, int] = field(default_factory=dict)

    @property
    def behind(self) -> int:
        """How far the last of the active endpoints is behind."""
        return max((each.behind for each in self.furthest if each.status == "active"), default=0)


class StoredFigures:
    """Asks the database, at most once a second."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known = Stored()
        self._asked_at = self._pending_at = -1e9
        self._pending: bool | None = None
        self._asking = asyncio.Lock()

    async def now(self) -> Stored:
        """How things are; with `up` False alone when the database does not answer."""
        async with self._asking:
            if time.monotonic() - self._asked_at >= _KEPT_S:
                self._known = await self._ask()
                self._asked_at = time.monotonic()
            return self._known

    async def _ask(self) -> Stored:
        turnstile.rank_as(None)  # it tells how many wait: it must not be turned away for that
        try:
            async with asyncio.timeout(_PATIENCE_S):
                if time.monotonic() - self._pending_at >= _PENDING_KEPT_S:
                    self._pending = await migrations.pending(self._database)
                    self._pending_at = time.monotonic()
                if self._pending:
                    return Stored(up=True, migrations_pending=True)
                return await self._database.read(read)
        except (StorageUnavailableError, DeadlineExceededError, TimeoutError):
            return Stored()


async def read(session: AsyncSession) -> Stored:
    """All figures, on one snapshot."""
    horizon = await change_feed.horizon(session)
    waiting = await _waiting(session)
    furthest = await _furthest(session, horizon, waiting)
    by_status = select(col(WebhookEndpoint.status), func.count()).group_by(col(WebhookEndpoint.status))
    by_state = select(col(ImportJob.state), func.count()).group_by(col(ImportJob.state))
    readers = (await session.execute(select(col(FeedReader.name), col(FeedReader.position)).limit(20))).all()
    late = [position for _, position in readers if position < horizon]
    active = [horizon - each.behind for each in furthest if each.status == "active" and each.behind]
    return Stored(
        up=True,
        migrations_pending=False,
        sequence=await change_feed.last_sequence(session),
        horizon=horizon,
        endpoints=_counted(await session.execute(by_status)),
        furthest=furthest,
        waiting=sum(waiting.values()),
        lag_s=await _age_s(session, min(active)) if active else 0.0,
        reader_lag_s=await _age_s(session, min(late)) if late else 0.0,
        readers={name: max(horizon - position, 0) for name, position in readers},
        imports=_counted(await session.execute(by_state)),
    )


def _counted(rows: object) -> Mapping[str, int]:
    return {name: int(count) for name, count in rows}  # type: ignore[attr-defined]


async def _waiting(session: AsyncSession) -> Mapping[int, int]:
    """Deliveries that wait for their next attempt, by endpoint."""
    rows = await session.execute(
        select(col(WebhookDelivery.endpoint_id), func.count())
        .where(col(WebhookDelivery.status) == "waiting")
        .group_by(col(WebhookDelivery.endpoint_id))
    )
    return {endpoint_id: count for endpoint_id, count in rows}  # noqa: C416 (rows are no pairs to mypy)


async def _furthest(session: AsyncSession, horizon: int, waiting: Mapping[int, int]) -> tuple[Endpoint, ...]:
    endpoint = WebhookEndpoint
    rows = await session.execute(
        select(col(endpoint.id), col(endpoint.status), col(endpoint.position), col(endpoint.failures))
        .order_by(col(endpoint.status), col(endpoint.position))  # active before disabled and paused
        .limit(ENDPOINTS_MAX)
    )
    return tuple(
        Endpoint(number or 0, status, max(horizon - position, 0), waiting.get(number or 0, 0), failures)
        for number, status, position, failures in rows
    )


async def _age_s(session: AsyncSession, position: int) -> float:
    """How long ago what comes next after a position was written."""
    ages: list[datetime] = []
    for model in (LedgerEntry, CatalogChange, StockAlert):
        first = (
            select(col(model.created_at)).where(col(model.sequence) > position).order_by(col(model.sequence)).limit(1)
        )
        if (written := await session.scalar(first)) is not None:
            ages.append(written)
    return max((datetime.now(UTC) - min(ages)).total_seconds(), 0.0) if ages else 0.0


def wal_bytes(database: Database) -> int | None:
    """The size of SQLite's log; None where there is none."""
    if database.name != "sqlite":
        return None
    try:
        return Path(f"{database.url.database}-wal").stat().st_size
    except OSError:
        return 0
