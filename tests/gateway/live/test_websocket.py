"""The protocol graphql-transport-ws: what a client may send when, and with which code it is closed otherwise."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any, Final

import orjson
import pytest
from starlette.applications import Starlette
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from gateway.app import create_app
from gateway.graphql import websocket as protocol
from gateway.settings import Settings
from storage.database import Database
from tests.conftest import Keys
from tests.gateway.live.live_server import Server, WebSocketClient, serving, settled, websocket
from tests.gateway.live.test_stock_changed import SEQUENCES, adjust

pytestmark = pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)  # the protocol knows no engine
MUTATION = """mutation {
    inventoryUpdate(input: {product: {id: 1}, location: {id: 1}, onHand: 7}) { stockLevel { onHand } }
}"""

WRONG_AT_FIRST: Final[list[tuple[str | bytes, int, str]]] = [
    (b'{"type":"ping"}', 4400, "Send messages as text."),
    ("{", 4400, "Messages must be JSON."),
    ("[]", 4400, 'Messages must be objects with a "type".'),
    ('{"type":1}', 4400, 'Messages must be objects with a "type".'),
    ('{"type":"start"}', 4400, "There is no message of type 'start'."),
    ('{"type":"ping","payload":[]}', 4400, '"payload" must be an object.'),
    ('{"type":"connection_init","payload":"x"}', 4400, '"payload" must be an object.'),
    ('{"type":"subscribe","id":"1","payload":{"query":"{ __typename }"}}', 4401, "Unauthorized"),
    ('{"type":"connection_init"}', 4403, "An API key is needed: send it as `X-API-Key: …` or"),
    ('{"type":"connection_init","payload":{"apiKey":"sgk_x"}}', 4403, "This API key is not valid"),
    ('{"type":"connection_init","payload":{"apiKey":7}}', 4403, "An API key is needed"),
]

WRONG_LATER: Final[list[tuple[list[Any], int, str]]] = [
    ([{"type": "connection_init"}], 4429, "Too many initialisation requests"),
    ([{"type": "subscribe", "payload": {"query": "{ __typename }"}}], 4400, 'A "subscribe" message needs an "id".'),
    ([{"type": "subscribe", "id": "", "payload": {}}], 4400, 'A "subscribe" message needs an "id".'),
    ([{"type": "subscribe", "id": "1"}], 4400, 'A "subscribe" message needs a "payload" with a "query".'),
    ([{"type": "complete"}], 4400, 'A "complete" message needs an "id".'),
    ([{"type": "subscribe", "id": "1", "payload": {"query": SEQUENCES}}] * 2, 4409, "Subscriber for 1 already"),
]

NOT_RUN: Final[list[tuple[str, Any, str, str]]] = [
    ("read", {"query": "{"}, "GRAPHQL_VALIDATION_FAILED", "Syntax Error"),
    ("read", {"query": "subscription { nothing }"}, "GRAPHQL_VALIDATION_FAILED", "Cannot query field"),
    ("read", {"query": 7}, "BAD_USER_INPUT", '"query" must be the operation'),
    ("read", {"query": SEQUENCES, "variables": []}, "BAD_USER_INPUT", '"variables" must be'),
    ("read", {"query": SEQUENCES, "variables": {"after": "x"}}, "GRAPHQL_VALIDATION_FAILED", "Variable '$after'"),
    ("read", {"query": SEQUENCES, "variables": {"after": -1}}, "BAD_USER_INPUT", "`afterSequence` must be 0"),
    ("read", {"query": MUTATION}, "FORBIDDEN", "This API key does not have the scope `write`."),
    ("write", {"query": SEQUENCES}, "FORBIDDEN", "This API key does not have the scope `read`."),
    ("storefront", {"query": SEQUENCES}, "FORBIDDEN", "`stockChanged` is not for this API key"),
    (
        "read",
        {"query": 'subscription { stockChanged(skus: ["SKU-1", "NO"]) { sequence } }'},
        "BAD_USER_INPUT",
        "There is no product with the sku 'NO'.",
    ),
    (
        "read",
        {"query": 'subscription { stockChanged(locations: [{slug: "moon"}]) { sequence } }'},
        "BAD_USER_INPUT",
        "`locations`: there is no location with the slug 'moon'.",
    ),
    (
        "read",
        {"query": "subscription { a: stockChanged { sequence } b: stockChanged { sequence } }"},
        "GRAPHQL_VALIDATION_FAILED",
        "",
    ),
]

ORIGINS: Final[dict[tuple[str, ...], list[tuple[str | None, list[str] | None, bool]]]] = {
    (): [
        (None, None, True),
        ("http://{host}", None, True),
        ("https://shop.example", None, False),
        ("https://shop.example", ["https://shop.example"], True),
    ],
    ("https://shop.example",): [("https://shop.example", None, True), ("https://other.example", None, False)],
    ("*",): [("https://shop.example", None, True), ("https://other.example", ["https://shop.example"], False)],
}
"""By the setting: a page's origin, those of the key, and whether they fit."""


