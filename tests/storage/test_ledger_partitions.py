"""The ledger on PostgreSQL: months are made ahead, and readers read of each no more than they need."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import BigInteger, ClauseElement, Executable, Select, bindparam, literal, select, text, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.compiler import compiles

from storage import feed_entries, ledger_partitions
from storage.conditions import on_hand_at
from storage.database import Database
from storage.feed_rows import rows_between
from storage.ledger_partitions import MONTHS_AHEAD, Month
from storage.tables import LedgerEntry
from storage.upsert import table_of

_entry = table_of(LedgerEntry).c
_NOW = Month.of(datetime.now(UTC))
_PAGE = 20
_FIRST = Month(2025, 1)
_FILLED = """
    INSERT INTO stock_change_group (id, dialect, principal, reference, request_id, created_at)
    VALUES (1, 'test', '', '', '', now());
    INSERT INTO ledger_entry (group_id, line, product_id, location_id, delta, on_hand, disabled, version, created_at)
    SELECT 1, n, n % 50 + 1, 1, 1, n, false, n, CAST(:start AS timestamptz) + n * interval '1 hour'
    FROM generate_series(0, 6 * 720) n ORDER BY n;
    ANALYZE ledger_entry"""


on_postgresql = pytest.mark.parametrize("template_url", ["postgresql"], indirect=True)


def test_months_follow_one_another_over_the_end_of_a_year() -> None:
    assert Month(2026, 11).later(2) == Month(2027, 1)
    assert Month(2026, 12).end == datetime(2027, 1, 1, tzinfo=UTC)
    assert Month(2026, 1).later(-1) == Month(2025, 12)
    assert [Month.of(datetime(2026, 1, 31, 23, 59, tzinfo=UTC)), Month(2026, 1).name] == [
        (2026, 1),
        "ledger_entry_2026_01",
    ]


async def test_months_that_are_missing_are_made_unless_their_entries_are_elsewhere(database: Database) -> None:
    if database.name == "sqlite":
        assert await database.transact(ledger_partitions.make_ahead) == []
        assert await database.read(ledger_partitions.months) == []
        return
    ahead = [_NOW.later(n) for n in range(MONTHS_AHEAD + 1)]
    assert await database.read(ledger_partitions.months) == ahead

    async def lose(session: AsyncSession) -> None:
        for month in (ahead[0], ahead[2]):
            await session.execute(text(f"DROP TABLE {month.name}"))
        await _write(session, ahead[0].start)

    await database.transact(lose)  # a write does not fail for want of a partition
    assert await database.transact(ledger_partitions.make_ahead) == [ahead[2]], "nothing is moved"
    assert await database.read(ledger_partitions.months) == ahead[1:]
    await database.transact(_write, ahead[2].start)
    assert await database.read(_places) == ["ledger_entry_default", ahead[2].name]


@on_postgresql
async def test_a_busy_ledger_is_not_waited_for_with_a_lock_held(database: Database) -> None:
    """Who asks for the whole table and waits makes all others wait behind him."""
    month = _NOW.later(MONTHS_AHEAD)
    async with database.engine.connect() as reader:
        await reader.execute(text("SELECT count(*) FROM ledger_entry"))  # holds its lock until the transaction ends
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ledger_partitions, "_ATTEMPTS", 2)
            assert not await database.transact(ledger_partitions.drop, month)
        await database.transact(_write, _NOW.start)
    assert await database.transact(ledger_partitions.drop, month)
    assert month not in await database.read(ledger_partitions.months)


def _feed_page(after: int) -> Select[Any]:
    bounds = [
        bindparam(name, value, type_=BigInteger()) for name, value in zip("abc", (after, 10**6, _PAGE), strict=True)
    ]
    return rows_between(*(lambda bound=bound: bound for bound in bounds), lambda _: true())


def _history() -> Select[Any]:
    found = select(_entry.sequence, _entry.delta).where(_entry.product_id == 7, _entry.location_id == 1)
    return found.order_by(_entry.sequence.desc()).limit(_PAGE)


_LEVEL = select(literal(7).label("product_id"), literal(1).label("location_id")).subquery().c
_BY_SEQUENCE, _BY_LEVEL, _BY_GROUP = "pkey", "product_id_location_id_sequence_idx", "group_id_line_idx"
_BOUNDED = {
    "a page of the feed from the first month": (_feed_page(0), _BY_SEQUENCE),
    "a page of the feed from the third": (_feed_page(1500), _BY_SEQUENCE),
    "the end of the feed": (_feed_page(4315), _BY_SEQUENCE),
    "the hub's page": (feed_entries._PAGE, _BY_SEQUENCE),
    "a level's history": (_history(), _BY_LEVEL),
    "one entry": (select(_entry.delta).where(_entry.sequence == 3000), _BY_SEQUENCE),
    "a group's line": (select(_entry.delta).where(_entry.group_id == 1, _entry.line == 17), _BY_GROUP),
    "a level in the past": (select(on_hand_at(_LEVEL, datetime(2025, 4, 1, tzinfo=UTC))), _BY_LEVEL),
}


class Explained(Executable, ClauseElement):
    """A statement, run for what PostgreSQL then says that it did."""

    inherit_cache = False

    def __init__(self, statement: Any) -> None:
        self.statement = statement


@compiles(Explained)
def _explain(element: Explained, compiler: Any, **kw: Any) -> str:
    return f"EXPLAIN (ANALYZE, FORMAT JSON) {compiler.process(element.statement, **kw)}"


@on_postgresql
async def test_readers_take_from_each_month_what_they_need_in_order(database: Database) -> None:
    async def fill(session: AsyncSession) -> None:
        for n in range(6):
            assert await ledger_partitions._make(session, _FIRST.later(n))
        for statement in _FILLED.split(";"):
            await session.execute(text(statement), {"start": _FIRST.start} if ":start" in statement else {})

    await database.transact(fill)
    values = {"after": 1500, "up_to": 10**6}
    async with database.engine.connect() as connection:
        for what, (statement, index) in _BOUNDED.items():
            [[[explained]]] = await connection.execute(Explained(statement), values)
            for node in _nodes(explained["Plan"]):
                read = node["Actual Rows"] * node["Actual Loops"] + node.get("Rows Removed by Filter", 0)
                assert read <= feed_entries.PAGE + 1, f"{what}: {node}"
                if read and "Index Name" in node:
                    assert node["Index Name"].endswith(index), f"{what}: {node}"


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


async def _write(session: AsyncSession, time: datetime) -> None:
    group = text(
        "INSERT INTO stock_change_group (dialect, principal, reference, request_id, created_at)"
        " VALUES ('test', '', '', '', :time) RETURNING id"
    )
    entry = text(
        "INSERT INTO ledger_entry (group_id, line, product_id, location_id, delta, disabled, version, created_at)"
        " VALUES (:group, 0, 1, 1, 1, false, 1, :time)"
    )
    await session.execute(entry, {"group": await session.scalar(group, {"time": time}), "time": time})


async def _places(session: AsyncSession) -> list[str]:
    return list(await session.scalars(text("SELECT tableoid::regclass::text FROM ledger_entry ORDER BY sequence")))
