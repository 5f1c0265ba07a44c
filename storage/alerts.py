"""Who finds alerts: one reader of the change feed, which compares each change of a level with what it last said of it.

It goes through the feed in order, page by page; each page is one transaction that holds the reader's row, so that one
process at a time is at it, and that a killed one leaves nothing half done. Alerts get sequences of their own, after
those of what caused them. Quantities and flags are those of each entry: what went out and came back between two
readings gives both alerts. Thresholds, and whether an item is tracked and a location open, are as they are when the
page is read: the feed says that they changed, and not what they were.

begin() notes what is low already, without alerts; while there is no reader nothing is read and nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import (
    CursorResult,
    delete,
    literal_column,
    not_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession

from storage import alert_statements as sql
from storage import availability, change_feed, webhook_topics
from storage.alert_rules import PLENTY, Seen, State, step
from storage.json_rows import json_text
from storage.retention import BATCH
from storage.tables import (
    FeedReader,
    StockAlert,
    StockWatch,
    WebhookEndpoint,
)
from storage.upsert import insert_missing, table_of, upsert_rows
from storage.webhook_topics import Topic

READER: Final = "alerts"
"""The name of the reader's row."""
PAGE: Final = 1_000
"""Rows of the ledger, and as many of the catalogue's changes, that one transaction goes through at most."""
_LAG: Final = 10_000
"""Sequences that hold nothing for it are only noted as read when they are so many: it would wake itself."""
Pair = tuple[int, int]
"""A level: its product and location."""

_TOPICS: Final = frozenset({Topic.STOCK_OUT, Topic.STOCK_BACK, Topic.STOCK_LOW, Topic.STOCK_RECOVERED})
_alert: Final = table_of(StockAlert)
_endpoint: Final = table_of(WebhookEndpoint)
_IS_TO_READ: Final = (_endpoint.c.position < _alert.c.sequence, _endpoint.c.status != literal_column("'disabled'"))
_reader: Final = table_of(FeedReader)
_watch: Final = table_of(StockWatch)


async def begin(session: AsyncSession) -> None:
    """Look for alerts from now on: what is low or out already is noted as such. Where it has begun nothing happens."""
    if await session.scalar(select(_reader.c.position).where(_reader.c.name == READER)) is not None:
        return
    position = await change_feed.horizon(session)
    now = datetime.now(UTC)
    row = {"name": READER, "position": position, "updated_at": now}
    if not await insert_missing(session, FeedReader, [row], key=("name",)):
        return
    await session.execute(delete(_watch))
    await sql.NOTE_ALL.write(session)
    # what lies behind the horizon is still to be read: of these levels is noted what they were there
    if later := [(product, location) for product, location in await sql.LATER.rows(session, {"after": position})]:
        page = _Page(session)
        await page.forget(later)
        named = _named([(0, *pair) for pair in later])
        for concerned in await sql.CONCERNED.rows(session, {**named, "up_to": position}):
            page.take(_Concerned(*concerned), cause=None)
        await page.write()


async def end(session: AsyncSession) -> None:
    """Look for alerts no more, and forget what was said. Alerts that were found stay."""
    await session.execute(delete(_reader).where(_reader.c.name == READER))
    await session.execute(delete(_watch))


async def forget(session: AsyncSession, before: datetime) -> int:
    """Remove the first alerts, at most a batch, that are older and that no endpoint has still to read; say how many."""
    is_read = not_(select(_endpoint.c.id).where(*_IS_TO_READ).correlate(_alert).exists())
    first = select(_alert.c.sequence).where(_alert.c.created_at < before, is_read).order_by(_alert.c.sequence)
    gone = await session.execute(delete(_alert).where(_alert.c.sequence.in_(first.limit(BATCH))))
    return cast("CursorResult[Any]", gone).rowcount


def are_wanted(topics: Iterable[str]) -> bool:
    """Whether an endpoint with these topics is to be sent alerts."""
    return bool(_TOPICS & webhook_topics.expanded(topics))


async def end_unless_wanted(session: AsyncSession) -> None:
    """Look for alerts no more if no endpoint is to be sent any."""
    endpoints = (await session.execute(select(_endpoint.c.topics))).scalars()
    if not any(are_wanted(topics) for topics in endpoints):
        await end(session)


async def position_of(session: AsyncSession) -> int | None:
    """Up to which sequence of the feed alerts were found; None while nobody looks for them."""
    position: int | None = await session.scalar(select(_reader.c.position).where(_reader.c.name == READER))
    return position


async def is_behind(session: AsyncSession, up_to: int) -> bool:
    """Whether there is something for the reader up to a sequence, or so much that is nothing for it that it goes on."""
    position = await position_of(session)
    if position is None or position >= up_to:
        return False
    if up_to - position >= _LAG:
        return True
    window = {"after": position, "up_to": up_to, "limit": 1}
    return bool(await sql.CHANGES.rows(session, window) or await sql.ENTRIES.rows(session, window))


async def advance(session: AsyncSession, up_to: int) -> int | None:
    """Go through the next page of the feed, at most up to a horizon that was asked for before; and say how far that is.

    None when nobody looks for alerts, or when another process is at it now.
    """
    held = select(_reader.c.position).where(_reader.c.name == READER).with_for_update(skip_locked=True)
    position = await session.scalar(held)
    if position is None or position >= up_to:
        return position
    window = {"after": position, "up_to": up_to, "limit": PAGE}
    entries = [_Entry(*row) for row in await sql.ENTRIES.rows(session, window)]
    changes = [_Change(*row) for row in await sql.CHANGES.rows(session, window)]
    reached = min([up_to, *(rows[-1].sequence for rows in (entries, changes) if len(rows) == PAGE)])
    if entries or changes or reached - position >= _LAG:
        page = _Page(session)
        for segment in _segments(entries, changes, reached):
            await page.go_through(segment)
        await page.write()
        moved = _reader.update().where(_reader.c.name == READER)
        await session.execute(moved.values(position=reached, updated_at=datetime.now(UTC)))
    return reached


