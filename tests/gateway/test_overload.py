"""What is told when more is asked of the database than it can take, and who is served first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import httpx
import pytest

from gateway.app import create_app
from gateway.settings import Settings
from storage.database import Database
from storage.turnstile import Turnstile
from tests.conftest import Keys
from tests.gateway.live.live_server import serving, settled, websocket

Call = tuple[str, str, dict[str, Any]]
UPDATE: Final = "mutation { inventoryUpdate(input: {product: {id: 1}, location: {id: 1}, onHand: 7}) { replayed } }"
READ: Final = "{ product(id: 1) { sku } }"
CHANGES: Final[list[Call]] = [
    ("POST", "/graphql", {"json": {"query": UPDATE}}),
    ("PUT", "/wp-json/wc/v3/products/1", {"json": {"global_unique_id": "000000000017"}}),
    ("POST", "/wp-json/mulopimfwc/v1/inventory/update", {"json": {"sku": "SKU-1", "location_id": 1, "stock": 7}}),
    ("PATCH", "/api/v2/inventory/sku/SKU-1", {"json": {"warehouses": [{"id": 1, "stock": 7}]}}),
    ("POST", "/api/product/inventory", {"json": {"upc": "000000000017", "store": "1", "quantity": 7}}),
]
READS: Final[list[Call]] = [
    ("POST", "/graphql", {"json": {"query": READ}}),
    ("GET", "/api/changes", {}),
    ("GET", "/wp-json/wc/v3/products", {}),
    ("GET", "/wp-json/mulopimfwc/v1/inventory/export?format=csv", {}),
    ("GET", "/wp-json/mulopimfwc/v1/inventory/export", {}),
    ("GET", "/api/v2/inventory/sku/SKU-1", {}),
]


@asynccontextmanager
async def full(*turnstiles: Turnstile) -> AsyncIterator[None]:
    """Every place is taken."""
    async with AsyncExitStack() as stack:
        for turnstile in set(turnstiles):
            while turnstile._free:
                await stack.enter_async_context(turnstile)
        yield


def of_key(call: Call, key: str) -> tuple[str, str, dict[str, Any]]:
    """The request as that dialect's clients send their key."""
    method, path, options = call
    if "wc/v3" in path or "api/v2" in path:
        return method, path, {**options, "auth": ("till", key)}
    headers = {"Authorization": f"Bearer {key}"} if "product/inventory" in path else {"X-API-Key": key}
    return method, path, {**options, "headers": headers}


async def entries(database: Database) -> int:
    [[count]] = await database.fetch_rows("SELECT count(*) FROM ledger_entry", ())
    return int(count)


async def test_one_too_many_is_told_when_to_come_again_in_every_dialect_and_nothing_is_written(
    serve: Any, catalogue: Database, issue_key: Keys
) -> None:
    key = await issue_key("read", "write", "admin")
    async with serve(waiting_tills_max=0, waiting_bulks_max=0, waiting_exports_max=0, key_cache_seconds=5) as client:
        database: Database = client.app.state.database
        for call in CHANGES + READS:
            method, path, options = of_key(call, key)
            assert (await client.request(method, path, **options)).is_success, call
        written = await entries(catalogue)
        async with full(*database.turnstiles):
            for call in CHANGES + READS:
                method, path, options = of_key(call, key)
                response = await client.request(method, path, **options)
                retry_after = "10" if "export" in path else "1"
                assert (response.status_code, response.headers.get("retry-after")) == (503, retry_after), call
                _of_dialect(path, response)
        assert await entries(catalogue) == written
        assert (await client.post("/graphql", json={"query": READ}, headers={"X-API-Key": key})).is_success


def _of_dialect(path: str, response: httpx.Response) -> None:
    """The dialect's own shape."""
    told: Any = response.json()
    if path == "/graphql":
        [error] = told["errors"]
        assert error["extensions"] == {"code": "OVERLOADED", "retryAfter": 1}
        assert "data" not in told
    elif path == "/api/changes":
        assert told["error"]["code"] == "OVERLOADED"
    elif path.startswith("/wp-json"):
        assert (told["code"], told["data"]["status"]) == ("service_unavailable", 503)
    elif path.startswith("/api/v2"):
        assert told["error"]["code"] == "service_unavailable"
    else:
        assert response.headers["x-error-code"] == "service_unavailable"
    assert "Too many requests wait for the database" in response.text


@pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
async def test_a_websocket_is_told_so_for_the_one_operation(
    settings: Settings, catalogue: Database, issue_key: Keys
) -> None:
    key = await issue_key("read", "write")
    app = create_app(settings.model_copy(update={"waiting_tills_max": 0}))
    async with serving(app) as server, websocket(server) as client:
        await client.initialise(key)
        async with full(*app.state.database.turnstiles):
            await client.subscribe(UPDATE)
            told = await client.receive()
        assert told["type"] == "error"
        assert told["payload"][0]["extensions"] == {"code": "OVERLOADED", "retryAfter": 1}
        await client.subscribe(UPDATE, "2")
        assert await client.next("2") == {"inventoryUpdate": {"replayed": False}}
    assert await entries(catalogue) == 1


async def test_who_has_written_is_told_what_came_of_it_however_many_wait(serve: Any, issue_key: Keys) -> None:
    key = await issue_key("read", "write")
    query = UPDATE.replace("replayed", "stockLevel { onHand }")
    async with serve(waiting_tills_max=0) as client:
        texts = client.app.state.database.turnstiles.texts
        await client.post("/graphql", json={"query": READ}, headers={"X-API-Key": key})
        async with full(texts):
            asked = asyncio.create_task(client.post("/graphql", json={"query": query}, headers={"X-API-Key": key}))
            await settled(lambda: len(texts._line) == 1)
        assert (await asked).json() == {"data": {"inventoryUpdate": {"stockLevel": {"onHand": 7}}}}


async def test_over_http_a_till_overtakes_bulks_that_wait(
    settings: Settings, catalogue: Database, issue_key: Keys
) -> None:
    key = await issue_key("read", "write")
    app = create_app(settings.model_copy(update={"database_connections_max": 1}))
    bulk = {"items": [{"sku": "SKU-1", "location_id": 1, "stock": n} for n in range(25)]}
    cart = {"items": [{"sku": "SKU-2", "location_id": 2, "stock": n} for n in range(3)]}
    headers = {"X-API-Key": key}
    async with (
        serving(app) as server,
        httpx.AsyncClient(base_url=f"http://{server.address}", headers=headers) as client,
    ):
        writes = app.state.database.turnstiles.writes
        assert (await client.get("/api/changes")).is_success  # the key is known from here on
        async with full(writes):
            asked: list[asyncio.Task[httpx.Response]] = []
            for body in (bulk, bulk, cart, bulk, cart):
                asked.append(asyncio.create_task(client.post("/wp-json/mulopimfwc/v1/inventory/bulk-sync", json=body)))
                await settled(lambda: len(writes._line) == len(asked))
        assert [response.status_code for response in await asyncio.gather(*asked)] == [200] * 5
    [[order]] = await catalogue.fetch_rows(_ORDER[catalogue.name], ())
    assert order == "2,2,1,1,1"


_ORDER: Final = {
    "sqlite": "SELECT group_concat(product_id) FROM (SELECT group_id, min(product_id) AS product_id FROM ledger_entry "
    "GROUP BY group_id ORDER BY group_id)",
    "postgresql": "SELECT string_agg(product_id::text, ',' ORDER BY group_id) FROM "
    "(SELECT group_id, min(product_id) AS product_id FROM ledger_entry GROUP BY group_id) AS groups",
}
