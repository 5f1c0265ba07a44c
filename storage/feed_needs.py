"""Who still needs old entries of the ledger: webhook endpoints and other readers of the feed that have not got there.

Pruning leaves what they need. A paused endpoint and one that was disabled keep nothing: they are told what they missed
when they are resumed (webhook_endpoints.resume).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import webhook_topics
from storage.tables import FeedReader, WebhookEndpoint
from storage.upsert import table_of
from storage.webhook_endpoints import STANDARD, Status
from storage.webhook_topics import Topic

_endpoint: Final = table_of(WebhookEndpoint).c
_reader: Final = table_of(FeedReader).c
_ENDPOINTS: Final = select(_endpoint.position, _endpoint.id, _endpoint.name, _endpoint.format, _endpoint.topics).where(
    _endpoint.status == Status.ACTIVE.value
)
_READERS: Final = select(_reader.position, _reader.name)


class Need(NamedTuple):
    """Everything after this sequence, and whose need that is."""

    position: int
    who: str


async def first(session: AsyncSession) -> Need | None:
    """Who is the furthest behind; None when nobody needs any entry."""
    needs = [Need(position, f"the reader {name!r}") for position, name in (await session.execute(_READERS)).all()]
    for position, id_, name, format_, topics in (await session.execute(_ENDPOINTS)).all():
        # what other formats make of stock is theirs to say
        if format_ != STANDARD or Topic.STOCK_CHANGED in webhook_topics.expanded(topics):
            needs.append(Need(position, f"webhook endpoint {id_} ({name})"))
    return min(needs, default=None)