class _Entry(NamedTuple):
    """A ledger entry, with what applies to its level now and what was last said of it."""

    sequence: int
    product_id: int
    location_id: int
    before: int | None
    on_hand: int | None
    reserved: int
    safety_stock: int
    disabled: bool
    threshold: int
    counts: bool
    is_open: bool
    low: bool | None
    out: bool | None

    @property
    def seen(self) -> Seen | None:
        available = availability.available_of(self.on_hand, self.reserved, self.safety_stock)
        if available is None or not self.counts:
            return None
        return Seen(available, self.threshold, offered=bool(self.is_open and not self.disabled))


class _Change(NamedTuple):
    """A change of the catalogue."""

    sequence: int
    product_id: int | None
    location_id: int | None


class _Concerned(NamedTuple):
    """A level of a product or location that changed, as it was then; of which something else is to be said."""

    product_id: int
    parent_id: int | None
    location_id: int
    available: int | None
    disabled: bool | None
    threshold: int
    counts: bool
    is_open: bool
    low: bool | None
    out: bool | None

    @property
    def seen(self) -> Seen | None:
        if self.available is None or not self.counts:
            return None
        return Seen(self.available, self.threshold, offered=bool(self.is_open and not self.disabled))


@dataclass(slots=True)
class _Page:
    """What is said of levels while a page is gone through, and the alerts that come of it."""

    session: AsyncSession
    said: dict[Pair, State] = field(default_factory=dict)
    unwritten: set[Pair] = field(default_factory=set)
    alerts: list[tuple[Any, ...]] = field(default_factory=list)

    async def go_through(self, segment: Sequence[_Entry | _Change]) -> None:
        """Some entries, or some changes of the catalogue, that follow one another."""
        changes = [row for row in segment if isinstance(row, _Change)]
        if changes:
            await self._write_said()  # the statement compares with it
            named = [row for row in changes if row.product_id is not None or row.location_id is not None]
            found = await sql.CONCERNED.rows(self.session, {**_named(named), "up_to": changes[-1].sequence})
            caused = [(_cause(concerned, named), concerned) for concerned in (_Concerned(*row) for row in found)]
            for cause, concerned in sorted(caused, key=lambda each: each[0]):
                self.take(concerned, cause=cause)
        for entry in segment:
            if isinstance(entry, _Entry):
                self.take(entry, cause=entry.sequence, first=entry.before is None)

    def take(self, row: _Entry | _Concerned, *, cause: int | None, first: bool = False) -> None:
        """Compare a level with what was last said of it. Without a cause nobody is told."""
        pair = (row.product_id, row.location_id)
        state = self.said.get(pair)
        if state is None:
            state = State(low=bool(row.low), out=bool(row.out))
        seen = row.seen
        self.said[pair], kinds = step(state, seen, first=first)
        if self.said[pair] != state:
            self.unwritten.add(pair)
        if seen is not None and cause is not None:
            self.alerts += [(*pair, str(kind), seen.told, seen.threshold, cause) for kind in kinds]

    async def forget(self, pairs: Sequence[Pair]) -> None:
        """Say nothing of these levels any more."""
        self.said.update(dict.fromkeys(pairs, PLENTY))
        self.unwritten.update(pairs)
        await self._write_said()

    async def write(self) -> None:
        """What is said, and the alerts, in order: the only moment in which the feed's other readers wait for them."""
        await self._write_said()
        if self.alerts:
            await change_feed.enter(self.session)
            await sql.ALERTS.write(self.session, {"rows": json_text(self.alerts), "now": datetime.now(UTC)})

    async def _write_said(self) -> None:
        pairs = sorted(self.unwritten)
        rows = [(*pair, *self.said[pair]) for pair in pairs if self.said[pair] != PLENTY]
        await upsert_rows(
            self.session, StockWatch, rows, key=("product_id", "location_id"), columns=_watch.columns.keys()
        )
        if gone := [pair for pair in pairs if self.said[pair] == PLENTY]:
            await sql.FORGET.write(self.session, {"rows": json_text(gone)})
        self.unwritten.clear()


def _segments(
    entries: Sequence[_Entry], changes: Sequence[_Change], reached: int
) -> Iterator[Sequence[_Entry | _Change]]:
    """The rows in the feed's order, cut where entries give way to changes of the catalogue, and the other way round."""
    rows: list[_Entry | _Change] = [*entries, *changes]
    rows = sorted((row for row in rows if row.sequence <= reached), key=lambda row: row.sequence)
    for _, segment in groupby(rows, key=type):
        yield list(segment)


def _cause(level: _Concerned, changes: Sequence[_Change]) -> int:
    """The first of these changes that concerns a level."""
    products, locations = {level.product_id, level.parent_id, None}, {level.location_id, None}
    return min(row.sequence for row in changes if row.product_id in products and row.location_id in locations)


def _named(changes: Sequence[Sequence[Any]]) -> dict[str, str]:
    """What sql.CONCERNED is to look at: all levels of products, all of locations, and single ones."""
    return {
        "products": json_text(sorted({row[1] for row in changes if row[1] is not None and row[2] is None})),
        "locations": json_text(sorted({row[2] for row in changes if row[2] is not None and row[1] is None})),
        "levels": json_text([row[1:] for row in changes if None not in row[1:]]),
    }
