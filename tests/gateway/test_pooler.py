"""Through a real PgBouncer in transaction mode, where each transaction may get another session, of only two."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import text
from starlette.applications import Starlette

from gateway.settings import Settings
from storage import access, inventory, migrations
from storage.changes import AdjustQuantity
from storage.connecting import Connections
from storage.database import Database
from storage.errors import DeadlineExceededError
from storage.feed_entries import Wanted
from storage.following import follow
from tests.builders import a_change, a_group
from tests.conftest import Keys
from tests.contract.clients.client import Extra
from tests.contract.clients.graphql import GraphqlClient
from tests.contract.clients.mulopimfwc_v1 import MulopimfwcV1Client
from tests.pooling import pgbouncer

pytestmark = pytest.mark.parametrize("template_url", ["postgresql"], indirect=True)

WRITERS, TIMES = 12, 3
SESSIONS = 2


@pytest.fixture
def pooled_url(database_url: str) -> Iterator[str]:
    with pgbouncer(database_url, sessions=SESSIONS) as url:
        yield url


@pytest.fixture
def settings(database_url: str, pooled_url: str) -> Settings:
    return Settings(
        database_url=pooled_url, database_pooler="transaction", database_direct_url=database_url, key_cache_seconds=5
    )


async def test_writes_reads_dry_runs_and_live_updates_pass_a_pooler_of_two_sessions(
    app: Starlette, client: httpx.AsyncClient, catalogue: Database, issue_key: Keys
) -> None:
    key = await issue_key("read", "write")
    clients = [GraphqlClient(client, key), MulopimfwcV1Client(client, key)]
    for number, each in enumerate(clients):
        assert (await each.set_quantity("SKU-1", "location-1", 7 + number)).accepted
        assert (await each.set_quantity("SKU-1", "location-1", 99, Extra(dry_run=True))).accepted
        assert [await reader.quantity_of("SKU-1", "location-1") for reader in clients] == [7 + number] * 2
        keyed = [await each.set_quantity("SKU-2", "location-1", 5, Extra(idempotency_key=f"k{number}")) for _ in "ab"]
        assert [answer.replayed for answer in keyed] == [False, True]

    async def write(number: int) -> None:
        for _ in range(TIMES):
            assert (await clients[number % 2].set_quantity("SKU-4", f"location-{1 + number % 2}", number)).accepted
            change = a_change(2, 2, quantity=AdjustQuantity(1))
            await app.state.database.transact(inventory.apply, a_group(change))
            assert await clients[0].quantity_of("SKU-4", f"location-{1 + number % 2}") is not None

    async with contextlib.aclosing(follow(app.state.hub, Wanted(), None)) as given:
        following = asyncio.create_task(anext(given))
        await asyncio.gather(*(write(number) for number in range(WRITERS)))
        async with asyncio.timeout(5):
            assert await following
    assert await clients[1].quantity_of("SKU-2", "location-2") == WRITERS * TIMES
    sessions = """SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database()
        AND pid <> pg_backend_pid() AND application_name NOT LIKE 'stockgate%'"""
    assert int(await catalogue.fetch_text(sessions, []) or 0) <= SESSIONS + 1  # and the one that listens


async def test_news_of_other_gateways_come_over_the_direct_connection(
    app: Starlette, client: httpx.AsyncClient, catalogue: Database, issue_key: Keys
) -> None:
    key = await issue_key("read")

    async def status() -> int:
        body = {"query": "{ product(id: 1) { id } }"}
        return (await client.post("/graphql", json=body, headers={"X-API-Key": key})).status_code

    listening = (
        "SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    )
    async with asyncio.timeout(2):
        while await catalogue.fetch_text(listening, []) != "1":  # noqa: ASYNC110 (of another process)
            await asyncio.sleep(0.01)
    assert await status() == 200
    [issued] = await catalogue.read(access.list_api_keys)
    await catalogue.transact(access.revoke_api_key, issued.id)
    async with asyncio.timeout(2):
        while await status() != 401:  # noqa: ASYNC110 (of another process)
            await asyncio.sleep(0.01)


async def test_limits_hold_in_every_transaction_and_migrations_pass(database_url: str, pooled_url: str) -> None:
    limits = Connections(statement_seconds_max=0.3, lock_seconds_max=0.2, pooler="transaction")
    database = Database(pooled_url, limits)
    await migrations.upgrade(database)
    assert not await migrations.pending(database)
    shown = """SELECT concat_ws(' ', current_setting('statement_timeout'), current_setting('lock_timeout'),
        current_setting('jit'))"""

    async def of_session(session: object) -> str:
        return str((await session.execute(text(shown))).scalar())  # type: ignore[attr-defined]

    answers = await asyncio.gather(
        *(database.fetch_text(shown, []) for _ in range(8)),
        *(database.transact(of_session) for _ in range(8)),
        *(database.read(of_session) for _ in range(8)),
    )
    assert set(answers) == {"300ms 200ms off"}
    with pytest.raises(DeadlineExceededError):
        await database.fetch_text("SELECT pg_sleep(9)::text", [])
    await database.close()
    plain = Database(database_url)
    assert await plain.fetch_text("SELECT current_setting('lock_timeout')", []) == "0"
    await plain.close()