@pytest.fixture
async def key(issue_key: Keys) -> str:
    """A key that may read and write."""
    return await issue_key("read", "write")


@pytest.fixture
def small(settings: Settings) -> Settings:
    """Settings with little room."""
    return settings.model_copy(
        update={"body_bytes_max": 2048, "subscriptions_per_connection_max": 2, "streams_per_key_max": 2}
    )


@pytest.fixture
async def small_server(small: Settings, catalogue: Database) -> AsyncIterator[Server]:
    """A server with little room."""
    async with serving(create_app(small)) as server:
        yield server


async def test_a_wrong_first_message_closes(server: Server) -> None:
    for frame, code, reason in WRONG_AT_FIRST:
        async with websocket(server) as client:
            await client.connection.send(frame)
            closed, why = await client.closed()
        assert (closed, why[: len(reason)]) == (code, reason)


async def test_a_wrong_message_after_the_first_closes(server: Server, key: str) -> None:
    for messages, code, reason in WRONG_LATER:
        async with websocket(server, key) as client:
            for message in messages:
                await client.send(**message)
            closed, why = await client.closed()
        assert (closed, why[: len(reason)]) == (code, reason)


async def test_who_does_not_say_who_it_is_is_not_waited_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_INIT_S", 0.2)
    async with websocket(server) as client:
        await client.send(type="ping")
        assert await client.receive() == {"type": "pong"}
        assert await client.closed() == (4408, "Connection initialisation timeout")


@pytest.mark.parametrize("offered", [None, [Subprotocol("graphql-ws")]])
async def test_other_protocols_are_not_spoken(server: Server, offered: Any) -> None:
    async with websocket(server, subprotocols=offered) as client:
        assert (await client.closed())[0] == 4406


async def test_a_key_is_a_parameter_of_the_connection_or_a_header(server: Server, key: str) -> None:
    bearers = [{"authorization": f"Bearer {key}"}, {"Authorization": f"bearer {key}"}]
    for named in [{"apiKey": key}, {"X-API-Key": key}, *bearers]:
        async with websocket(server) as client:
            await client.send(type="connection_init", payload=named)
            assert await client.receive() == {"type": "connection_ack"}
    for named in [{"X-API-Key": key}, *bearers]:
        async with websocket(server, additional_headers=named) as client:
            await client.send(type="connection_init")
            assert await client.receive() == {"type": "connection_ack"}


async def test_pings_are_answered_with_what_they_carry(server: Server, key: str) -> None:
    async with websocket(server, key) as client:
        await client.send(type="ping", payload={"n": 1})
        assert await client.receive() == {"type": "pong", "payload": {"n": 1}}
        await client.send(type="pong")
        await client.send(type="complete", id="nobody")
        await client.send(type="ping")
        assert await client.receive() == {"type": "pong"}


async def test_queries_and_mutations_are_answered_once(server: Server, key: str) -> None:
    async with websocket(server, key) as client:
        for query, data in (
            ("{ product(id: 1) { sku } }", {"product": {"sku": "SKU-1"}}),
            (MUTATION, {"inventoryUpdate": {"stockLevel": {"onHand": 7}}}),
        ):
            await client.subscribe(query)
            assert await client.next() == data
            assert await client.receive() == {"id": "1", "type": "complete"}


