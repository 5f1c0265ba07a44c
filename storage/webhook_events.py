"""The events of a webhook endpoint: what it wants of the change feed, page by page, in order.

The ledger, the catalogue's changes and the alerts are the outbox: nothing is written for an event, and whoever reads
with a position gets each one once. A page reads a stretch of the feed that is so short that a backlog of any length,
of which an endpoint wants next to nothing, is gone through in statements that are all short.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    UnaryExpression,
    and_,
    bindparam,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.operators import custom_op

from storage import webhook_topics
from storage.columns import Id
from storage.json_rows import among, among_found, json_text
from storage.prepared import Prepared
from storage.tables import CatalogChange, LedgerEntry, Product, StockAlert
from storage.upsert import table_of
from storage.webhook_endpoints import Endpoint
from storage.webhook_topics import Kinds, Topic

STRETCH: Final = 20_000
"""Sequences that one page reads through at most."""
_PREFIX: Final = "evt_"
_entry: Final = table_of(LedgerEntry).alias("entry")
_change: Final = table_of(CatalogChange).alias("change")
_alert: Final = table_of(StockAlert).alias("alert")


@dataclass(frozen=True, slots=True)
class Event:
    """One event: of a level with both ids, of a product or a location with one, else of the whole.

    An alert has its `cause`, the sequence of the change that it was found at, with what was available then and the
    threshold. A finished import has its `import_job_id`.
    """

    sequence: int
    topic: Topic
    product_id: int | None
    location_id: int | None
    created_at: datetime
    cause: int | None = None
    available: int | None = None
    threshold: int | None = None
    import_job_id: int | None = None

    @property
    def id(self) -> str:
        """What receivers know it by: the same at each attempt, and for every endpoint."""
        return f"{_PREFIX}{self.sequence}"


async def read(
    session: AsyncSession, endpoint: Endpoint, after: int, up_to: int, limit: int
) -> tuple[list[Event], int]:
    """The first events of an endpoint with sequences from after `after` up to `up_to`, and how far that was read.

    `up_to` is a horizon of the change feed (change_feed.horizon), asked for before. There may be more events until the
    second value is `up_to`, even when there were none. One statement, or none.
    """
    kinds = Kinds(webhook_topics.expanded(endpoint.topics))
    last = min(up_to, after + STRETCH)
    shape = _Shape.of(kinds, endpoint)
    if not shape.arms or last <= after:
        return [], up_to if not shape.arms else last
    values = {
        "after": after,
        "up_to": last,
        "limit": limit,
        "product_kinds": json_text(kinds.products),
        "location_kinds": json_text(kinds.locations),
        "notices": json_text(kinds.notices),
        "alerts": json_text(kinds.alerts),
        "products": json_text(endpoint.product_ids or []),
        "locations": json_text(endpoint.location_ids or []),
    }
    events = [_Row(*row).to_event() for row in await _statement(shape).rows(session, values)]
    return events, events[-1].sequence if len(events) == limit else last


class _Row(NamedTuple):
    """What the statement finds. `source` is the table that it comes from."""

    sequence: int
    source: str
    kind: str
    product_id: int | None
    location_id: int | None
    created_at: datetime
    cause: int | None
    available: int | None
    threshold: int | None
    import_job_id: int | None

    @property
    def topic(self) -> Topic:
        if self.source == "entry":
            return Topic.STOCK_CHANGED
        if self.source == "alert":
            return webhook_topics.of_alert(self.kind)
        if self.product_id is not None:
            return webhook_topics.of_product(self.kind)
        return (
            webhook_topics.of_notice(self.kind) if self.location_id is None else webhook_topics.of_location(self.kind)
        )

    def to_event(self) -> Event:
        sequence, _, _, product_id, location_id, created_at, *rest = self
        return Event(sequence, self.topic, product_id, location_id, created_at, *rest)


class _Shape(NamedTuple):
    """What the text of the statement depends on."""

    entries: bool
    alerts: bool
    products: bool
    locations: bool
    notices: bool
    by_product: bool
    by_location: bool

    @classmethod
    def of(cls, kinds: Kinds, endpoint: Endpoint) -> _Shape:
        return cls(
            kinds.entries,
            bool(kinds.alerts),
            bool(kinds.products),
            bool(kinds.locations),
            bool(kinds.notices),
            endpoint.product_ids is not None,
            endpoint.location_ids is not None,
        )

    @property
    def arms(self) -> bool:
        """Whether anything is wanted at all."""
        return any(self[:5])


@lru_cache(maxsize=128)
def _statement(shape: _Shape) -> Prepared:
    """Each arm is limited by itself, so that each reads its primary key only as far as the page goes."""
    arms = [arm(shape) for wanted, arm in zip(shape, _ARMS, strict=False) if wanted]
    both = union_all(*(select(arm.subquery()) for arm in arms)).subquery("events")
    return Prepared(select(both).order_by(both.c.sequence).limit(bindparam("limit", type_=Id)))


def _of_entries(shape: _Shape) -> Select[Any]:
    rest = [
        literal_column("CAST(NULL AS BIGINT)", Id).label(name)
        for name in ("cause", "available", "threshold", "import_job_id")
    ]
    return _narrowed(shape, _entry, "entry", literal_column("CAST(NULL AS TEXT)", Text()), rest)


def _of_alerts(shape: _Shape) -> Select[Any]:
    rest = [
        _alert.c.cause,
        _alert.c.available,
        _alert.c.threshold,
        literal_column("CAST(NULL AS BIGINT)", Id).label("import_job_id"),
    ]
    return _narrowed(shape, _alert, "alert", _alert.c.kind, rest).where(among(_alert.c.kind, "alerts"))


def _of_products(shape: _Shape) -> Select[Any]:
    is_wanted = and_(_change.c.product_id.is_not(None), among(_change.c.kind, "product_kinds"))
    return _narrowed(shape._replace(by_location=False), _change, "change", _change.c.kind, _NOTHING).where(is_wanted)


def _of_locations(shape: _Shape) -> Select[Any]:
    is_wanted = and_(
        _change.c.location_id.is_not(None), _change.c.product_id.is_(None), among(_change.c.kind, "location_kinds")
    )
    return _narrowed(shape._replace(by_product=False), _change, "change", _change.c.kind, _NOTHING).where(is_wanted)


def _of_notices(shape: _Shape) -> Select[Any]:
    everything = shape._replace(by_product=False, by_location=False)
    is_wanted = among(_change.c.kind, "notices")
    return _narrowed(everything, _change, "change", _change.c.kind, _NOTHING).where(is_wanted)


_NOTHING: Final = [
    *(literal_column("CAST(NULL AS BIGINT)", Id).label(name) for name in ("cause", "available", "threshold")),
    _change.c.import_job_id,
]
_ARMS: Final[tuple[Callable[[_Shape], Select[Any]], ...]] = (
    _of_entries,
    _of_alerts,
    _of_products,
    _of_locations,
    _of_notices,
)
"""In the order of the first fields of _Shape."""


def _narrowed(shape: _Shape, table: Any, source: str, kind: Any, rest: list[Any]) -> Select[Any]:
    """The first rows of one table in the stretch that pass the filters of the endpoint."""
    row, product = table.c, table_of(Product).alias("product")
    found = (
        select(
            row.sequence,
            literal_column(f"'{source}'", Text()).label("source"),
            kind.label("kind"),
            row.product_id,
            row.location_id,
            row.created_at,
            *rest,
        )
        .where(row.sequence > bindparam("after", type_=Id), row.sequence <= bindparam("up_to", type_=Id))
        .order_by(row.sequence)
        .limit(bindparam("limit", type_=Id))
    )
    if shape.by_location:
        found = found.where(among(_in_passing(row.location_id), "locations"))
    if shape.by_product:  # of a variable product all its variations are meant, too
        family = select(product.c.id).where(
            or_(among(product.c.id, "products"), among(product.c.parent_id, "products"))
        )
        found = found.where(among_found(_in_passing(row.product_id), family))
    return found


def _in_passing(column: Any) -> ColumnElement[Any]:
    """A column to be looked at while the stretch is read in order: an index by it would find all that ever was."""
    return UnaryExpression(column, operator=custom_op("+"), type_=column.type)
