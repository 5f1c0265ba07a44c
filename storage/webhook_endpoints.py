"""Webhook endpoints: who is sent what, since when, and how it is told apart from others. Secrets are sealed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import and_, delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import alerts, change_feed, openings, webhook_topics
from storage.changes import UNSET, Refused, Unset, is_storable
from storage.errors import ErrorCode, InventoryError
from storage.retention import LOCK
from storage.tables import WebhookDelivery, WebhookEndpoint
from storage.upsert import table_of
from storage.webhook_topics import Topic

NAME_LENGTH_MAX: Final = 255
FILTER_MAX: Final = 1_000
PREVIOUS_MAX: Final = timedelta(days=30)
"""How long the secret that was replaced may sign, too."""
STANDARD: Final = "standard"
_SKIPPED: Final = "It waited when the endpoint was resumed from what happens from then on."
_table: Final = table_of(WebhookEndpoint)
_delivery: Final = table_of(WebhookDelivery)


class Status(StrEnum):
    """Whether events are sent. What disabled itself says why."""

    ACTIVE = "active"
    PAUSED = "paused"
    DISABLED = "disabled"


class Start(StrEnum):
    """Where an endpoint goes on whose events were pruned."""

    OLDEST = "oldest"
    """With what is left of them."""
    NOW = "now"
    """With what happens from now on."""


class EndpointRefusedError(Exception):
    """Nothing was written: all that is wrong with what was asked for."""

    def __init__(self, refused: Sequence[Refused]) -> None:
        super().__init__("; ".join(f"{problem.field}: {problem.message}" for problem in refused))
        self.refused = tuple(refused)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A row of webhook_endpoint. Its secrets are as gateway/webhooks/sealing.py sealed them."""

    id: int
    name: str
    url: str
    format: str
    topics: tuple[str, ...]
    location_ids: tuple[int, ...] | None
    product_ids: tuple[int, ...] | None
    secret: str = field(repr=False)
    previous_secret: str | None = field(repr=False)
    previous_until: datetime | None
    status: Status
    disabled_reason: str | None
    api_key_id: int | None
    position: int
    failures: int
    failing_since: datetime | None
    retry_at: datetime | None
    ping_pending: bool
    extra: Mapping[str, Any]
    leased_by: str | None
    leased_until: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Endpoint:
        """A row as it is read."""
        values = {column.name: row[column.name] for column in fields(cls)}
        for name in ("topics", "location_ids", "product_ids"):
            values[name] = None if values[name] is None else tuple(values[name])
        return cls(**{**values, "status": Status(values["status"]), "ping_pending": bool(values["ping_pending"])})


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint to be; its secret is sealed. Filters that are None let everything pass."""

    name: str
    url: str
    topics: tuple[str, ...]
    secret: str = field(repr=False)
    format: str = STANDARD
    location_ids: tuple[int, ...] | None = None
    product_ids: tuple[int, ...] | None = None
    api_key_id: int | None = None
    status: Status = Status.ACTIVE
    ping_pending: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EndpointEdit:
    """Other values for an endpoint; what is UNSET stays."""

    name: str | Unset = UNSET
    url: str | Unset = UNSET
    topics: tuple[str, ...] | Unset = UNSET
    location_ids: tuple[int, ...] | Unset | None = UNSET
    product_ids: tuple[int, ...] | Unset | None = UNSET
    secret: str | Unset = field(default=UNSET, repr=False)
    extra: Mapping[str, Any] | Unset = UNSET
    ping_pending: bool | Unset = UNSET

    def given(self) -> dict[str, Any]:
        """The columns that have other values."""
        values = {column.name: getattr(self, column.name) for column in fields(self)}
        return {name: value for name, value in values.items() if value is not UNSET}


async def create(session: AsyncSession, new: NewEndpoint) -> Endpoint:
    """A new endpoint, which is sent what happens from now on. Raises EndpointRefusedError."""
    values = {column.name: getattr(new, column.name) for column in fields(new)}
    _check(values, new.format)
    if alerts.are_wanted(new.topics):
        await alerts.begin(session)
    now = datetime.now(UTC)
    position = await change_feed.horizon(session)
    row = {**_stored(values), "position": position, "failures": 0, "created_at": now, "updated_at": now}
    made = (await session.execute(insert(_table).values(row).returning(_table.c.id))).scalar_one()
    return await known(session, made)


async def change(session: AsyncSession, endpoint_id: int, edit: EndpointEdit) -> Endpoint:
    """Give an endpoint other values. Another URL, or other filters, count from the next event on that is read.

    Raises EndpointRefusedError. Refuses with: WEBHOOK_NOT_FOUND.
    """
    before = await known(session, endpoint_id)
    values = edit.given()
    if before.format != STANDARD and "topics" in values and "extra" not in values:
        message = f"The topics of this endpoint are chosen by its owner, who made it in the format {before.format}."
        raise EndpointRefusedError([Refused(ErrorCode.INVALID_VALUE, message, "topics")])
    _check(values, before.format)
    if alerts.are_wanted(values.get("topics", ())):
        await alerts.begin(session)
    written = await _written(session, endpoint_id, _stored(values))
    await alerts.end_unless_wanted(session)
    return written


async def remove(session: AsyncSession, endpoint_id: int) -> Endpoint:
    """Forget an endpoint and its deliveries, and say what it was. Refuses with: WEBHOOK_NOT_FOUND."""
    endpoint = await known(session, endpoint_id)
    await session.execute(delete(_table).where(_table.c.id == endpoint_id))
    await alerts.end_unless_wanted(session)
    return endpoint


async def rotate_secret(session: AsyncSession, endpoint_id: int, sealed: str, *, previous_for: timedelta) -> Endpoint:
    """Another secret. The one it had signs beside it for a while.

    Refuses with: WEBHOOK_NOT_FOUND, INVALID_VALUE.
    """
    if not timedelta() <= previous_for <= PREVIOUS_MAX:
        message = f"The previous secret stays valid for 0 to {int(PREVIOUS_MAX.total_seconds())} seconds."
        raise InventoryError(ErrorCode.INVALID_VALUE, message, "previous_valid_for_seconds")
    before = await known(session, endpoint_id)
    values: dict[str, Any] = {"secret": sealed, "previous_secret": None, "previous_until": None}
    if previous_for:
        until = datetime.now(UTC) + previous_for
        values |= {"previous_secret": before.secret, "previous_until": until}
    return await _written(session, endpoint_id, values)


async def pause(session: AsyncSession, endpoint_id: int) -> Endpoint:
    """Send nothing until it is resumed; it goes on where it was. Refuses with: WEBHOOK_NOT_FOUND."""
    await known(session, endpoint_id)
    return await _written(session, endpoint_id, {"status": Status.PAUSED.value, "disabled_reason": None})


async def disable(session: AsyncSession, endpoint_id: int, reason: str) -> Endpoint:
    """Send nothing any more, and say why. Refuses with: WEBHOOK_NOT_FOUND."""
    await known(session, endpoint_id)
    return await _written(session, endpoint_id, {"status": Status.DISABLED.value, "disabled_reason": reason})


async def pinged(session: AsyncSession, endpoint_id: int, url: str) -> None:
    """Note that this URL answered a ping, if it still is the endpoint's."""
    is_it = and_(_table.c.id == endpoint_id, _table.c.url == url)
    await session.execute(update(_table).where(is_it).values(ping_pending=False))


