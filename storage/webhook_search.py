"""Webhook endpoints as dialects list them: those of one format, found by their names and dates, page by page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.conditions import like_pattern
from storage.json_rows import among, json_text
from storage.product_queries import WHENEVER, Range
from storage.tables import WebhookEndpoint
from storage.upsert import table_of
from storage.webhook_endpoints import Endpoint, Status

_table: Final = table_of(WebhookEndpoint)


class OrderBy(StrEnum):
    """What endpoints are sorted by. Ties are sorted by id, in the same direction."""

    CREATED = "created"
    ID = "id"
    NAME = "name"


_COLUMNS: Final[Mapping[OrderBy, ColumnElement[Any]]] = {
    OrderBy.CREATED: _table.c.created_at,
    OrderBy.ID: _table.c.id,
    OrderBy.NAME: func.lower(_table.c.name),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which endpoints. `words` is a part of the name, in any letter case; None and '' ask for nothing."""

    format: str
    words: str = ""
    status: Status | None = None
    ids: tuple[int, ...] | None = None
    excluded_ids: tuple[int, ...] = ()
    created: Range = WHENEVER
    order_by: OrderBy = OrderBy.CREATED
    descending: bool = True


async def page(session: AsyncSession, wanted: Wanted, *, offset: int, limit: int) -> tuple[int, list[Endpoint]]:
    """How many there are in all, and these of them. Two statements."""
    condition = and_(*_conditions(wanted))
    lists = {"ids": json_text(wanted.ids or ()), "excluded": json_text(wanted.excluded_ids)}
    total: int = (await session.execute(select(func.count()).select_from(_table).where(condition), lists)).scalar_one()
    order = [_COLUMNS[wanted.order_by], _table.c.id]
    rows = (
        select(_table)
        .where(condition)
        .order_by(*(column.desc() if wanted.descending else column.asc() for column in order))
        .offset(offset)
        .limit(limit)
    )
    return total, [Endpoint.of(dict(row)) for row in (await session.execute(rows, lists)).mappings()]


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [_table.c.format == wanted.format]
    if wanted.words:
        pattern = like_pattern(wanted.words, str.lower)
        conditions.append(func.lower(_table.c.name).like(pattern, escape="\\"))
    if wanted.status is not None:
        conditions.append(_table.c.status == wanted.status.value)
    if wanted.ids is not None:
        conditions.append(among(_table.c.id, "ids"))
    if wanted.excluded_ids:
        conditions.append(~among(_table.c.id, "excluded"))
    if wanted.created.start is not None:
        conditions.append(_table.c.created_at >= wanted.created.start)
    if wanted.created.end is not None:
        conditions.append(_table.c.created_at < wanted.created.end)
    return conditions
