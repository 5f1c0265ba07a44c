"""GraphQL over HTTP as specified: methods, media types, statuses, origins, caches."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from gateway.app import create_app
from gateway.graphql import media_types
from gateway.settings import Settings
from storage import inventory
from storage.database import Database
from tests.builders import a_change, a_group

QUERY = '{ product(sku: "sku-1") { sku onHand } }'
MUTATION = (
    "mutation { inventoryUpdate(input: {product: {id: 1}, location: {id: 1}, onHand: 7}) { userErrors { code } } }"
)
GRAPHQL_JSON = "application/graphql-response+json"
SHOP = "https://shop.example"
Serve = Callable[..., Any]


@pytest.fixture
async def key(issue_key: Callable[..., Awaitable[str]]) -> str:
    """A key that may read and write."""
    return await issue_key("read", "write")


def code(response: httpx.Response) -> str:
    """The code of the first error."""
    return str(response.json()["errors"][0]["extensions"]["code"])


async def get(client: httpx.AsyncClient, key: str, query: str = QUERY, **headers: str) -> httpx.Response:
    """A query by GET."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.get("/graphql", params={"query": query}, headers={"X-API-Key": key, **named})


async def post(client: httpx.AsyncClient, key: str, query: str = QUERY, **members: Any) -> httpx.Response:
    """An operation by POST."""
    return await client.post("/graphql", json={"query": query, **members}, headers={"X-API-Key": key})


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        (GRAPHQL_JSON, GRAPHQL_JSON),
        ("application/GraphQL-Response+JSON ; charset=utf-8", GRAPHQL_JSON),
        (f"{GRAPHQL_JSON}, application/json", GRAPHQL_JSON),
        (f"application/json, {GRAPHQL_JSON}", "application/json"),
        (f"application/json;q=0.8, {GRAPHQL_JSON};q=0.9", GRAPHQL_JSON),
        (f"{GRAPHQL_JSON};q=0.1, */*;q=0.2", "application/json"),
        (f"{GRAPHQL_JSON}, application/json;q=0.9, */*;q=0.8", GRAPHQL_JSON),
        ("application/json;q=0, */*", GRAPHQL_JSON),
        ("text/html, application/xhtml+xml, */*;q=0.8", "application/json"),
        ("application/json;q=0", None),
        ("text/html", None),
        ("application/json;q=nan", None),
    ],
)
def test_the_media_type_that_the_client_ranks_highest_is_chosen(accept: str, chosen: str | None) -> None:
    assert media_types.preferred(accept) == chosen


async def test_nothing_that_is_acceptable_is_406(client: httpx.AsyncClient, key: str) -> None:
    response = await get(client, key, Accept="text/csv")
    assert (response.status_code, code(response)) == (406, "NOT_ACCEPTABLE")


async def test_a_query_may_come_by_get_with_its_parameters(client: httpx.AsyncClient, key: str) -> None:
    query = "query A { a: __typename } query B($id: ID!) { product(id: $id) { sku } }"
    parameters = {"query": query, "operationName": "B", "variables": '{"id": 2}', "extensions": "{}", "utm": "x"}
    response = await client.get("/graphql", params=parameters, headers={"X-API-Key": key})
    assert response.json() == {"data": {"product": {"sku": "SKU-2"}}}
    for wrong in (
        {},
        {"query": ""},
        {"query": query, "variables": "{"},
        {"query": query, "variables": "[]"},
        {"query": query, "extensions": "1"},
    ):
        refused = await client.get("/graphql", params=wrong, headers={"X-API-Key": key})
        assert (refused.status_code, code(refused)) == (400, "BAD_USER_INPUT"), wrong
    twice = await client.get(f"/graphql?{urlencode([('query', QUERY)] * 2)}", headers={"X-API-Key": key})
    assert (twice.status_code, "more than once" in twice.text) == (400, True)


async def test_a_get_changes_nothing(client: httpx.AsyncClient, key: str) -> None:
    for method in ("GET", "HEAD"):
        response = await client.request(method, "/graphql", params={"query": MUTATION}, headers={"X-API-Key": key})
        assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert (await post(client, key)).json()["data"]["product"]["onHand"] is None


