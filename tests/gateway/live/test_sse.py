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
from tests.gateway.live.live_server import PATIENCE_S, Server
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
