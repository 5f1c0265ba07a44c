"""GET /openapi.json: valid, whole, and nothing but what is served."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from gateway.dialects import DIALECTS
from gateway.openapi.serving import described
from tests import conforming

PAGES: Final = ("/console", "/docs")  # for people: they are no part of the API
REFUSING: Final = {"_other_method", "_options"}  # what answers every other method, and preflights
ALIASES: Final = {prefix for dialect in DIALECTS for prefix in dialect.prefixes[1:]}
sqlite_only = pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)


def test_the_document_is_valid_openapi() -> None:
    document = {**described(), "servers": [{"url": "/"}]}
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
    assert document["openapi"].startswith("3.1")
    ids = [operation["operationId"] for _, operation in operations()]
    assert len(ids) == len(set(ids))


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every operation, as `GET /api/changes`."""
    for path, item in described()["paths"].items():
        yield from ((f"{method.upper()} {path}", operation) for method, operation in item.items())


def mounted(routes: Any, prefix: str = "") -> Iterator[str]:
    """Every method of every path that is served. HEAD goes without saying."""
    for route in routes:
        path = prefix + re.sub(r"\{(\w+):\w+\}", r"{\1}", getattr(route, "path", ""))
        if isinstance(route, Mount) and path not in ALIASES:
            yield from mounted(route.routes, path)
        elif _is_served(route) and not path.startswith(PAGES):
            yield from (f"{method} {path.rstrip('/') or '/'}" for method in (route.methods or set()) - {"HEAD"})


def _is_served(route: Any) -> bool:
    return isinstance(route, Route) and route.include_in_schema and route.endpoint.__name__ not in REFUSING


@sqlite_only
async def test_every_route_is_described_and_nothing_else_is(app: Starlette) -> None:
    assert {name for name, _ in operations()} == set(mounted(app.routes))


def test_every_operation_tells_its_errors_and_who_may_call() -> None:
    schemes = described()["components"]["securitySchemes"]
    for name, operation in operations():
        assert operation["summary"], name
        answers = operation["responses"]
        assert any(status.startswith("2") for status in answers), name
        assert all(scheme in schemes for choice in operation["security"] for scheme in choice), name
        if name == "GET /metrics":  # it spends no points and needs no database
            assert {"401", "403"} <= answers.keys()
        elif operation["security"]:
            assert {"401", "403", "429", "500", "503", "504"} <= answers.keys(), name
        if "requestBody" in operation:
            assert {"400", "413"} <= answers.keys(), name


@sqlite_only
async def test_it_is_served_to_everybody_with_a_tag_and_the_address_of_this_server(
    serve: Callable[..., Any],
) -> None:
    async with serve(public_url="https://stock.example/api/") as client:
        answer = await client.get("/openapi.json")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        assert answer.json()["servers"] == [{"url": "https://stock.example/api"}]
        known = {"If-None-Match": answer.headers["etag"]}
        assert (await client.get("/openapi.json", headers=known)).status_code == 304
    async with serve() as client:
        assert (await client.get("/openapi.json")).json()["servers"] == [{"url": "/"}]


@sqlite_only
async def test_our_own_routes_answer_as_described(client: httpx.AsyncClient, issue_key: Any) -> None:
    client.event_hooks["response"].append(conforming.check)
    keys = {"read": await issue_key("read", "write"), "till": await issue_key("write"), "nobody": "sgk_x"}
    line = '{product: {id: "1"}, location: {id: "1"}, onHand: 3}'
    update = f"mutation {{ inventoryUpdate(input: {line}) {{ userErrors {{ code }} }} }}"
    queries = [update, "{ viewer { name } }", "{ nope }", "{ product(id: 1) { sku onHand } }", "{"]
    for key in keys.values():
        headers = {"X-API-Key": key}
        for accept in ("application/json", "application/graphql-response+json", "text/plain"):
            for query in queries:
                sent = {**headers, "Accept": accept}
                await client.post("/graphql", json={"query": query}, headers=sent)
                await client.get("/graphql", params={"query": query}, headers=sent)
        await client.post("/graphql", content="{", headers={**headers, "Content-Type": "text/plain"})
        for parameters in ({"after": 0, "first": 1}, {"after": "x"}, {}):
            await client.get("/api/changes", params=parameters, headers=headers)
    for path in ("/healthz", "/readyz", "/schema.graphql", "/openapi.json"):
        assert (await client.get(path)).status_code == 200


def test_an_answer_that_is_not_described_is_found() -> None:
    request = httpx.Request("GET", "http://shop.test/healthz")
    for status, body, problem in ((200, {"status": "well"}, "is not one of"), (418, {}, "status is not described")):
        response = httpx.Response(status, json=body, request=request)
        [found] = conforming.problems_of("get /healthz", response)
        assert problem in found
    extra = httpx.Response(200, json={"status": "ok", "more": 1}, request=request)
    assert "more" in conforming.problems_of("get /healthz", extra)[0]