async def test_head_is_get_without_the_body(client: httpx.AsyncClient, key: str) -> None:
    got = await get(client, key)
    head = await client.head("/graphql", params={"query": QUERY}, headers={"X-API-Key": key})
    assert (head.status_code, head.content) == (200, b"")
    for header in ("content-type", "content-length", "etag", "cache-control", "vary"):
        assert head.headers[header] == got.headers[header]


async def test_only_json_in_utf_8_is_taken(client: httpx.AsyncClient, key: str) -> None:
    body = json.dumps({"query": '{ product(sku: "é") { sku } }'})
    for content_type, status in (
        ("application/json", 200),
        ('application/json; charset="UTF-8"', 200),
        ("application/json; charset=utf-16", 415),
        ("application/json; charset=latin-1", 415),
        ("application/json+x", 415),
        ("text/plain; application/json", 415),
    ):
        headers = {"X-API-Key": key, "Content-Type": content_type}
        response = await client.post("/graphql", content=body, headers=headers)
        assert response.status_code == status, content_type


async def test_requests_beyond_the_specification_are_told_so(client: httpx.AsyncClient, key: str) -> None:
    batch = await client.post("/graphql", json=[{"query": QUERY}], headers={"X-API-Key": key})
    assert (batch.status_code, "request of its own" in batch.text) == (400, True)
    for member in ("variables", "extensions"):
        deep: Any = {}
        for _ in range(70):
            deep = {"x": [deep]}
        response = await post(client, key, **{member: deep})
        assert (response.status_code, "64 levels" in response.text) == (400, True)
    assert (await post(client, key, unheard="of", id=1)).json()["data"]["product"]["sku"] == "SKU-1"


# Caches


async def test_a_get_has_a_tag_that_holds_until_something_changes(
    client: httpx.AsyncClient, key: str, catalogue: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.graphql.caching.time.time", lambda: 1e9)
    first = await get(client, key)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, max-age=0, must-revalidate"
    assert {"Accept", "Authorization", "X-API-Key", "Origin"} == set(first.headers["vary"].split(", "))
    for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        same = await get(client, key, If_None_Match=given)
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
        assert same.headers["vary"] == first.headers["vary"]
    assert (await get(client, key, If_None_Match='"other"')).status_code == 200
    await catalogue.transact(inventory.apply, a_group(a_change()))
    changed = await get(client, key, If_None_Match=tag)
    assert (changed.status_code, changed.json()["data"]["product"]["onHand"]) == (200, 10)
    assert changed.headers["etag"] != tag


async def test_the_tag_is_of_the_caller_the_operation_and_the_minute(
    client: httpx.AsyncClient, key: str, issue_key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.graphql.caching.time.time", lambda: 1e9)
    limited = await issue_key("read", location_ids=[1])
    tags = [
        (await get(client, key)).headers["etag"],
        (await get(client, limited)).headers["etag"],
        (await get(client, key, QUERY + " ")).headers["etag"],
        (await get(client, key, Accept=GRAPHQL_JSON)).headers["etag"],
    ]
    for variables in ("{}", '{"id": 1}'):
        parameters = {"query": "query($id: ID) { product(id: $id, sku: null) { sku } }", "variables": variables}
        response = await client.get("/graphql", params=parameters, headers={"X-API-Key": key})
        tags += [response.headers["etag"]] if "etag" in response.headers else []
    monkeypatch.setattr("gateway.graphql.caching.time.time", lambda: 1e9 + 60)
    tags.append((await get(client, key)).headers["etag"])
    assert len(set(tags)) == len(tags) == 6, "and an answer with errors has none"


async def test_an_answer_with_errors_is_not_kept(client: httpx.AsyncClient, key: str) -> None:
    partial = await get(client, key, "{ a: product(id: 1) { sku } b: product { sku } }")
    assert partial.json()["data"]["a"] == {"sku": "SKU-1"}
    assert (partial.headers["cache-control"], "etag" in partial.headers) == ("no-store", False)


async def test_what_a_public_key_sees_may_be_kept_by_shared_caches(client: httpx.AsyncClient, issue_key: Any) -> None:
    public = await issue_key("storefront")
    response = await get(client, public, "{ product(id: 1) { sku } }")
    assert response.headers["cache-control"] == "public, max-age=0, must-revalidate"


# Origins


async def test_a_page_may_read_answers_where_its_origin_is_listed(serve: Serve, issue_key: Any) -> None:
    key, shop_key = await issue_key("read"), await issue_key("storefront", origins=[SHOP])
    query = "{ product(id: 1) { sku } }"
    async with serve(cors_origins=["https://office.example"]) as client:
        for token, origin, status, allowed in (
            (shop_key, SHOP, 200, True),
            (shop_key, "https://evil.example", 403, False),
            (shop_key, "null", 403, False),
            (shop_key, None, 200, False),
            (key, SHOP, 200, False),
            (key, "https://office.example", 200, True),
        ):
            headers = {"Origin": origin} if origin else {}
            for response in (
                await get(client, token, query, **headers),
                await client.post("/graphql", json={"query": query}, headers={"X-API-Key": token, **headers}),
            ):
                assert response.status_code == status, (token, origin)
                assert response.headers.get("access-control-allow-origin") == (origin if allowed else None)
                assert ("Origin" in response.headers.get("vary", "")) or not allowed
                assert "access-control-allow-credentials" not in response.headers
        invalid = await get(client, "nonsense", Origin="https://office.example")
        assert invalid.status_code == 401
        assert invalid.headers["access-control-allow-origin"] == "https://office.example"


async def test_a_preflight_is_answered_for_every_origin_that_some_key_lists(serve: Serve, issue_key: Any) -> None:
    await issue_key("storefront", origins=[SHOP])
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type, x-api-key"}
    async with serve(cors_origins=["https://office.example"]) as client:
        for origin, allowed in ((SHOP, True), ("https://office.example", True), ("https://evil.example", False)):
            response = await client.options("/graphql", headers={"Origin": origin, **asks})
            assert (response.status_code, response.content) == (204, b"")
            assert response.headers.get("access-control-allow-origin") == (origin if allowed else None)
            if allowed:
                assert "POST" in response.headers["access-control-allow-methods"]
                assert "X-API-Key" in response.headers["access-control-allow-headers"]
        plain = await client.options("/graphql")
        assert (plain.status_code, plain.headers["allow"]) == (204, "GET, HEAD, POST, OPTIONS")
    async with serve(cors_origins=["*"]) as client:
        response = await client.options("/graphql", headers={"Origin": "https://any.example", **asks})
        assert response.headers["access-control-allow-origin"] == "https://any.example"


# Persisted operations


def persisted(document: str, **more: Any) -> dict[str, Any]:
    """What Apollo's clients send for an operation."""
    sha256 = hashlib.sha256(document.encode()).hexdigest()
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha256}}, **more}


