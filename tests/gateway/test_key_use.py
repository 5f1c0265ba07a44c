"""What keys call: counted, written down, reported with what GraphQL has for it, and forgotten."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.background import Retention
from gateway.calls import Call
from gateway.cli import main
from gateway.dialects import DIALECTS
from gateway.key_uses import KeyUses
from gateway.metrics import known
from gateway.settings import Settings
from schema.equivalents import NOTHING, equivalent
from storage import key_use, migrations
from storage.database import Database
from storage.key_use import Used, Uses
from storage.sqlite_library import dbapi
from storage.tables import ApiKey
from tests.conftest import Keys

SET = "{inventorySet(input: {lines: [{product: {id: 1}, location: {id: 1}, quantity: %d}]}) {userErrors {code}}}"


async def test_a_key_is_told_what_it_calls_and_what_graphql_has_for_it(
    *,
    serve: Callable[..., Any],
    issue_key: Keys,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    catalogue: Database,
) -> None:
    token, idle = await issue_key("read", "write", "admin"), await issue_key("read")
    key = {"X-API-Key": token}
    update = {"sku": "SKU-1", "location_slug": "location-1"}
    async with serve() as client:
        for stock in (5, 6, -1):
            await client.post("/mulopimfwc/v1/inventory/update", json={**update, "stock": stock}, headers=key)
        await client.get("/wp-json/wc/v3/data/currencies", auth=("any", token))
        await client.get("/wp-json/wc/v3/products/1", auth=("any", token))
        await client.get("/wp-json/wc/v3/unheard-of", auth=("any", token))
        await client.post("/graphql", json={"query": f"mutation Mine {SET % 7}"}, headers=key)
        await client.post("/graphql", json={"query": "{ viewer { scopes } }"})
        await client.app.state.key_uses.record()  # twice, so that the second adds to the first
        await client.post("/graphql", json={"query": f"mutation {SET % 8}"}, headers=key)
        await client.app.state.key_uses.record()
        asked = "{ viewer { key { routes(days: 2) { dialect route calls writes refused graphql } } } }"
        answer = (await client.post("/graphql", json={"query": asked}, headers=key)).json()
        told = {
            (row["dialect"], row["route"]): (row["calls"], row["writes"], row["refused"], row["graphql"])
            for row in answer["data"]["viewer"]["key"]["routes"]
        }
        refused = await client.post("/graphql", json={"query": asked.replace("2", "401")}, headers=key)
        assert refused.json()["errors"][0]["message"] == "`days` must be from 1 to 400, not 401."
    updated = "POST /wp-json/mulopimfwc/v1/inventory/update"
    assert told[("mulopimfwc/v1", updated)] == (3, 2, 1, "mutation inventoryUpdate")
    assert told[("wc/v3", "GET /wp-json/wc/v3/products/{id}")] == (1, 0, 0, "query product")
    assert told[("wc/v3", "GET /wp-json/wc/v3/data/currencies")] == (1, 0, 0, NOTHING)
    assert told[("graphql", "mutation inventorySet")] == (2, 2, 0, None)
    assert len(told) <= 5

    old = datetime.now(UTC) - timedelta(days=90)

    async def age(session: Any) -> None:
        for row in (await session.execute(ApiKey.__table__.select())).all():
            (await session.get(ApiKey, row.id)).created_at = old

    await catalogue.transact(age)
    monkeypatch.setenv("STOCKGATE_DATABASE_URL", settings.database_url.get_secret_value())
    printed = await _ran(capsys, "key", "report")
    assert "mutation inventoryUpdate" in printed
    assert "Unused for 30 days: key 2 (test), last used never." in printed
    assert token not in printed + idle
    report = json.loads(await _ran(capsys, "key", "report", "1", "--days", "3", "--json"))
    assert {row["key"] for row in report["routes"]} == {1}
    assert report["unused"] == []
    assert await _ran(capsys, "key", "report", "2", "--days", "1") == (
        "Nothing was called in 1 days.\nUnused for 1 days: key 2 (test), last used never.\n"
    )
    with pytest.raises(SystemExit) as ended:
        await _ran(capsys, "key", "report", "99")
    assert ended.value.code == 1
    assert "There is no API key 99" in capsys.readouterr().err


async def _ran(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command prints. It has an event loop of its own."""
    capsys.readouterr()

    def run() -> int:
        try:
            main(arguments)
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    if code := await asyncio.to_thread(run):
        raise SystemExit(code)
    return capsys.readouterr().out


async def test_what_was_called_is_kept_for_four_hundred_days_and_no_longer(
    database: Database, settings: Settings
) -> None:
    now = datetime.now(UTC)
    days = [str((now - timedelta(days=back)).date()) for back in (0, 399, 401, 800)]
    await database.transact(
        key_use.record,
        {Used(1, day, "graphql", "query product"): Uses(calls=1, last_at=now.timestamp()) for day in days},
    )
    await Retention(settings, database).forget_key_use()
    [route] = await database.read(key_use.report, days=1000, api_key_id=1)
    assert route.calls == 2


async def test_what_cannot_be_written_down_is_counted_further(tmp_path: Path) -> None:
    without_tables = Database(f"sqlite:///{tmp_path}/empty.db")
    uses = KeyUses(without_tables)
    for number in range(1, 101):
        uses.finished(Call(key_id=number, dialect="graphql", operation="query product"), 200, 0.1)
    uses.finished(Call(dialect="graphql"), 401, 0.1)
    for _ in range(2):
        with pytest.raises(dbapi.OperationalError):
            await uses.record()
        uses.finished(Call(key_id=7, dialect="graphql", operation="query product"), 200, 0.1)
    await migrations.upgrade(without_tables)
    await uses.record()
    counted = await without_tables.read(key_use.report, days=1)
    await without_tables.close()
    assert {route.api_key_id: route.calls for route in counted} == {**dict.fromkeys(range(1, 101), 1), 7: 3}


def test_every_route_that_changes_something_has_its_like_in_graphql() -> None:
    routes = [(dialect, route) for dialect, route in known.operations_of([], DIALECTS) if dialect != "graphql"]
    without = [route for dialect, route in routes if equivalent(dialect, route) == NOTHING]
    assert routes
    assert not [route for route in without if not route.startswith("GET ") and route != "other"]
    assert equivalent("wc/v3", "GET /wp-json/wc/v3/products/{product_id}/variations/{id}") == "query product"
