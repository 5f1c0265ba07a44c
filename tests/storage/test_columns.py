"""Prices and times: exact, and the same text from Python as from both engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.changes import PRICE_MAX
from storage.columns import price_text, scaled, timestamp_text, unscaled
from storage.database import Database
from storage.json_sql import printed
from storage.tables import LedgerEntry, StockChangeGroup
from storage.upsert import insert_rows, table_of
from tests.builders import EPOCH

SCALED_MAX = int(PRICE_MAX * 10_000)
PRICES = sorted(
    {0, 1, 9, 10, 99, 100, 101, 110, 999, 1_000, 9_999, 10_000, 10_001, 10_100, 199_900, 50_000, SCALED_MAX}
)
TIMES = [
    EPOCH,
    EPOCH.replace(microsecond=0),
    EPOCH + timedelta(microseconds=1),
    datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 3, 29, 3, 0, tzinfo=timezone(timedelta(hours=3))),
    datetime(2026, 3, 29, 0, 0, 0, 1, tzinfo=UTC),
]


@pytest.mark.parametrize(
    ("price", "text"),
    [
        ("19.9900", "19.99"),
        ("5", "5.00"),
        ("0", "0.00"),
        ("0.0001", "0.0001"),
        ("1.25", "1.25"),
        ("1.125", "1.125"),
        ("99999999.9999", "99999999.9999"),
    ],
)
def test_a_price_keeps_two_decimals_and_drops_further_zeros(price: str, text: str) -> None:
    assert price_text(Decimal(price)) == text


def test_no_price_has_no_text() -> None:
    assert (price_text(None), scaled(None), unscaled(None)) == (None, None, None)


@given(st.integers(0, SCALED_MAX))
def test_a_price_is_stored_exactly(stored: int) -> None:
    price = unscaled(stored)
    assert scaled(price) == stored
    assert price is not None
    assert Decimal(price_text(price) or "") == price


since_1900 = datetime.fromisoformat("1900-01-01")
times = st.datetimes(since_1900, timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7))])).filter(
    lambda time: time.year < 9999
)


@given(times, times)
def test_the_text_of_times_sorts_as_they_do(one: datetime, other: datetime) -> None:
    texts = timestamp_text(one), timestamp_text(other)
    assert (texts[0] < texts[1]) == (one < other)
    assert datetime.fromisoformat(texts[0]) == one


async def _store(session: AsyncSession, prices: list[int], times: list[datetime]) -> None:
    groups = [{"id": n, "created_at": time} for n, time in enumerate(times, 1)]
    blank = dict.fromkeys(("dialect", "principal", "note", "reference", "request_id"), "")
    await insert_rows(session, StockChangeGroup, groups, shared=blank)
    entries = [{"sequence": n, "regular_price": unscaled(price)} for n, price in enumerate(prices, 1)]
    shared = {"group_id": 1, "line": 0, "product_id": 1, "location_id": 1, "delta": 0, "version": 1, "disabled": False}
    await insert_rows(
        session, LedgerEntry, [*entries, {"sequence": 0, "regular_price": None}], shared={**shared, "created_at": EPOCH}
    )


async def test_prices_print_in_sql_as_in_python_and_read_back_exactly(database: Database) -> None:
    prices = [*PRICES, *range(0, 20_000, 37), *(SCALED_MAX - n for n in range(0, 20_000, 41))]
    await database.transact(_store, prices, [EPOCH])
    entry = table_of(LedgerEntry).c

    async def read(session: AsyncSession) -> list[tuple[Decimal | None, str | None]]:
        query = select(entry.regular_price, printed(entry.regular_price)).order_by(entry.sequence)
        return [(price, text) for price, text in await session.execute(query)]

    expected = [None, *(unscaled(price) for price in prices)]
    assert await database.read(read) == [(price, price_text(price)) for price in expected]


async def test_times_read_back_print_and_sort_alike(database: Database) -> None:
    await database.transact(_store, [], TIMES)
    group = table_of(StockChangeGroup).c

    async def read(session: AsyncSession) -> list[tuple[datetime, str]]:
        query = select(group.created_at, printed(group.created_at)).order_by(group.created_at)
        return [(time, text) for time, text in await session.execute(query)]

    async def since(session: AsyncSession, moment: datetime) -> int:
        return len((await session.execute(select(group.id).where(group.created_at > moment))).all())

    assert await database.read(read) == [(time, timestamp_text(time)) for time in sorted(TIMES)]
    assert [await database.read(since, time) for time in sorted(TIMES)] == [5, 4, 3, 2, 1, 0]
