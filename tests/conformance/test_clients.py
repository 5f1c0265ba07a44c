"""The clients that front ends use: each queries, mutates, subscribes, resumes, and is told what it did wrong."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gql import Client, GraphQLRequest
from gql.client import AsyncClientSession
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport

from tests.conformance.conftest import Node
from tests.conformance.serving import Served

OPERATIONS = Path(__file__).parent / "operations"
SLUG = "lviv-rynok"
VALIDATION = "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize(
    ("client", "sku"),
    [
        ("graphql-ws", "RIDGE-40"),
        ("graphql-sse", "RIDGE-41"),
        ("urql", "RIDGE-42"),
        ("urql-ws", "RIDGE-43"),
        ("apollo", "RIDGE-44"),
    ],
)
def test_a_javascript_client_does_what_a_front_end_does(node: Node, server: Served, client: str, sku: str) -> None:
    done = node("tour.mjs", client, json.dumps({"url": server.url, "key": server.key, "sku": sku, "slug": SLUG}))
    before = done["found"]["product"]["onHand"]
    assert done["found"]["product"]["sku"] == sku
    assert done["changed"]["inventoryUpdate"]["stockLevel"]["product"]["onHand"] == before + 1
    assert [event["reference"] for event in done["followed"]] == [f"{client}-1", f"{client}-2"]
    assert [event["reference"] for event in done["resumed"]] == [f"{client}-3"]
    sequences = [event["sequence"] for event in done["followed"] + done["resumed"]]
    assert sequences == sorted(set(sequences))
    assert [error["extensions"]["code"] for error in done["refused"]] == [VALIDATION]


def an_operation(name: str, **variables: object) -> GraphQLRequest:
    return GraphQLRequest((OPERATIONS / f"{name}.graphql").read_text(), variable_values=variables)


@pytest.fixture(params=["http", "websocket"])
async def session(request: pytest.FixtureRequest, server: Served) -> AsyncIterator[AsyncClientSession]:
    """gql, the client for Python, by each of its transports."""
    if request.param == "http":
        transport = HTTPXAsyncTransport(server.url, headers={"X-API-Key": server.key})
    else:
        transport = WebsocketsTransport(server.url.replace("http", "ws"), init_payload={"apiKey": server.key})
    async with Client(transport=transport) as session:
        yield session


async def test_the_python_client_queries_and_mutates_and_is_told_what_it_did_wrong(session: AsyncClientSession) -> None:
    before = (await session.execute(an_operation("find", sku="RIDGE-45")))["product"]["onHand"]
    adjustment = an_operation("adjust", sku="RIDGE-45", slug=SLUG, by=1, reference="gql")
    changed = await session.execute(adjustment)
    assert changed["inventoryUpdate"]["stockLevel"]["product"]["onHand"] == before + 1
    with pytest.raises(TransportQueryError) as refused:
        await session.execute(GraphQLRequest("{ nothing }"))
    assert refused.value.errors is not None
    assert [error["extensions"]["code"] for error in refused.value.errors] == [VALIDATION]


@pytest.mark.parametrize("session", ["websocket"], indirect=True)
async def test_the_python_client_subscribes_and_resumes(session: AsyncClientSession) -> None:
    seen, references = [0], []
    for n in range(3):
        adjustment = an_operation("adjust", sku="TARN-40", slug=SLUG, by=1, reference=f"gql-{n}")
        changed = await session.execute(adjustment)
        [entry] = changed["inventoryUpdate"]["changeGroup"]["entries"]
        after = seen[-1] or entry["sequence"] - 1
        events = session.subscribe(an_operation("follow", sku="TARN-40", after=after))
        event = (await anext(events))["stockChanged"]
        await events.aclose()
        references.append(event["change"]["group"]["reference"])
        seen.append(event["sequence"])
    assert references == ["gql-0", "gql-1", "gql-2"]
    assert seen == sorted(set(seen))
