"""Pruning: entries of the ledger that are older than a time go, and stay summed up in their level's opening.

Each step is a transaction of its own that removes entries and adds them to openings, so that at any time the sum of a
level's deltas and of its opening's is its quantity. Whoever was killed between two steps, or in one, is run again. On
PostgreSQL a month that is wholly old is dropped; all else goes in batches, so small that no writer waits long.

What webhook endpoints and other readers of the feed have not had yet stays (feed_needs.py), however old. Each step
looks anew: an endpoint may have been resumed since the one before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    and_,
    bindparam,
    case,
    delete,
    distinct,
    exists,
    func,
    literal,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from storage import feed_needs, ledger_partitions
from storage.columns import Id, Timestamp
from storage.database import Database
from storage.feed_needs import Need
from storage.ledger_partitions import Month
from storage.planning import Level
from storage.retention import BATCH, BusyError, alone, restful, unhurried
from storage.tables import LedgerEntry, LedgerOpening, StockChangeGroup
from storage.upsert import table_of

T = TypeVar("T")
_BUSY_S: Final = 0.5
YOUNGEST: Final = timedelta(days=1)
"""Nothing younger is pruned: writers are at work there."""
_INSERTS: Final = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_entry: Final = table_of(LedgerEntry)
_opening: Final = table_of(LedgerOpening)
_group: Final = table_of(StockChangeGroup)


@dataclass(frozen=True, slots=True)
class Old:
    """What is older than a time: so many entries, of which the last has this sequence. `kept_for` is who keeps pruning
    from going beyond that."""

    before: datetime
    entries: int = 0
    levels: int = 0
    groups: int = 0
    first: datetime | None = None
    last: int = 0
    delta: int = 0
    kept_for: Need | None = None


def before_months(months: int, now: datetime | None = None) -> datetime:
    """The time before which entries are older than this month and so many months before it."""
    return Month.of(now or datetime.now(UTC)).later(-months).start


async def survey(session: AsyncSession, before: datetime) -> Old:
    """What a pruning would remove."""
    await unhurried(session)
    entry, need = _entry.c, await feed_needs.first(session)
    is_old = entry.created_at < before
    old = is_old if need is None else and_(is_old, entry.sequence <= need.position)
    levels = select(entry.product_id, entry.location_id).where(old).distinct().subquery()
    found = select(
        func.count(),
        select(func.count()).select_from(levels).scalar_subquery(),
        func.count(distinct(entry.group_id)),
        func.min(entry.created_at),
        func.coalesce(func.max(entry.sequence), 0),
        func.coalesce(func.sum(entry.delta), 0),
    ).where(old)
    entries, levels_, groups, first, last, delta = (await session.execute(found)).one()
    if need is not None and not await session.scalar(select(exists().where(is_old, entry.sequence > need.position))):
        need = None
    return Old(before, entries, levels_, groups, first, last, int(delta), need)


async def prune(database: Database, old: Old, *, patience_s: float = 0) -> AsyncIterator[int]:
    """Remove what was surveyed and nothing else, then the groups of which nothing is left. Gives the number of entries
    that each step removed.

    Raises BusyError when another process is at it for longer than `patience_s`, or the ledger is in use all the time.
    """

    async def done(step: Callable[..., Awaitable[T]], *args: Any) -> T:
        until = time.monotonic() + patience_s
        while True:
            try:
                return await restful(partial(database.transact, step, *args))
            except BusyError:
                if time.monotonic() >= until:
                    raise
                await asyncio.sleep(_BUSY_S)

    for month in await database.read(ledger_partitions.months):
        if month.end <= old.before:
            yield await done(_prune_month, month, old.last)
    after = 0
    while after < old.last:
        after, removed = await done(_prune_batch, old, after)
        yield removed
    place: tuple[datetime, int] | None = (old.before, 0)
    while place is not None:
        place = await done(_prune_groups, place)


_AFTER, _THROUGH, _LAST = (bindparam(name, type_=Id) for name in ("after", "through", "last"))
_BEFORE, _SINCE = (bindparam(name, type_=Timestamp()) for name in ("before", "since"))
_IN_BATCH: Final = and_(_entry.c.sequence > _AFTER, _entry.c.sequence <= _THROUGH, _entry.c.created_at < _BEFORE)
_IN_MONTH: Final = and_(_entry.c.created_at >= _SINCE, _entry.c.created_at < _BEFORE)
_batch: Final = (
    select(_entry.c.sequence)
    .where(_entry.c.sequence > _AFTER, _entry.c.sequence <= _LAST, _entry.c.created_at < _BEFORE)
    .order_by(_entry.c.sequence)
    .limit(BATCH)
    .subquery("batch")
)
_END: Final = select(func.max(_batch.c.sequence), func.count()).select_from(_batch)


async def _prune_batch(session: AsyncSession, old: Old, after: int) -> tuple[int, int]:
    """Where the next batch goes on, and how many entries this one removed."""
    await alone(session)
    values: dict[str, Any] = {"after": after, "before": old.before}
    through, number = (await session.execute(_END, {**values, "last": await _last(session, old.last)})).one()
    if not number:
        return old.last, 0
    values["through"] = through
    await session.execute(_fold(session, _IN_BATCH), values)
    await session.execute(delete(_entry).where(_IN_BATCH), values)
    return through, number


async def _last(session: AsyncSession, last: int) -> int:
    """The last sequence that may go now."""
    need = await feed_needs.first(session)
    return last if need is None else min(last, need.position)


async def _prune_month(session: AsyncSession, month: Month, last: int) -> int:
    """Drop a month; 0 when it has entries that stay: the others go in batches, without these."""
    await alone(session)
    if month not in await ledger_partitions.months(session):
        return 0
    await session.execute(text(f"LOCK TABLE {month.name} IN SHARE MODE"))  # nobody writes there any more, but an import
    values = {"since": month.start, "before": month.end}
    found = select(func.count(), func.coalesce(func.max(_entry.c.sequence), 0)).where(_IN_MONTH)
    number, largest = (await session.execute(found, values)).one()
    if largest > await _last(session, last):
        return 0
    await session.execute(_fold(session, _IN_MONTH), values)
    if not await ledger_partitions.drop(session, month):
        raise BusyError(f"The ledger was in use all the time: {month.name} could not be dropped.")
    return int(number)


def _fold(session: AsyncSession, some: ColumnElement[bool]) -> Any:
    """Add some entries to the openings of their levels."""
    columns = ("sequence", *Level._fields, "created_at")
    sums = (
        select(
            _entry.c.product_id,
            _entry.c.location_id,
            func.max(_entry.c.sequence).label("last"),
            func.count().label("entries"),
            func.sum(_entry.c.delta).cast(_opening.c.delta.type).label("delta"),
        )
        .where(some)
        .group_by(_entry.c.product_id, _entry.c.location_id)
        .subquery("sums")
    )
    rows = (
        select(*sums.c["product_id", "location_id", "entries", "delta"], *(_entry.c[name] for name in columns))
        .join_from(sums, _entry, _entry.c.sequence == sums.c.last)
        .where(some)
    )
    names = ["product_id", "location_id", "entries", "delta", *columns]
    folded: Any = _INSERTS[session.get_bind().dialect.name](_opening).from_select(names, rows)
    new, now = folded.excluded, _opening.c
    # a clock that went back may have left an older entry behind a newer opening
    later = {name: case((new.sequence > now.sequence, new[name]), else_=now[name]) for name in columns}
    added = {name: now[name] + new[name] for name in ("entries", "delta")}
    return folded.on_conflict_do_update(index_elements=["product_id", "location_id"], set_={**later, **added})


_placed: Final = tuple_(_group.c.created_at, _group.c.id)


def _at(time: datetime, id_: int) -> Any:
    return tuple_(literal(time, Timestamp()), literal(id_, Id))


async def _prune_groups(session: AsyncSession, place: tuple[datetime, int]) -> tuple[datetime, int] | None:
    """Remove the groups of one batch of which no entry is left; where the next batch goes on, None at the end.

    The latest come first: a group that took another one back goes before that one, which is kept as long as it is.
    """
    await alone(session)
    taker = _group.alias("taker")
    batch = (
        select(_group.c.id, _group.c.created_at)
        .where(_placed < _at(*place))
        .order_by(_group.c.created_at.desc(), _group.c.id.desc())
        .limit(BATCH)
    )
    rows = (await session.execute(batch)).all()
    if not rows:
        return None
    ends = rows[-1].created_at, rows[-1].id
    between = and_(
        _placed < _at(*place),
        _placed >= _at(*ends),
    )
    unused = delete(_group).where(
        between,
        ~exists().where(_entry.c.group_id == _group.c.id).correlate(_group),
        ~exists().where(taker.c.reverses_id == _group.c.id).correlate(_group),
    )
    while cast("CursorResult[Any]", await session.execute(unused)).rowcount:
        pass  # those that were taken back by the ones that are gone now
    return ends