async def resume(session: AsyncSession, endpoint_id: int, *, start: Start | None = None) -> Endpoint:
    """Send again, from where it was; with `start` NOW without what happened in between. Endpoints of other formats than
    STANDARD are never sent that.

    What it missed may have been pruned: only active endpoints keep the ledger from it. Then it has to be said where it
    goes on. Refuses with: WEBHOOK_NOT_FOUND, EVENTS_PRUNED.
    """
    if session.get_bind().dialect.name == "postgresql":  # nothing is pruned between the look and the commit
        await session.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
    endpoint = await known(session, endpoint_id)
    position = endpoint.position
    if start is Start.NOW or endpoint.format != STANDARD:
        position = await change_feed.horizon(session)
    elif (gap := await gap_of(session, endpoint)) is not None:
        if start is None:
            raise InventoryError(ErrorCode.EVENTS_PRUNED, gap.message, "start")
        position = gap.last
    await _resume_waiting(session, endpoint_id, skip=start is Start.NOW)
    values = {"status": Status.ACTIVE.value, "disabled_reason": None, "position": position}
    return await _written(session, endpoint_id, {**values, "failures": 0, "failing_since": None, "retry_at": None})


async def _resume_waiting(session: AsyncSession, endpoint_id: int, *, skip: bool) -> None:
    """What waits is tried at once, and its schedule begins anew; or it is given up."""
    now = datetime.now(UTC)
    values = {"status": "failed", "error": _SKIPPED} if skip else {"next_at": now, "first_at": None}
    waiting = update(_delivery).where(_delivery.c.endpoint_id == endpoint_id, _delivery.c.status == "waiting")
    await session.execute(waiting.values({**values, "updated_at": now}))