async def ask(client: httpx.AsyncClient, key: str, body: dict[str, Any]) -> httpx.Response:
    """A request with just these members."""
    return await client.post("/graphql", json=body, headers={"X-API-Key": key})


async def test_a_client_persists_an_operation_and_names_it_by_its_hash(
    client: httpx.AsyncClient, key: str, settings: Settings
) -> None:
    unknown = await ask(client, key, persisted(QUERY))
    assert (unknown.status_code, unknown.headers["cache-control"]) == (200, "no-store")
    [error] = unknown.json()["errors"]
    assert (error["message"], code(unknown)) == ("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
    answer = (await ask(client, key, persisted(QUERY, query=QUERY))).json()
    assert answer["data"]["product"]["sku"] == "SKU-1"
    assert (await ask(client, key, persisted(QUERY))).json() == answer
    parameters = {"extensions": json.dumps(persisted(QUERY)["extensions"])}
    got = await client.get("/graphql", params=parameters, headers={"X-API-Key": key})
    assert got.json() == answer
    sha256 = persisted(QUERY)["extensions"]["persistedQuery"]["sha256Hash"]
    assert (await ask(client, key, {"documentId": f"sha256:{sha256}"})).json() == answer
    other = create_app(settings)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=other), base_url="http://shop.test") as elsewhere:
        assert (await ask(elsewhere, key, persisted(QUERY))).json() == answer, "another process knows it, too"
    await other.state.database.close()


