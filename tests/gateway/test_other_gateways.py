"""Several gateways on one PostgreSQL: what one changes, the others have not in memory any more."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.app import create_app
from gateway.settings import Settings
from storage import access, persisted_operations
from storage.access import Scope
from storage.database import Database
from storage.persisted_operations import sha256_of
from tests.serving import environment

pytestmark = pytest.mark.parametrize("template_url", ["postgresql"], indirect=True)

MOMENT_S = 2.5
"""Less than half of key_cache_seconds, and enough for a busy machine."""
QUERY = "{ product(id: 1) { id } }"
LISTENING = "datname = current_database() AND query LIKE 'LISTEN%'"


@asynccontextmanager
async def another_gateway(url: str, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Settings(database_url=url, key_cache_seconds=5, **settings))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
            yield client


async def in_a_moment(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(MOMENT_S):
        while not await holds():  # noqa: ASYNC110 (of another process)
            await asyncio.sleep(0.01)


async def status(client: httpx.AsyncClient, key: str, **body: Any) -> int:
    headers = {"X-API-Key": key}
    return (await client.post("/graphql", json={"query": QUERY} | body, headers=headers)).status_code


async def listeners(database: Database) -> int:
    return int(await database.fetch_text(f"SELECT count(*)::text FROM pg_stat_activity WHERE {LISTENING}", []) or 0)


async def test_a_key_that_one_gateway_or_a_command_revokes_is_refused_by_all_in_a_moment(
    catalogue: Database, database_url: str
) -> None:
    admin = (await catalogue.transact(access.issue_api_key, "boss", [Scope.ADMIN])).token
    keys = [await catalogue.transact(access.issue_api_key, "till", [Scope.READ]) for _ in range(3)]
    async with another_gateway(database_url) as here, another_gateway(database_url) as there:
        await in_a_moment(lambda: _is(listeners(catalogue), 2))
        for key in keys:
            assert await status(here, key.token) == await status(there, key.token) == 200
        revoke = "mutation($id: ID!) { apiKeyRevoke(input: {id: $id}) { userErrors { code } } }"
        assert await status(here, admin, query=revoke, variables={"id": keys[0].id}) == 200
        assert await status(here, keys[0].token) == 401
        await in_a_moment(lambda: _is(status(there, keys[0].token), 401))
        assert await status(there, keys[1].token) == 200

        command = [str(Path(sys.executable).with_name("stockgate")), "key", "revoke", str(keys[1].id)]
        variables = environment(STOCKGATE_DATABASE_URL=database_url)
        process = await asyncio.create_subprocess_exec(*command, env=variables, stdout=asyncio.subprocess.DEVNULL)
        ended = asyncio.create_task(process.wait())
        while not ended.done():  # in use all the time, so that both have it in memory
            await asyncio.gather(*(status(each, keys[1].token) for each in (here, there)))
            await asyncio.sleep(0.2)
        assert await ended == 0
        for each in (here, there):
            await in_a_moment(lambda each=each: _is(status(each, keys[1].token), 401))

        # One whose connection was lost hears what it missed when it is back, and all that comes later
        lost = f"SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity WHERE {LISTENING}"
        assert await catalogue.fetch_text(lost, []) == "2"
        await catalogue.transact(access.revoke_api_key, keys[2].id)
        await in_a_moment(lambda: _is(status(there, keys[2].token), 401))
        await in_a_moment(lambda: _is(listeners(catalogue), 2))
        late = await catalogue.transact(access.issue_api_key, "till", [Scope.READ])
        assert await status(there, late.token) == 200
        await catalogue.transact(access.revoke_api_key, late.id)
        await in_a_moment(lambda: _is(status(there, late.token), 401))


async def test_origins_and_listed_operations_are_known_everywhere_in_a_moment(
    catalogue: Database, database_url: str
) -> None:
    reader = (await catalogue.transact(access.issue_api_key, "page", [Scope.READ])).token
    preflight = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    asked = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha256_of(QUERY)}}, "query": None}
    async with another_gateway(database_url, persisted_only="all") as there:
        await in_a_moment(lambda: _is(listeners(catalogue), 1))

        async def allowed() -> bool:
            return "access-control-allow-origin" in (await there.options("/graphql", headers=preflight)).headers

        assert not await allowed()
        of_page = await catalogue.transact(access.issue_api_key, "page", [Scope.READ], origins=["https://shop.example"])
        await in_a_moment(allowed)
        await catalogue.transact(access.revoke_api_key, of_page.id)
        await in_a_moment(lambda: _is(allowed(), wanted=False))

        assert await status(there, reader, **asked) == 403
        await catalogue.transact(persisted_operations.add, [QUERY])
        assert await status(there, reader, **asked) == 200
        await catalogue.transact(persisted_operations.remove, sha256_of(QUERY))
        await in_a_moment(lambda: _is(status(there, reader, **asked), 403))


async def _is(value: Awaitable[Any], wanted: Any) -> bool:
    return bool(await value == wanted)
