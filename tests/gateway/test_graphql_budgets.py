"""What a request may cost, in points and in time, and what is told of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from storage import deadline, inventory
from storage.connecting import Connections
from storage.database import Database
from storage.errors import DeadlineExceededError
from tests.builders import a_change, a_group

GRAPHQL_JSON = "application/graphql-response+json"
Serve = Callable[..., Any]


async def post(client: httpx.AsyncClient, key: str, query: str, **members: Any) -> httpx.Response:
    """An operation by POST, for the specification's media type."""
    headers = {"X-API-Key": key, "Accept": GRAPHQL_JSON}
    return await client.post("/graphql", json={"query": query, **members}, headers=headers)


def page(first: int) -> str:
    """A page that costs 1 + 21 × first points."""
    return f"{{ products(first: {first}) {{ nodes {{ stockLevels {{ id }} }} }} }}"


async def test_what_is_too_dear_is_refused_with_its_figures_and_the_dearest_path(serve: Serve, issue_key: Any) -> None:
    key = await issue_key("read")
    async with serve(query_cost_max=1000) as client:
        assert (await post(client, key, page(47))).status_code == 200
        for query, variables in (
            (page(48), {}),
            (
                page(48).replace("(first: 48)", "(first: $n)").replace("{ products", "query($n: Int) { products", 1),
                {"n": 48},
            ),
        ):
            response = await post(client, key, query, variables=variables)
            [error] = response.json()["errors"]
            assert (response.status_code, "data" in response.json()) == (400, False)
            assert error["extensions"] == {
                "code": "QUERY_TOO_COMPLEX", "limit": "cost", "requested": 1009, "maximum": 1000,
                "path": ["products", "nodes", "stockLevels"],
            }  # fmt: skip
            assert "products.nodes.stockLevels" in error["message"]


async def test_the_cost_is_reported_to_those_who_ask(serve: Serve, issue_key: Any) -> None:
    key = await issue_key("read", cost_per_minute=100)
    query = page(2)
    async with serve() as client:
        assert "extensions" not in (await post(client, key, query)).json()
        for asked, points in ((query, 43), ("{ a: product { id } b: __typename }", 1)):
            answer = (await post(client, key, asked, extensions={"cost": True})).json()
            assert answer["extensions"]["cost"]["requested"] == points
            assert answer["extensions"]["cost"]["limit"] == 50_000
            assert answer["data"] is not None
        assert answer["extensions"]["cost"]["remaining"] == 100 - 43 - 43 - 1
        headers = {"X-API-Key": key}
        got = await client.get(
            "/graphql", params={"query": "{ __typename }", "extensions": '{"cost": true}'}, headers=headers
        )
        assert (got.headers["cache-control"], "etag" in got.headers) == ("no-store", False)


async def test_a_key_that_has_spent_its_minute_waits_for_the_next(
    serve: Serve, issue_key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    key, other = await issue_key("read", cost_per_minute=100), await issue_key("read")
    async with serve(cost_per_minute=200) as client:
        first = await post(client, key, page(4))
        headers = {name: int(value) for name, value in first.headers.items() if name.startswith("ratelimit")}
        assert headers == {"ratelimit-limit": 100, "ratelimit-remaining": 15, "ratelimit-reset": 60}
        now += 20
        refused = await post(client, key, page(1))
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "40")
        assert refused.headers["ratelimit-remaining"] == "15"
        [error] = refused.json()["errors"]
        assert error["extensions"] == {
            "code": "RATE_LIMITED", "retryAfter": 40, "requested": 22, "limit": 100, "remaining": 15,
        }  # fmt: skip
        assert (await post(client, key, "{ product(id: 1) { id } }")).status_code == 200, "what is left can be spent"
        assert (await post(client, other, page(9))).headers["ratelimit-limit"] == "200"
        now += 41
        assert (await post(client, key, page(1))).headers["ratelimit-remaining"] == "78"
        never = await post(client, key, page(10))
        assert (never.status_code, "may spend 100 in a minute" in never.text) == (429, True)