async def test_an_error_of_a_field_comes_with_the_data(server: Server, key: str) -> None:
    async with websocket(server, key) as client:
        await client.subscribe("{ product { sku } }")
        answer = await client.receive()
        assert (answer["type"], answer["payload"]["data"]) == ("next", {"product": None})
        assert answer["payload"]["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        assert await client.receive() == {"id": "1", "type": "complete"}


async def test_what_cannot_be_run_is_an_error_of_that_operation(server: Server, issue_key: Keys) -> None:
    for scope, payload, code, message in NOT_RUN:
        async with websocket(server, await issue_key(scope)) as client:
            await client.send(type="subscribe", id="a", payload=payload)
            answer = await client.receive()
            assert (answer["id"], answer["type"]) == ("a", "error")
            [error] = answer["payload"]
            assert error["extensions"]["code"] == code
            assert message in error["message"]
            await client.send(type="ping")
            assert await client.receive() == {"type": "pong"}


async def test_operations_run_side_by_side_and_stop_alone(server: Server, catalogue: Database, key: str) -> None:
    app: Starlette = server.config.loaded_app  # type: ignore[assignment]
    async with websocket(server, key) as client:
        for name in ("a", "b"):
            await client.subscribe("subscription { stockChanged(afterSequence: 0) { sequence } }", name)
        await settled(lambda: app.state.hub.followers == 2)
        await adjust(catalogue)
        assert {(await client.receive())["id"] for _ in range(2)} == {"a", "b"}
        await client.send(type="complete", id="a")
        await settled(lambda: app.state.hub.followers == 1)
        await adjust(catalogue)
        assert (await client.receive())["id"] == "b"
        await client.send(type="complete", id="b")
        await settled(lambda: app.state.hub.followers == 0)
        await adjust(catalogue)
        await client.send(type="ping")
        assert await client.receive() == {"type": "pong"}


async def test_who_goes_away_leaves_nothing_behind(server: Server, key: str) -> None:
    app: Starlette = server.config.loaded_app  # type: ignore[assignment]
    async with websocket(server, key) as client:
        await client.subscribe(SEQUENCES)
        await settled(lambda: app.state.hub.followers == 1)
        client.connection.transport.abort()
        await settled(lambda: app.state.hub.followers == 0 and len(app.state.open_streams) == 0)
    assert app.state.hub._tasks == []
    gc.collect()
    assert len(app.state.hub.shared) == 0


async def test_a_connection_runs_only_so_many_operations(small_server: Server, key: str) -> None:
    async with websocket(small_server, key) as client:
        for name in ("a", "b", "c"):
            await client.subscribe(SEQUENCES, name)
        refused = await client.receive()
        assert (refused["id"], refused["type"]) == ("c", "error")
        assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
        await client.send(type="complete", id="a")
        await client.subscribe("{ __typename }", "c")
        assert await client.next("c") == {"__typename": "Query"}


async def test_a_message_may_have_only_so_many_bytes(small_server: Server, key: str) -> None:
    async with websocket(small_server, key) as client:
        await client.send(type="ping", payload={"": "x" * 3000})
        assert (await client.closed())[0] == 1009


async def test_a_key_may_have_only_so_many_connections(small_server: Server, key: str) -> None:
    async with websocket(small_server, key), websocket(small_server, key), websocket(small_server) as third:
        await third.send(type="connection_init", payload={"apiKey": key})
        assert await third.closed() == (4429, "This API key has 2 open streams, and may have no more.")
    async with websocket(small_server, key) as again:
        await again.send(type="ping")
        assert await again.receive() == {"type": "pong"}


async def test_a_server_takes_only_so_many_connections(small: Settings, catalogue: Database, key: str) -> None:
    async with serving(create_app(small.model_copy(update={"streams_max": 1}))) as server, websocket(server):
        with pytest.raises(InvalidStatus) as refused:
            async with websocket(server):
                pass
    assert refused.value.response.status_code == 429
    body = orjson.loads(refused.value.response.body or b"")
    assert body["errors"][0]["extensions"]["code"] == "RATE_LIMITED"


async def test_pages_of_other_origins_are_let_in_when_they_are_listed(
    settings: Settings, catalogue: Database, issue_key: Keys
) -> None:
    for listed, cases in ORIGINS.items():
        async with serving(create_app(settings.model_copy(update={"cors_origins": list(listed)}))) as server:
            for origin, own, accepted in cases:
                named = origin and origin.format(host=server.address)
                async with websocket(server, origin=named) as client:
                    await client.send(type="connection_init", payload={"apiKey": await issue_key("read", origins=own)})
                    if accepted:
                        assert await client.receive() == {"type": "connection_ack"}
                    else:
                        assert await client.closed() == (4403, f"This API key is not for pages of {origin}.")


async def test_messages_of_a_closing_connection_are_not_run(server: Server, catalogue: Database, key: str) -> None:
    async with websocket(server, key) as client:
        client_: WebSocketClient = client
        await asyncio.gather(client_.send(type="nonsense"), client_.subscribe(MUTATION))
        assert (await client_.closed())[0] == 4400
