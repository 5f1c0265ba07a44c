"""Server-sent events, as graphql-sse clients read them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest

from storage.database import Database
from tests.conftest import Keys
from tests.gateway.live.live_server import PATIENCE_S, Server, settled
from tests.gateway.live.test_stock_changed import SEQUENCES, adjust

EVENTS = "text/event-stream"


class EventStream:
    """The events of a response."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._events = self._parsed()

    async def next(self) -> tuple[str, Any]:
        """The next event: its name and its data."""
        return await anext(self._events)

    async def _parsed(self) -> AsyncIterator[tuple[str, Any]]:
        text = ""
        async for chunk in self.response.aiter_text():
            assert "\r" not in chunk
            text += chunk
            while "\n\n" in text:
                event, _, text = text.partition("\n\n")
                if event != ":":
                    name, data = event.split("\n")
                    yield name.removeprefix("event: "), orjson.loads(data.removeprefix("data:") or "null")


@contextlib.asynccontextmanager
async def asked(
    server: Server, key: str, query: str, accept: str = EVENTS, **variables: Any
) -> AsyncIterator[EventStream]:
    """A POST that is answered with events."""
    headers = {"X-API-Key": key, "Accept": accept}
    body = {"query": query, "variables": variables}
    async with (
        httpx.AsyncClient(base_url=f"http://{server.address}", timeout=PATIENCE_S) as client,
        client.stream("POST", "/graphql", headers=headers, json=body) as response,
    ):
        yield EventStream(response)


async def test_changes_arrive_as_events(server: Server, catalogue: Database, issue_key: Keys) -> None:
    await adjust(catalogue)
    async with asked(server, await issue_key("read"), SEQUENCES, after=0) as events:
        assert events.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        name, first = await events.next()
        await adjust(catalogue)
        _, second = await events.next()
    assert name == "next"
    sequence = first["data"]["stockChanged"]["sequence"]
    assert second == {"data": {"stockChanged": {"sequence": sequence + 1}}}


@pytest.mark.parametrize(
    ("query", "event"),
    [
        ("{ product(id: 1) { sku } }", {"data": {"product": {"sku": "SKU-1"}}}),
        ("{ __typename }", {"data": {"__typename": "Query"}}),
    ],
)
async def test_a_query_that_asks_for_events_gets_one(server: Server, issue_key: Keys, query: str, event: Any) -> None:
    async with asked(server, await issue_key("read"), query) as events:
        assert [await events.next(), await events.next()] == [("next", event), ("complete", None)]


async def test_an_event_source_gets_events_with_a_key_that_may_be_in_an_address(
    server: Server, catalogue: Database, issue_key: Keys
) -> None:
    query = 'subscription { availabilityChanged(skus: ["SKU-1"]) { sku } }'
    async with httpx.AsyncClient(base_url=f"http://{server.address}", timeout=PATIENCE_S) as client:
        asking = {"query": query, "apiKey": await issue_key("storefront")}
        async with client.stream("GET", "/graphql", params=asking, headers={"Accept": EVENTS}) as response:
            assert await EventStream(response).next() == ("next", {"data": {"availabilityChanged": {"sku": "SKU-1"}}})
        asking["apiKey"] = await issue_key("read")
        refused = await client.get("/graphql", params=asking, headers={"Accept": EVENTS})
    assert refused.status_code == 403
    assert "`storefront`" in refused.json()["errors"][0]["message"]


@pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
async def test_who_expects_json_is_told_how_to_subscribe(server: Server, issue_key: Keys) -> None:
    headers = {"X-API-Key": await issue_key("read")}
    body = {"query": "subscription { stockChanged { sequence } }"}
    async with httpx.AsyncClient(base_url=f"http://{server.address}", headers=headers) as client:
        for accept in ("*/*", "application/json", "application/graphql-response+json, text/event-stream;q=0"):
            refused = await client.post("/graphql", json=body, headers={"Accept": accept})
            assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (406, "NOT_ACCEPTABLE")
            assert EVENTS in refused.json()["errors"][0]["message"]


@pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
async def test_who_lists_events_for_every_operation_gets_them_only_for_subscriptions(
    server: Server, catalogue: Database, issue_key: Keys
) -> None:
    listed = f"application/graphql-response+json, application/json, {EVENTS}, multipart/mixed"
    key = await issue_key("read")
    async with asked(server, key, "{ product(id: 1) { sku } }", accept=listed) as answer:
        assert orjson.loads(await answer.response.aread()) == {"data": {"product": {"sku": "SKU-1"}}}
    await adjust(catalogue)
    async with asked(server, key, SEQUENCES, accept=listed, after=0) as events:
        assert (await events.next())[0] == "next"


@pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
async def test_what_cannot_be_run_is_told_in_an_event(server: Server, issue_key: Keys) -> None:
    key = await issue_key("read")
    for query, code in (("subscription { nope }", "GRAPHQL_VALIDATION_FAILED"), (SEQUENCES, "BAD_USER_INPUT")):
        async with asked(server, key, query, after=-1) as events:
            name, answer = await events.next()
            assert (name, answer["errors"][0]["extensions"]["code"]) == ("next", code)
            assert await events.next() == ("complete", None)


@pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
async def test_a_reader_that_goes_away_leaves_nothing_behind(server: Server, issue_key: Keys) -> None:
    app: Any = server.config.loaded_app
    async with asked(server, await issue_key("read"), SEQUENCES):
        await settled(lambda: app.state.hub.followers == 1 and len(app.state.open_streams) == 1)
    await settled(lambda: app.state.hub.followers == 0 and len(app.state.open_streams) == 0)