@pytest.mark.parametrize(
    "members",
    [
        {"query": QUERY, "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}},
        {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": "0" * 64}}},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "x" * 64}}},
        {"extensions": {"persistedQuery": {"version": 1}}},
        {"extensions": {"persistedQuery": "0"}},
        {"documentId": "0" * 64},
        {"documentId": 7},
    ],
)
async def test_a_hash_that_is_none_or_another_s_is_refused(
    client: httpx.AsyncClient, key: str, members: dict[str, Any]
) -> None:
    response = await ask(client, key, members)
    assert (response.status_code, code(response)) == (400, "BAD_USER_INPUT")


async def test_only_valid_operations_are_kept_and_only_so_many(serve: Serve, key: str) -> None:
    async with serve(persisted_max=3, key_cache_seconds=0) as client:
        invalid = await ask(client, key, persisted("{ nope }", query="{ nope }"))
        assert code(invalid) == "GRAPHQL_VALIDATION_FAILED"
        assert code(await ask(client, key, persisted("{ nope }"))) == "PERSISTED_QUERY_NOT_FOUND"
        queries = [f"{{ a{n}: __typename }}" for n in range(5)]
        for query in queries:
            await ask(client, key, persisted(query, query=query))
        known = ["data" in (await ask(client, key, persisted(query))).json() for query in queries]
        assert known == [False, False, True, True, True]


async def test_where_only_listed_operations_run_no_others_do(
    serve: Serve, key: str, issue_key: Any, catalogue: Database
) -> None:
    from storage import persisted_operations

    public = await issue_key("storefront")
    listed, other = "{ product(id: 1) { sku } }", "{ product(id: 2) { sku } }"
    await catalogue.transact(persisted_operations.add, [listed])
    await catalogue.transact(persisted_operations.remember, other, unlisted_max=10)
    for mode, refused in (("off", set()), ("public", {public}), ("all", {public, key})):
        async with serve(persisted_only=mode) as client:
            for token in (public, key):
                for body in (persisted(listed), persisted(listed, query=listed), {"query": listed}):
                    assert "data" in (await ask(client, token, body)).json()
                for body in (persisted(other), persisted(other, query=other), {"query": other}):
                    response = await ask(client, token, body)
                    assert ("data" in response.json()) is (token not in refused), (mode, body)
                    if token in refused:
                        assert (response.status_code, code(response)) == (403, "PERSISTED_QUERY_ONLY")


# Modes


async def test_the_schema_and_suggestions_are_for_development_and_for_admins(serve: Serve, issue_key: Any) -> None:
    key, admin = await issue_key("read"), await issue_key("admin")
    for settings, token, open_ in (
        ({}, key, False),
        ({}, admin, True),
        ({"mode": "development"}, key, True),
        ({"mode": "development", "introspection": "off"}, key, False),
        ({"mode": "development", "introspection": "off"}, admin, True),
        ({"introspection": "on"}, key, True),
    ):
        async with serve(**settings) as client:
            for query in (
                "{ __schema { queryType { name } } }",
                '{ ...F } fragment F on Query { __type(name: "ID") { name } }',
            ):
                response = await post(client, token, query)
                assert ("data" in response.json()) is open_, (settings, query)
                assert open_ or (response.status_code, code(response)) == (403, "FORBIDDEN")
            assert (await post(client, token, "{ __typename }")).json() == {"data": {"__typename": "Query"}}
            message = (await post(client, token, "{ product(id: 1) { skuu } }")).json()["errors"][0]["message"]
            suggests = settings.get("mode") == "development" or token == admin
            assert message.startswith("Cannot query field 'skuu' on type 'Product'.")
            assert ("Did you mean 'sku'?" in message) is suggests


async def test_an_answer_does_not_depend_on_the_way_it_took(app: Any, key: str) -> None:
    """Below a root path POST is routed; without one it is not."""
    headers = {"X-API-Key": key, "X-Request-Id": "till-7.42"}
    answers = []
    for root_path in ("", "/shop"):
        transport = httpx.ASGITransport(app=app, root_path=root_path)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
            for body in ({"query": QUERY}, {"query": "{"}, []):
                answer = await client.post(f"{root_path}/graphql", json=body, headers=headers)
                assert answer.headers.get_list("x-request-id") == ["till-7.42"]
                answers.append((root_path, answer.status_code, answer.json()))
            assert (await client.post(f"{root_path}/graphql/", json={"query": QUERY})).status_code in {307, 404}
    assert [answer[1:] for answer in answers if not answer[0]] == [answer[1:] for answer in answers if answer[0]]
    assert answers[0][2]["data"]["product"]["sku"] == "SKU-1"