async def test_a_key_may_be_without_limit_and_invalid_documents_are_charged(serve: Serve, issue_key: Any) -> None:
    free, key = await issue_key("read", cost_per_minute=0), await issue_key("read")
    async with serve(cost_per_minute=25) as client:
        assert "ratelimit-limit" not in (await post(client, free, page(100))).headers
        assert [(await post(client, key, "{ nope }")).status_code for _ in range(3)] == [400, 400, 429]


async def test_a_mutation_is_charged_by_its_lines_and_not_written_when_it_cannot_be_paid(
    serve: Serve, issue_key: Any, catalogue: Database
) -> None:
    key = await issue_key("write", cost_per_minute=100)
    query = "mutation($i: InventoryBulkSyncInput!) { inventoryBulkSync(input: $i) { succeeded } }"
    lines = [{"product": {"id": 1}, "location": {"id": 1}, "onHand": n} for n in range(9)]
    async with serve() as client:
        refused = await post(client, key, query, variables={"i": {"items": lines * 2}})
        assert refused.status_code == 429
        assert await _count(catalogue, "ledger_entry") == 0
        written = await post(client, key, query, variables={"i": {"items": lines}})
        assert (written.status_code, written.headers["ratelimit-remaining"]) == (200, "9")


async def _count(database: Database, table: str) -> int:
    async with database.reading() as session:
        return int((await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


SLOW = {
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(60)::text",
}


async def test_a_read_that_takes_too_long_is_stopped_and_its_connection_serves_on(catalogue: Database) -> None:
    for _ in range(12):  # more than there are connections
        started = time.perf_counter()
        with pytest.raises(DeadlineExceededError), deadline.within(0.05):
            await catalogue.fetch_text(SLOW[catalogue.name], [])
        assert time.perf_counter() - started < 3
    assert await catalogue.fetch_text("SELECT 'well'", []) == "well"


async def test_postgresql_gives_a_statement_up_by_itself(catalogue: Database) -> None:
    if catalogue.name == "sqlite":
        return  # its statements run in this process
    database = Database(catalogue.url.render_as_string(hide_password=False), Connections(statement_seconds_max=0.05))
    with pytest.raises(DeadlineExceededError):
        await database.fetch_text(SLOW["postgresql"], [])
    await database.close()


async def test_a_write_that_waits_too_long_is_given_up_with_nothing_written(
    serve: Serve, issue_key: Any, catalogue: Database
) -> None:
    key = await issue_key("read", "write")
    query = """mutation { inventoryUpdate(input: {product: {id: 1}, location: {id: 1}, onHand: 7}) {
        stockLevel { onHand } } }"""
    await catalogue.transact(inventory.apply, a_group(a_change()))
    entered, leave = asyncio.Event(), asyncio.Event()

    async def hold(session: Any) -> None:
        await inventory.apply(session, a_group(a_change(1, 1)))
        await session.execute(text("UPDATE stock_level SET updated_at = updated_at WHERE product_id = 1"))
        entered.set()
        await leave.wait()

    async with serve(request_seconds_max=0.3) as client:
        holding = asyncio.create_task(catalogue.transact(hold))
        await entered.wait()
        started = time.perf_counter()
        response = await post(client, key, query)
        assert time.perf_counter() - started < 5
        leave.set()
        await holding
        [error] = response.json()["errors"]
        assert error["extensions"]["code"] == "DEADLINE_EXCEEDED"
        assert "nothing of it was written" in error["message"]
        read = "{ product(id: 1) { onHand } }"
        assert (await post(client, key, read)).json()["data"]["product"]["onHand"] == 10
        assert (await post(client, key, query)).json()["data"]["inventoryUpdate"]["stockLevel"]["onHand"] == 7


async def test_a_commit_that_was_begun_is_waited_for(catalogue: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.ext.asyncio import AsyncSession

    commit = AsyncSession.commit

    async def slowly(session: AsyncSession) -> None:
        await asyncio.sleep(0.3)
        await commit(session)

    monkeypatch.setattr(AsyncSession, "commit", slowly)
    with deadline.within(0.2):
        await catalogue.transact(inventory.apply, a_group(a_change()))
    assert await _count(catalogue, "ledger_entry") == 1


class Counting(Database):
    """Counts what it is asked to read."""

    asked = 0

    async def fetch_text(self, sql: str, values: Any) -> str | None:
        self.asked += 1
        return await super().fetch_text(sql, values)


@pytest.mark.parametrize("template_url", ["postgresql"], indirect=True)  # no lock keeps SQLite's readers waiting
async def test_a_query_that_is_not_answered_in_time_is_504_and_was_asked_only_once(
    serve: Serve, issue_key: Any, catalogue: Database
) -> None:
    key = await issue_key("read")
    query = "{ a: product(id: 1) { id } b: product(id: 2) { id } }"
    async with serve(request_seconds_max=0.3) as client, catalogue.engine.connect() as connection:
        assert (await post(client, key, query)).status_code == 200
        # PostgreSQL drops a cancellation that comes before its statement; as in the app, the statement ends anyway
        url = catalogue.url.render_as_string(hide_password=False)
        counting = Counting(url, Connections(statement_seconds_max=2))
        client.app.state.database = counting  # type: ignore[attr-defined]
        await connection.execute(text("LOCK TABLE product IN ACCESS EXCLUSIVE MODE"))
        response = await post(client, key, query)
        assert (response.status_code, response.headers["content-type"]) == (504, "application/json; charset=utf-8")
        assert response.json()["errors"][0]["extensions"]["code"] == "DEADLINE_EXCEEDED"
        assert counting.asked == 2
        before = asyncio.all_tasks()
        wrong = await post(client, key, '{ a: product(id: 1) { id } b: product(id: "x") { id } }')
        codes = {error["path"][0]: error["extensions"]["code"] for error in wrong.json()["errors"]}
        assert codes == {"a": "DEADLINE_EXCEEDED", "b": "BAD_USER_INPUT"}
        left = asyncio.all_tasks() - before
        _, running = await asyncio.wait(left, timeout=10) if left else ((), ())
        assert not running, "what was asked beside a field that failed is not left running"
        await connection.rollback()
        assert (await post(client, key, query)).json() == {"data": {"a": _id(1), "b": _id(2)}}
        await counting.close()


def _id(number: int) -> dict[str, str]:
    return {"id": f"gid://stockgate/Product/{number}"}


async def test_the_viewer_is_told_the_limits_that_the_settings_make(serve: Serve, issue_key: Any) -> None:
    query = """{ viewer { limits { costPerMinute costMax depthMax fieldsMax aliasesMax rootFieldsMax directivesMax
        charactersMax tokensMax bulkItemsMax } } }"""
    own, other, free = [await issue_key("read", cost_per_minute=points) for points in (900, None, 0)]
    names = ("cost", "depth", "fields", "aliases", "root_fields", "directives", "characters", "tokens")
    settings = {f"query_{name}_max": number for number, name in enumerate(names, start=700)}
    async with serve(cost_per_minute=800, bulk_items_max=7, **settings) as client:
        told = [(await post(client, key, query)).json()["data"]["viewer"]["limits"] for key in (own, other, free)]
    shared = {
        "costMax": 700, "depthMax": 701, "fieldsMax": 702, "aliasesMax": 703, "rootFieldsMax": 704,
        "directivesMax": 705, "charactersMax": 706, "tokensMax": 707, "bulkItemsMax": 7,
    }  # fmt: skip
    assert told == [{"costPerMinute": points, **shared} for points in (900, 800, None)]