@dataclass(frozen=True, slots=True)
class Gap:
    """Changes of stock that an endpoint has not had and that were pruned: those after `after` and up to `last`."""

    after: int
    last: int

    @property
    def message(self) -> str:
        """What to do about it."""
        return (
            f"This endpoint has had everything up to sequence {self.after}, and changes of stock up to sequence "
            f"{self.last} have been pruned from the ledger since: they cannot be sent any more. Read stock anew where "
            f"that matters, and resume from {Start.OLDEST} (with what is left) or from {Start.NOW}."
        )


async def gap_of(session: AsyncSession, endpoint: Endpoint) -> Gap | None:
    """What an endpoint will not be sent because it was pruned."""
    if Topic.STOCK_CHANGED not in webhook_topics.expanded(endpoint.topics):
        return None
    last = await openings.pruned_up_to(session)
    return Gap(endpoint.position, last) if endpoint.position < last else None


async def by_id(session: AsyncSession, endpoint_id: int) -> Endpoint | None:
    """One endpoint; None when there is none of that number."""
    row = (await session.execute(select(_table).where(_table.c.id == endpoint_id))).mappings().one_or_none()
    return None if row is None else Endpoint.of(dict(row))


async def known(session: AsyncSession, endpoint_id: int) -> Endpoint:
    """One endpoint. Refuses with: WEBHOOK_NOT_FOUND."""
    endpoint = await by_id(session, endpoint_id)
    if endpoint is None:
        raise InventoryError(ErrorCode.WEBHOOK_NOT_FOUND, f"There is no webhook endpoint {endpoint_id}.", "id")
    return endpoint


async def page(
    session: AsyncSession, *, after: int = 0, limit: int = 100, format_: str | None = None
) -> list[Endpoint]:
    """The first endpoints with numbers above one, in the order of their numbers; `format_`: only those of a format."""
    found = select(_table).where(_table.c.id > after).order_by(_table.c.id).limit(limit)
    if format_ is not None:
        found = found.where(_table.c.format == format_)
    return [Endpoint.of(dict(row)) for row in (await session.execute(found)).mappings()]


async def _written(session: AsyncSession, endpoint_id: int, values: Mapping[str, Any]) -> Endpoint:
    now = datetime.now(UTC)
    await session.execute(update(_table).where(_table.c.id == endpoint_id).values({**values, "updated_at": now}))
    return await known(session, endpoint_id)


def _stored(values: Mapping[str, Any]) -> dict[str, Any]:
    lists = {"topics", "location_ids", "product_ids"}
    return {name: list(value) if name in lists and value is not None else value for name, value in values.items()}


def _check(values: Mapping[str, Any], format_: str) -> None:
    """What does not fit. Whether webhooks may be sent to a URL is said in gateway/webhooks/targets.py."""
    refused = list(webhook_topics.problems(values["topics"])) if "topics" in values and format_ == STANDARD else []
    name = values.get("name", "-")
    if not name.strip() or len(name) > NAME_LENGTH_MAX or not is_storable(name):
        message = f"It must be text of 1 to {NAME_LENGTH_MAX} characters."
        refused.append(Refused(ErrorCode.INVALID_VALUE, message, "name"))
    for column, field_ in (("location_ids", "locations"), ("product_ids", "products")):
        ids = values.get(column)
        if ids is not None and not 1 <= len(ids) <= FILTER_MAX:
            message = f"It must name 1 to {FILTER_MAX}; leave it out, or give null, for all."
            refused.append(Refused(ErrorCode.INVALID_VALUE, message, field_))
    if refused:
        raise EndpointRefusedError(refused)
