"""The day's digest of low stock: told once, whoever looks, and only to whoever wants it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import orjson
import pytest
from pydantic import ValidationError

from gateway.background import LowStockDigest
from gateway.settings import Settings
from storage import change_feed, webhook_endpoints, webhook_events, webhook_payloads
from storage.database import Database
from storage.low_stock_digest import last_due
from storage.tables import CatalogChange
from tests.storage import shortages
from tests.storage.reading import rows
from tests.storage.test_webhook_events import an_endpoint

NOW = datetime.now(UTC)
AT = Settings(low_stock_digest_at=f"{(NOW - timedelta(minutes=5)):%H:%M}")


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-03-28T07:29+01:00", "2026-03-27T07:30+01:00"),
        ("2026-03-28T07:30+01:00", "2026-03-28T07:30+01:00"),
        ("2026-03-28T23:59+01:00", "2026-03-28T07:30+01:00"),
        ("2026-03-29T06:00+02:00", "2026-03-28T07:30+01:00"),  # the clocks went forward in the night
        ("2026-03-29T05:30+00:00", "2026-03-29T07:30+02:00"),
    ],
)
def test_it_is_due_at_that_time_of_the_shops_day(now: str, due: str) -> None:
    found = last_due(datetime.fromisoformat(now), time(7, 30), ZoneInfo("Europe/Vienna"))
    assert found == datetime.fromisoformat(due)


async def _notices(database: Database) -> int:
    return sum(row["kind"] == "low_stock_digest" for row in await rows(database, CatalogChange))


async def test_of_many_processes_one_tells_it_once_a_day_to_endpoints_that_want_it(database: Database) -> None:
    await shortages.fill(database)
    assert not await LowStockDigest(AT, database).tell()
    assert await _notices(database) == 0, "nobody wants it"
    endpoint = await database.transact(webhook_endpoints.create, an_endpoint(topics=("low_stock.digest",)))
    processes = [LowStockDigest(AT, database) for _ in range(4)]
    told = await asyncio.gather(*(process.tell(NOW) for process in processes))
    assert (sorted(told), await _notices(database)) == ([False, False, False, True], 1)
    assert not any([await process.tell(NOW) for process in [*processes, LowStockDigest(AT, database)]])
    assert not await LowStockDigest(Settings(), database).tell(NOW), "off by default"
    tomorrow = NOW + timedelta(days=1)
    assert await processes[0].tell(tomorrow)
    assert await _notices(database) == 2

    horizon = await database.read(change_feed.horizon)
    events, _ = await database.read(webhook_events.read, endpoint, endpoint.position, horizon, 10)
    assert [event.topic for event in events] == ["low_stock.digest"] * 2
    texts = await database.read(webhook_payloads.payloads, events[:1])
    document = orjson.loads(texts[events[0].sequence])
    assert document["type"] == "low_stock.digest"
    assert {name: document["data"][name] for name in ("low", "out", "days")} == {"low": 4, "out": 1, "days": 28}
    assert [level["item"]["sku"] for level in document["data"]["levels"]] == ["SKU-5", "SKU-1", "SKU-3", "SKU-6"]
    assert document["data"]["levels"][1] == {
        "item": {"id": 1, "sku": "SKU-1", "name": "Product 1"}, "location": {"id": 1, "name": "Location 1"},
        "available": 4, "threshold": 5, "thresholdSource": "product", "deficit": 1, "outflowPerDay": 0.36,
        "daysOfCover": 11.2,
    }  # fmt: skip


def test_a_time_that_is_none_is_refused() -> None:
    for wrong in ("7:30", "24:00", "07:30Z", "noon"):
        with pytest.raises(ValidationError):
            Settings(low_stock_digest_at=wrong)
