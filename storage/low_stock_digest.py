"""The digest of what is low on stock: told once a day, to the endpoints that want it.

It is a notice in the change feed, so that it is delivered as everything else is. Every process looks whether it is
time; whoever is first writes the notice, under a lock, and the others find it there.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta, tzinfo
from typing import Any, Final

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from storage import change_feed, low_stock, webhook_topics
from storage.change_feed import Kind
from storage.low_stock import LowLevel, Wanted, cover_of, per_day_of
from storage.tables import CatalogChange, WebhookEndpoint
from storage.upsert import table_of
from storage.webhook_topics import Topic

LEVELS_MAX: Final = 100
"""Levels that one digest names: those that last the shortest."""
_LOCK: Final = 7_402_518_939
_change: Final = table_of(CatalogChange).c
_endpoint: Final = table_of(WebhookEndpoint).c


def last_due(now: datetime, at: time, zone: tzinfo) -> datetime:
    """The last time, up to now, at which it was this time of day there."""
    here = now.astimezone(zone)
    due = datetime.combine(here.date(), at, zone)
    return due if due <= here else datetime.combine(here.date() - timedelta(days=1), at, zone)


async def is_wanted(session: AsyncSession) -> bool:
    """Whether an endpoint is to be sent it."""
    endpoints = (await session.execute(select(_endpoint.topics).where(_endpoint.status != "disabled"))).scalars()
    return any(Topic.LOW_STOCK_DIGEST in webhook_topics.expanded(topics) for topics in endpoints)


async def tell(session: AsyncSession, since: datetime) -> bool:
    """Tell the feed of it if nobody has since a time; and say whether it was this one who did."""
    if session.get_bind().dialect.name == "postgresql":  # SQLite has one writer
        await session.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    told = select(func.max(_change.created_at)).where(_change.kind == Kind.LOW_STOCK_DIGEST.value)
    last: datetime | None = await session.scalar(told)
    if last is not None and last >= since:
        return False
    await change_feed.record_notice(session, Kind.LOW_STOCK_DIGEST)
    return True


async def data(session: AsyncSession) -> dict[str, Any]:
    """What a digest says, as it is now: how many levels are low, how many of them are out, and the most urgent ones."""
    low, out = await low_stock.count(session)
    levels = await low_stock.read(session, Wanted(limit=LEVELS_MAX))
    return {"low": low, "out": out, "days": low_stock.DAYS, "levels": [_told(level) for level in levels]}


def _told(level: LowLevel) -> dict[str, Any]:
    return {
        "item": {"id": level.product_id, "sku": level.sku, "name": level.name},
        "location": {"id": level.location_id, "name": level.location},
        "available": level.available,
        "threshold": level.threshold,
        "thresholdSource": level.threshold_source,
        "deficit": level.deficit,
        "outflowPerDay": per_day_of(level.outflow, low_stock.DAYS),
        "daysOfCover": cover_of(level.available, level.outflow, low_stock.DAYS),
    }
