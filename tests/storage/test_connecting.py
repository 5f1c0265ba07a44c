"""Connections to PostgreSQL: their limits, and what becomes of those that are lost."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from starlette.applications import Starlette

from gateway.settings import Settings
from storage import inventory
from storage.changes import SetQuantity
from storage.connecting import Connections
from storage.database import Database
from storage.errors import DeadlineExceededError, StorageUnavailableError
from tests.builders import a_change, a_group
from tests.conftest import Keys
from tests.storage.swallowing import swallowing_proxy

pytestmark = pytest.mark.parametrize("template_url", ["postgresql"], indirect=True)

LIMITS = Connections(each_max=2, statement_seconds_max=0.4, lock_seconds_max=0.15, idle_in_transaction_seconds_max=0.25)
SHOWN = """SELECT concat_ws(' ', current_setting('statement_timeout'), current_setting('lock_timeout'),
    current_setting('idle_in_transaction_session_timeout'), current_setting('jit'))"""
OURS = "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
TERMINATE = f"SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity WHERE {OURS}"


async def run(session: Any, sql: str) -> Any:
    return (await session.execute(text(sql))).scalar()


async def test_reads_and_writes_have_limits_and_say_so_when_they_reach_them(
    catalogue: Database, database_url: str
) -> None:
    limited = Database(database_url, LIMITS)
    shown = "400ms 150ms 250ms off"
    assert await limited.fetch_text(SHOWN, []) == await limited.transact(run, SHOWN) == shown
    for ask in (limited.fetch_text("SELECT pg_sleep(9)::text", []), limited.transact(run, "SELECT pg_sleep(9)")):
        with pytest.raises(DeadlineExceededError, match="took longer"):
            await ask
    async with catalogue.engine.connect() as holder:
        await holder.execute(text("SELECT id FROM product WHERE id = 1 FOR UPDATE"))
        with pytest.raises(StorageUnavailableError, match="Another transaction holds"):
            await limited.transact(run, "SELECT id FROM product WHERE id = 1 FOR UPDATE")

    async def pause(session: Any) -> None:
        await run(session, "SELECT 1")
        await asyncio.sleep(0.4)
        await run(session, "SELECT 1")

    with pytest.raises(StorageUnavailableError):
        await limited.read(pause)
    assert await limited.read(run, "SELECT 7") == 7
    await limited.close()


async def test_a_lock_that_is_held_is_503_in_graphql_and_rest(
    client: httpx.AsyncClient, app: Starlette, issue_key: Keys
) -> None:
    headers = {"X-API-Key": await issue_key("read", "write")}
    async with app.state.database.engine.connect() as holder:
        await holder.execute(text("LOCK TABLE stock_level IN ACCESS EXCLUSIVE MODE"))
        query = """mutation { inventoryUpdate(input: {product: {id: 1}, location: {id: 1}, onHand: 7}) {
            userErrors { code } } }"""
        update = "/wp-json/mulopimfwc/v1/inventory/update"
        body = {"product_id": 1, "location_id": 1, "stock": 2}
        graphql, rest = await asyncio.gather(
            client.post("/graphql", json={"query": query}, headers=headers),
            client.post(update, json=body, headers=headers),
        )
    [error] = graphql.json()["errors"]
    assert (error["extensions"]["code"], error["path"]) == ("SERVICE_UNAVAILABLE", ["inventoryUpdate"])
    assert (rest.status_code, rest.json()["code"]) == (503, "service_unavailable")


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url, database_lock_seconds_max=0.2)


async def test_connections_that_the_server_ended_cost_no_request(catalogue: Database, database_url: str) -> None:
    database = Database(database_url, Connections(each_max=3))
    attempts = 0

    async def ended_midway(session: Any) -> None:
        nonlocal attempts
        attempts += 1
        await inventory.apply(session, a_group(a_change(quantity=SetQuantity(attempts))))
        if attempts < 3:
            await catalogue.fetch_text(TERMINATE, [])
            await run(session, "SELECT 1")

    for _ in range(2):
        await asyncio.gather(*(database.fetch_text("SELECT '1'", []) for _ in range(3)))
        await asyncio.gather(*(database.transact(run, "SELECT 1") for _ in range(3)))
        assert await catalogue.fetch_text(TERMINATE, []) != "0"
        assert await database.fetch_text("SELECT 'well'", []) == "well"
        assert await database.transact(run, "SELECT 'well'") == "well"
        assert await database.read(run, "SELECT 'well'") == "well"
    await database.transact(ended_midway)
    assert attempts == 3
    entries = "SELECT count(*) || ' ' || sum(delta) FROM ledger_entry"
    assert await database.fetch_text(entries, []) == "1 3"
    await database.close()


async def test_an_answer_that_never_comes_is_asked_for_again_and_a_slow_one_is_waited_for(
    catalogue: Database, database_url: str
) -> None:
    async with swallowing_proxy(database_url) as proxy:
        database = Database(proxy.url, Connections(each_max=3))
        ask: list[Callable[[], Any]] = [
            lambda: database.fetch_text("SELECT 'well'", []),
            lambda: database.transact(run, "SELECT 'well'"),
        ]
        assert await asyncio.gather(*(each() for each in ask for _ in range(3))) == ["well"] * 6
        proxy.swallow()
        slow = asyncio.create_task(Database.fetch_text(other := Database(proxy.url), SLOW, []))
        started = time.perf_counter()
        assert await asyncio.gather(*(each() for each in ask for _ in range(6))) == ["well"] * 12
        assert time.perf_counter() - started < 5
        assert await slow == "slow"
        await database.close()
        await other.close()


async def test_what_was_begun_on_a_connection_that_fell_silent_holds_no_lock_for_long(
    catalogue: Database, database_url: str
) -> None:
    async with swallowing_proxy(database_url) as proxy:
        database = Database(proxy.url, Connections(each_max=3))
        attempts = 0

        async def cut_off_midway(session: Any) -> None:
            nonlocal attempts
            attempts += 1
            await run(session, "SELECT id FROM product WHERE id = 1 FOR UPDATE")
            if attempts == 1:
                await asyncio.sleep(0.1)  # what comes in is older than what goes out, on the kernel's coarse clock
                proxy.swallow()
                await run(session, "SELECT 1")

        async with asyncio.timeout(10):  # the server itself would wait for two hours
            await database.transact(cut_off_midway)
        assert attempts == 2
        await database.close()


SLOW = "SELECT 'slow' FROM pg_sleep(2.2)"


async def test_a_server_that_accepts_and_says_nothing_is_unavailable_soon(database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        database = Database(f"postgresql://u:p@127.0.0.1:{port}/x", Connections(connect_seconds_max=0.1))
        for ask in (database.fetch_text("SELECT '1'", []), database.transact(run, "SELECT 1")):
            with pytest.raises(StorageUnavailableError, match="did not answer in time"):
                await ask
        await database.close()
