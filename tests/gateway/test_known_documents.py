"""A document that is known is checked for each caller as if it were new: nobody gets what another one may see."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from storage import inventory, persisted_operations
from storage.access import Visibility
from storage.changes import SetQuantity
from storage.database import Database
from tests.builders import a_change, a_group
from tests.conftest import Keys

LEVELS = """query Levels($sku: String!) { product(sku: $sku) { sku onHand availability { quantity }
    stockLevels { onHand available location { slug } } } }"""
SIZED = "query Sized($first: Int!) { products(first: $first) { nodes { sku stockLevels { location { slug } } } } }"
INTROSPECTION = "{ __schema { queryType { name } } }"
SET = """mutation Set($on: Int!) { inventoryUpdate(input: {product: {id: 1}, location: {id: 1}, onHand: $on}) {
    userErrors { code } } }"""
Serve = Callable[..., Any]


async def ask(client: httpx.AsyncClient, key: str, query: str, **variables: Any) -> tuple[int, Any]:
    """Status and answer."""
    body = {"query": query, "variables": variables}
    answer = await client.post("/graphql", json=body, headers={"X-API-Key": key})
    return answer.status_code, answer.json()


def code(answer: tuple[int, Any]) -> tuple[int, str]:
    """Status and the code of the first error."""
    return answer[0], answer[1]["errors"][0]["extensions"]["code"]


@pytest.fixture
async def keys(catalogue: Database, issue_key: Keys) -> dict[str, str]:
    """Callers of whom each may see something else. Location 1 has 40 units, location 2 has 3."""
    changes = [a_change(1, location, quantity=SetQuantity(number)) for location, number in ((1, 40), (2, 3))]
    await catalogue.transact(inventory.apply, a_group(*changes))
    return {
        "everything": await issue_key("read"),
        "location 1": await issue_key("read", location_ids=[1]),
        "location 2": await issue_key("read", location_ids=[2]),
        "storefront": await issue_key("storefront", visibility=Visibility.CAPPED, cap=9),
        "bands": await issue_key("read", visibility=Visibility.BAND),
        "none": await issue_key("write"),
    }


async def test_callers_of_one_document_see_what_each_of_them_sees_alone(
    serve: Serve, client: httpx.AsyncClient, keys: dict[str, str]
) -> None:
    alone = {}
    for name, key in keys.items():
        async with serve() as fresh:  # which has met neither the document nor the caller
            alone[name] = await ask(fresh, key, LEVELS, sku="sku-1")
    told = {name: str(answer) for name, answer in alone.items()}
    assert len(set(told.values())) == len(told), told
    assert code(alone["none"]) == (403, "FORBIDDEN")
    assert "40" in told["everything"]
    assert "location-2" not in told["location 1"]
    assert "40" not in told["storefront"]
    for order in itertools.permutations(keys, 2):
        for name in order:
            assert await ask(client, keys[name], LEVELS, sku="sku-1") == alone[name]


async def test_a_known_document_costs_and_is_limited_as_before(serve: Serve, issue_key: Keys) -> None:
    key, other = await issue_key("read"), await issue_key("read")
    async with serve(query_cost_max=900, cost_per_minute=1000) as client:
        answers = [await ask(client, key, SIZED, first=first) for first in (10, 60, 10)]
        assert [answer[0] for answer in answers] == [200, 200, 200]
        assert ["errors" in answer[1] for answer in answers] == [False, True, False]
        assert code(answers[1])[1] == "QUERY_TOO_COMPLEX"
        assert code(await ask(client, key, SIZED, first=20)) == (429, "RATE_LIMITED")  # its own minute is spent
        assert (await ask(client, other, SIZED, first=20))[0] == 200


async def test_who_may_run_a_known_document_is_asked_each_time(
    serve: Serve, catalogue: Database, issue_key: Keys
) -> None:
    admin, reader, shop = await issue_key("admin"), await issue_key("read"), await issue_key("storefront")
    await catalogue.transact(persisted_operations.add, [LEVELS])
    async with serve(mode="production", introspection="auto", persisted_only="public") as client:
        for _ in range(2):
            assert (await ask(client, admin, INTROSPECTION))[0] == 200
            assert code(await ask(client, reader, INTROSPECTION)) == (403, "FORBIDDEN")
            assert (await ask(client, admin, SET, on=1))[0] == 200
            assert code(await ask(client, reader, SET, on=2)) == (403, "FORBIDDEN")
            assert (await ask(client, reader, SIZED, first=1))[0] == 200
            assert code(await ask(client, shop, SIZED, first=1)) == (403, "PERSISTED_QUERY_ONLY")
            assert "errors" not in (await ask(client, shop, LEVELS, sku="sku-1"))[1]
