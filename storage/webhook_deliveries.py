"""What became of the events of webhook endpoints, and who sends them: leases, positions and rows, written in batches.

One process sends for an endpoint at a time: the one that `leased_by` names. Whatever it records is fenced by that, so
a process that lost its lease without noticing records nothing any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Text,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from storage.columns import Id, Timestamp
from storage.errors import ErrorCode, InventoryError
from storage.json_rows import among, json_text, rows_from
from storage.prepared import Prepared
from storage.retention import BATCH
from storage.tables import WebhookDelivery, WebhookEndpoint
from storage.upsert import table_of, upsert_rows
from storage.webhook_endpoints import Endpoint, Status

_endpoint: Final = table_of(WebhookEndpoint)
_delivery: Final = table_of(WebhookDelivery)


class DeliveryStatus(StrEnum):
    """What became of an event at an endpoint."""

    WAITING = "waiting"
    """It failed and is tried again, or waits behind one of the same level that did."""
    DELIVERED = "delivered"
    FAILED = "failed"
    """Given up."""


class Level(NamedTuple):
    """What events are told in order of: an item at a location, or what else they are of."""

    product_id: int | None
    location_id: int | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row of webhook_delivery but for its own id: one event for one endpoint."""

    endpoint_id: int
    sequence: int
    event_id: str
    topic: str
    product_id: int | None
    location_id: int | None
    status: DeliveryStatus
    attempts: int
    created_at: datetime
    first_at: datetime | None = None
    next_at: datetime | None = None
    response_status: int | None = None
    error: str | None = None
    duration_ms: int | None = None
    payload: str | None = None

    @property
    def level(self) -> Level:
        """What it waits in line with."""
        return Level(self.product_id, self.location_id)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an endpoint has got, and how it is. `disabled_reason`: it disables itself."""

    endpoint_id: int
    position: int
    failures: int
    failing_since: datetime | None
    retry_at: datetime | None
    disabled_reason: str | None = None


class State(NamedTuple):
    """What tells whether there is anything to do for an endpoint, and who does it."""

    id: int
    format: str
    position: int
    retry_at: datetime | None
    leased_by: str | None
    leased_until: datetime | None
    updated_at: datetime
    has_waiting: bool


_WAITING: Final = _delivery.c.status == DeliveryStatus.WAITING.value
_STATES: Final = Prepared(
    select(
        _endpoint.c.id,
        _endpoint.c.format,
        _endpoint.c.position,
        _endpoint.c.retry_at,
        _endpoint.c.leased_by,
        _endpoint.c.leased_until,
        _endpoint.c.updated_at,
        exists().where(_delivery.c.endpoint_id == _endpoint.c.id, _WAITING),
    )
    .where(_endpoint.c.status == Status.ACTIVE.value)
    .order_by(_endpoint.c.id)
)


async def states(session: AsyncSession) -> list[State]:
    """The active endpoints."""
    return [State(*row) for row in await _STATES.rows(session)]


async def lease(
    session: AsyncSession, ids: Iterable[int], worker: str, until: datetime, *, now: datetime, dead: Iterable[str] = ()
) -> list[Endpoint]:
    """Take those of the endpoints that are active and nobody else's: free, expired, or left by the dead."""
    is_free = or_(
        _endpoint.c.leased_by.is_(None),
        _endpoint.c.leased_by == worker,
        _endpoint.c.leased_until < now,
        among(_endpoint.c.leased_by, "dead"),
    )
    taken = (
        update(_endpoint)
        .where(among(_endpoint.c.id, "ids"), _endpoint.c.status == Status.ACTIVE.value, is_free)
        .values(leased_by=worker, leased_until=until)
        .returning(_endpoint)
    )
    values = {"ids": json_text(sorted(ids)), "dead": json_text(sorted(dead))}
    return [Endpoint.of(dict(row)) for row in (await session.execute(taken, values)).mappings()]


async def renew(session: AsyncSession, worker: str, until: datetime) -> set[int]:
    """Keep what is leased for longer, and say what that is."""
    kept = update(_endpoint).where(_endpoint.c.leased_by == worker).values(leased_until=until)
    return set((await session.execute(kept.returning(_endpoint.c.id))).scalars())


async def release(session: AsyncSession, worker: str, ids: Iterable[int] | None = None) -> None:
    """Let others have these endpoints, at once; without `ids` all that are leased."""
    freed = update(_endpoint).where(_endpoint.c.leased_by == worker).values(leased_by=None, leased_until=None)
    if ids is None:
        await session.execute(freed)
    else:
        await session.execute(freed.where(among(_endpoint.c.id, "ids")), {"ids": json_text(sorted(ids))})


_COLUMNS: Final = tuple(column.name for column in fields(Delivery))
_PROGRESS: Final = rows_from(
    "progress",
    {
        "id": Id,
        "position": Id,
        "failures": Id,
        "failing_since": Timestamp(),
        "retry_at": Timestamp(),
        "disabled_reason": Text(),
    },
)
_new: Final = select(*_PROGRESS.values()).subquery("new")
_RECORD: Final = Prepared(
    update(_endpoint)
    .where(_endpoint.c.id == _new.c.id, _endpoint.c.leased_by == bindparam("worker", type_=Text()))
    .values(
        # Never back: its owner may have had it skip something meanwhile
        position=case((_endpoint.c.position > _new.c.position, _endpoint.c.position), else_=_new.c.position),
        failures=_new.c.failures,
        failing_since=_new.c.failing_since,
        retry_at=_new.c.retry_at,
        status=case((_new.c.disabled_reason.is_(None), _endpoint.c.status), else_=Status.DISABLED.value),
        disabled_reason=func.coalesce(_new.c.disabled_reason, _endpoint.c.disabled_reason),
    )
    .returning(_endpoint.c.id)
)


