"""What API keys call: counted by key, day, dialect and route, kept for a while, and reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import func, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from storage import retention
from storage.json_rows import json_text, rows_from
from storage.prepared import Prepared
from storage.tables import KeyUse
from storage.upsert import table_of

KEPT_DAYS: Final = 400
"""A year, and what somebody who looks once a year is late."""
_KEY: Final = ("api_key_id", "day", "dialect", "route")
_COUNTED: Final = ("calls", "writes", "refused")
_INSERTS: Final = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class Used(NamedTuple):
    """What was called: by which key, on which day, by which dialect's route."""

    api_key_id: int
    day: str
    dialect: str
    route: str


@dataclass(slots=True)
class Uses:
    """How often; how often it wrote something, and how often it, or a part of it, was refused."""

    calls: int = 0
    writes: int = 0
    refused: int = 0
    last_at: float = 0.0
    """In Unix seconds."""


@dataclass(frozen=True, slots=True)
class Route:
    """One route that a key called, over several days."""

    api_key_id: int
    dialect: str
    route: str
    calls: int
    writes: int
    refused: int
    last_at: datetime


def _statement(engine: str) -> Prepared:
    """Adds to what is there."""
    table = table_of(KeyUse)
    names = (*_KEY, *_COUNTED, "last_at")
    incoming = rows_from("rows", {name: table.c[name].type for name in names}).values()
    rows = select(*incoming).where(literal_column("1") == literal_column("1"))  # as in storage/upsert.py
    statement: Any = _INSERTS[engine](table).from_select(list(names), rows)
    added = {name: table.c[name] + statement.excluded[name] for name in _COUNTED}
    last = {"last_at": statement.excluded.last_at}
    return Prepared(statement.on_conflict_do_update(index_elements=list(_KEY), set_={**added, **last}))


_ADD: Final = {engine: _statement(engine) for engine in _INSERTS}


async def record(session: AsyncSession, used: Mapping[Used, Uses]) -> None:
    """Add what was counted since: one statement, whatever it is."""
    rows = [
        [*key, uses.calls, uses.writes, uses.refused, datetime.fromtimestamp(uses.last_at, UTC)]
        for key, uses in sorted(used.items())
    ]
    if rows:
        await _ADD[session.get_bind().dialect.name].write(session, {"rows": json_text(rows)})


async def report(
    session: AsyncSession, *, days: int, api_key_id: int | None = None, today: date | None = None
) -> Sequence[Route]:
    """What keys, or one of them, called in so many days, today among them: the latest first."""
    use = table_of(KeyUse).c
    sums = [func.sum(use[name]) for name in _COUNTED]
    last = func.max(use.last_at)
    asked = select(use.api_key_id, use.dialect, use.route, *sums, last).where(use.day >= first_day(days, today))
    if api_key_id is not None:
        asked = asked.where(use.api_key_id == api_key_id)
    rows = await session.execute(
        asked.group_by(use.api_key_id, use.dialect, use.route).order_by(
            use.api_key_id, last.desc(), use.route, use.dialect
        )
    )
    return [_route(tuple(row)) for row in rows]


def _route(row: tuple[Any, ...]) -> Route:
    calls, writes, refused = map(int, row[3:6])  # sums are decimals on one engine
    return Route(row[0], row[1], row[2], calls, writes, refused, row[6])


def first_day(days: int, today: date | None = None) -> str:
    """The first of so many days that end today."""
    return str((today or datetime.now(UTC).date()) - timedelta(days=max(days, 1) - 1))


async def forget(session: AsyncSession, before: date) -> int:
    """Remove the first rows of days before that, and say how many."""
    return await retention.remove_first(session, KeyUse, by="day", before=str(before))
