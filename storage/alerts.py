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
    Integer,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    not_,
    or_,
    select,
    tuple_,
    union,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeEngine

from storage import availability, change_feed, thresholds, webhook_topics
from storage.alert_rules import PLENTY, Seen, State, step
from storage.columns import Id, Key, Timestamp
from storage.json_rows import among, json_text, rows_from
from storage.prepared import Prepared
from storage.retention import BATCH
from storage.tables import (
    CatalogChange,
    FeedReader,
    LedgerEntry,
    LedgerOpening,
    Location,
    Product,
    StockAlert,
    StockLevel,
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
_entry: Final = table_of(LedgerEntry)
_change: Final = table_of(CatalogChange)
_level: Final = table_of(StockLevel).alias("alert_level")
_item: Final = table_of(Product).alias("alert_item")
_location: Final = table_of(Location).alias("alert_location")


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
    await _NOTE_ALL.write(session)
    # what lies behind the horizon is still to be read: of these levels is noted what they were there
    if later := [(product, location) for product, location in await _LATER.rows(session, {"after": position})]:
        page = _Page(session)
        await page.forget(later)
        named = _named([(0, *pair) for pair in later])
        for concerned in await _CONCERNED.rows(session, {**named, "up_to": position}):
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
    return bool(await _CHANGES.rows(session, window) or await _ENTRIES.rows(session, window))


async def advance(session: AsyncSession, up_to: int) -> int | None:
    """Go through the next page of the feed, at most up to a horizon that was asked for before; and say how far that is.

    None when nobody looks for alerts, or when another process is at it now.
    """
    held = select(_reader.c.position).where(_reader.c.name == READER).with_for_update(skip_locked=True)
    position = await session.scalar(held)
    if position is None or position >= up_to:
        return position
    window = {"after": position, "up_to": up_to, "limit": PAGE}
    entries = [_Entry(*row) for row in await _ENTRIES.rows(session, window)]
    changes = [_Change(*row) for row in await _CHANGES.rows(session, window)]
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
            found = await _CONCERNED.rows(self.session, {**_named(named), "up_to": changes[-1].sequence})
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
            await _ALERTS.write(self.session, {"rows": json_text(self.alerts), "now": datetime.now(UTC)})

    async def _write_said(self) -> None:
        pairs = sorted(self.unwritten)
        rows = [(*pair, *self.said[pair]) for pair in pairs if self.said[pair] != PLENTY]
        await upsert_rows(
            self.session, StockWatch, rows, key=("product_id", "location_id"), columns=_watch.columns.keys()
        )
        if gone := [pair for pair in pairs if self.said[pair] == PLENTY]:
            await _FORGET.write(self.session, {"rows": json_text(gone)})
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
    """What _CONCERNED is to look at: all levels of products, all of locations, and single ones."""
    return {
        "products": json_text(sorted({row[1] for row in changes if row[1] is not None and row[2] is None})),
        "locations": json_text(sorted({row[2] for row in changes if row[2] is not None and row[1] is None})),
        "levels": json_text([row[1:] for row in changes if None not in row[1:]]),
    }


# Conditions over a level's item and location, as they are now

_COUNTS: Final = and_(availability.is_tracked(_item.c), _item.c.status != literal_column("'trash'"))
_IS_OPEN: Final = and_(_location.c.active, _location.c.archived_at.is_(None))
_THRESHOLD: Final = thresholds.of_item_at(_level.c, _item.c)
_FALSE: Final = literal_column("0", Integer())
_TRUE: Final = literal_column("1", Integer())


def _as_number(condition: Any) -> Any:
    """1 or 0, so that both engines compare it, and NULL is 0."""
    return case((condition, _TRUE), else_=_FALSE)


def _between(columns: Any) -> Any:
    return and_(columns.sequence > bindparam("after", type_=Id), columns.sequence <= bindparam("up_to", type_=Id))


_first_entries: Final = (
    select(_entry)
    .where(_between(_entry.c))
    .order_by(_entry.c.sequence)
    .limit(bindparam("limit", type_=Id))
    .subquery("first_entries")
)
_ENTRIES: Final = Prepared(
    select(
        *(
            _first_entries.c[name]
            for name in (
                "sequence",
                "product_id",
                "location_id",
                "before",
                "on_hand",
                "reserved",
                "safety_stock",
                "disabled",
            )
        ),
        _THRESHOLD,
        _as_number(_COUNTS),
        _as_number(_IS_OPEN),
        _watch.c.low,
        _watch.c.out,
    )
    .select_from(
        _first_entries.join(_item, _item.c.id == _first_entries.c.product_id)
        .join(_location, _location.c.id == _first_entries.c.location_id)
        .outerjoin(
            _level,
            and_(
                _level.c.product_id == _first_entries.c.product_id,
                _level.c.location_id == _first_entries.c.location_id,
            ),
        )
        .outerjoin(
            _watch,
            and_(
                _watch.c.product_id == _first_entries.c.product_id,
                _watch.c.location_id == _first_entries.c.location_id,
            ),
        )
    )
    .order_by(_first_entries.c.sequence)
)
_CHANGES: Final = Prepared(
    select(_change.c.sequence, _change.c.product_id, _change.c.location_id)
    .where(_between(_change.c))
    .order_by(_change.c.sequence)
    .limit(bindparam("limit", type_=Id))
)


def _concerned() -> Any:
    """The levels that some changes concern, as the ledger says that they were then, where that is news."""
    one = table_of(StockLevel).alias("one_level")
    family = table_of(Product).alias("family")
    listed = rows_from("levels", {"product_id": Id, "location_id": Id})
    pair = (one.c.product_id, one.c.location_id)
    named = union(
        select(*pair).where(among(one.c.product_id, "products")),
        select(*pair)
        .join_from(family, one, one.c.product_id == family.c.id)
        .where(among(family.c.parent_id, "products")),
        select(*pair).where(among(one.c.location_id, "locations")),
        select(*listed.values()),
    ).subquery("named")
    past = table_of(LedgerEntry).alias("past")
    last_sequence = (
        select(func.max(past.c.sequence))
        .where(
            past.c.product_id == _level.c.product_id,
            past.c.location_id == _level.c.location_id,
            past.c.sequence <= bindparam("up_to", type_=Id),
        )
        .correlate_except(past)
        .scalar_subquery()
    )
    last, opening = table_of(LedgerEntry).alias("last_entry"), table_of(LedgerOpening).alias("opening")
    is_kept = last.c.sequence.is_not(None)  # else it was pruned, or there was none
    available = case((is_kept, availability.available(last.c)), else_=availability.available(opening.c))
    disabled = case((is_kept, last.c.disabled), else_=opening.c.disabled)
    counts = and_(_COUNTS, available.is_not(None))
    offered = and_(_IS_OPEN, not_(disabled))
    was_low, was_out = _as_number(_watch.c.low), _as_number(_watch.c.out)
    is_out = _as_number(and_(counts, or_(not_(offered), available <= _FALSE)))
    is_low = case((not_(counts), _FALSE), (offered, _as_number(available <= _THRESHOLD)), else_=was_low)
    return (
        select(
            _level.c.product_id,
            _item.c.parent_id,
            _level.c.location_id,
            available,
            disabled,
            _THRESHOLD,
            _as_number(_COUNTS),
            _as_number(_IS_OPEN),
            _watch.c.low,
            _watch.c.out,
        )
        .select_from(
            named.join(
                _level,
                and_(_level.c.product_id == named.c.product_id, _level.c.location_id == named.c.location_id),
            )
            .join(_item, _item.c.id == _level.c.product_id)
            .join(_location, _location.c.id == _level.c.location_id)
            .outerjoin(last, last.c.sequence == last_sequence)
            .outerjoin(
                opening,
                and_(opening.c.product_id == _level.c.product_id, opening.c.location_id == _level.c.location_id),
            )
            .outerjoin(
                _watch,
                and_(_watch.c.product_id == _level.c.product_id, _watch.c.location_id == _level.c.location_id),
            )
        )
        .where(or_(is_out != was_out, is_low != was_low))
        .order_by(_level.c.product_id, _level.c.location_id)
    )


def _note_all() -> Any:
    """Of all levels those that are low or out now."""
    available = availability.available(_level.c)
    is_low = available <= _THRESHOLD
    is_out = or_(_level.c.disabled, not_(_IS_OPEN), available <= _FALSE)
    found = (
        select(_level.c.product_id, _level.c.location_id, is_low, is_out)
        .select_from(
            _level.join(_item, _item.c.id == _level.c.product_id).join(
                _location, _location.c.id == _level.c.location_id
            )
        )
        .where(available.is_not(None), _COUNTS, or_(is_low, is_out))
    )
    return insert(_watch).from_select(["product_id", "location_id", "low", "out"], found)


_CONCERNED: Final = Prepared(_concerned())
_NOTE_ALL: Final = Prepared(_note_all())
_LATER: Final = Prepared(
    select(_entry.c.product_id, _entry.c.location_id).where(_entry.c.sequence > bindparam("after", type_=Id)).distinct()
)
_FORGOTTEN: Final = rows_from("rows", {"product_id": Id, "location_id": Id}).values()
_FORGET: Final = Prepared(
    delete(_watch).where(tuple_(_watch.c.product_id, _watch.c.location_id).in_(select(*_FORGOTTEN)))
)
_FOUND: Final[dict[str, TypeEngine[Any]]] = {
    "product_id": Id,
    "location_id": Id,
    "kind": Key,
    "available": Id,
    "threshold": Id,
    "cause": Id,
}
_ALERTS: Final = Prepared(
    insert(_alert).from_select(
        ["sequence", *_FOUND, "created_at"],
        select(change_feed.NEXT_SEQUENCE, *rows_from("rows", _FOUND).values(), bindparam("now", type_=Timestamp)).where(
            literal_column("1") == literal_column("1")
        ),
    )
)