async def record(
    session: AsyncSession, progress: Sequence[Progress], deliveries: Sequence[Delivery], worker: str, *, now: datetime
) -> set[int]:
    """Write how far endpoints have got and what became of their events, and say which of them are still ours.

    Of those that are not nothing is written.
    """
    told = [tuple(asdict(each).values()) for each in progress]
    rows = await _RECORD.rows(session, {"progress": json_text(told), "worker": worker})
    ours = {row[0] for row in rows}
    kept = {(each.endpoint_id, each.sequence): each for each in deliveries if each.endpoint_id in ours}
    values = [tuple(getattr(each, name) for name in _COLUMNS) for each in kept.values()]
    await upsert_rows(
        session,
        WebhookDelivery,
        values,
        key=("endpoint_id", "sequence"),
        columns=_COLUMNS,
        shared={"updated_at": now},
    )
    return ours


async def heads(session: AsyncSession, endpoint_id: int) -> dict[Level, datetime | None]:
    """The levels of which something waits, and when the first of each is tried."""
    place = func.row_number().over(
        partition_by=(_delivery.c.product_id, _delivery.c.location_id), order_by=_delivery.c.sequence
    )
    waiting = (
        select(_delivery.c.product_id, _delivery.c.location_id, _delivery.c.next_at, place.label("place"))
        .where(_delivery.c.endpoint_id == endpoint_id, _WAITING)
        .subquery()
    )
    found = select(waiting.c.product_id, waiting.c.location_id, waiting.c.next_at).where(waiting.c.place == 1)
    return {Level(row[0], row[1]): row[2] for row in await session.execute(found)}


async def behind(session: AsyncSession, endpoint_id: int, level: Level, limit: int) -> list[Delivery]:
    """The first of what waits at a level, in order."""
    return await _read(
        session,
        and_(
            _delivery.c.endpoint_id == endpoint_id,
            _WAITING,
            _delivery.c.product_id.is_not_distinct_from(level.product_id),
            _delivery.c.location_id.is_not_distinct_from(level.location_id),
        ),
        limit,
    )


async def beyond(session: AsyncSession, endpoint_id: int, position: int) -> set[int]:
    """The sequences behind an endpoint's position of which it is known already what became of them."""
    later = (_delivery.c.endpoint_id == endpoint_id, _delivery.c.sequence > position)
    return set((await session.execute(select(_delivery.c.sequence).where(*later))).scalars())


async def _read(session: AsyncSession, condition: ColumnElement[bool], limit: int) -> list[Delivery]:
    columns = [_delivery.c[name] for name in _COLUMNS]
    found = select(*columns).where(condition).order_by(_delivery.c.sequence).limit(limit)
    rows = (await session.execute(found)).mappings()
    return [Delivery(**{**row, "status": DeliveryStatus(row["status"])}) for row in rows]


async def redeliver(session: AsyncSession, delivery_id: int, *, now: datetime) -> int:
    """Send an event again that was delivered or given up, as soon as its endpoint sends, and name the endpoint.

    Its schedule begins anew. What already waits is tried at once. Refuses with: WEBHOOK_NOT_FOUND.
    """
    found = await session.execute(
        update(_delivery)
        .where(_delivery.c.id == delivery_id)
        .values(status=DeliveryStatus.WAITING.value, attempts=0, first_at=None, next_at=now, updated_at=now)
        .returning(_delivery.c.endpoint_id)
    )
    endpoint_id: int | None = found.scalar_one_or_none()
    if endpoint_id is None:
        raise InventoryError(ErrorCode.WEBHOOK_NOT_FOUND, f"There is no webhook delivery {delivery_id}.", "id")
    # Whoever sends for it sees by this that there is something new
    await session.execute(update(_endpoint).where(_endpoint.c.id == endpoint_id).values(updated_at=now))
    return endpoint_id


async def forget(session: AsyncSession, before: datetime) -> int:
    """Remove the first rows that were last changed before then, and say how many. What waits stays, and so does what
    an endpoint would send again without its row."""
    is_passed = exists().where(_endpoint.c.id == _delivery.c.endpoint_id, _endpoint.c.position >= _delivery.c.sequence)
    first = (
        select(_delivery.c.id)
        .where(_delivery.c.updated_at < before, ~_WAITING, is_passed)
        .order_by(_delivery.c.updated_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    removed = await session.execute(delete(_delivery).where(tuple_(_delivery.c.id).in_(first)))
    return cast("CursorResult[Any]", removed).rowcount


async def newest(
    session: AsyncSession, endpoint_id: int, *, statuses: Iterable[str] | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """What became of an endpoint's last events, the newest first; of those with some statuses only."""
    found = select(_delivery).where(_delivery.c.endpoint_id == endpoint_id)
    values = {}
    if statuses is not None:
        found, values = found.where(among(_delivery.c.status, "statuses")), {"statuses": json_text(sorted(statuses))}
    rows = await session.execute(found.order_by(_delivery.c.sequence.desc()).limit(limit), values)
    return [dict(row) for row in rows.mappings()]
