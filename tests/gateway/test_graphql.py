"""GraphQL over HTTP: who may ask, what may be sent, and how errors are told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import structlog
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.engine import make_url
from starlette.applications import Starlette
from structlog.testing import CapturingLogger

from gateway.app import create_app
from gateway.graphql import errors
from gateway.settings import Settings
from storage import access
from storage.database import Database

QUERY = {"query": '{ product(sku: "sku-1") { sku } }'}
ANSWER = {"data": {"product": {"sku": "SKU-1"}}}
UPDATE = {
    "query": """mutation { inventoryUpdate(input: {product: {sku: "SKU-1"}, location: {id: 1}, onHand: 7}) {
        stockLevel { onHand } changeGroup { dialect principal requestId } userErrors { code } } }"""
}
GRAPHQL_JSON = "application/graphql-response+json"


async def post(client: httpx.AsyncClient, key: str | None, body: Any = None, **headers: str) -> httpx.Response:
    """One request; `accept_` becomes `Accept`."""
    named = {name.rstrip("_").replace("_", "-"): value for name, value in headers.items()}
    if key is not None:
        named["X-API-Key"] = key
    return await client.post("/graphql", json=QUERY if body is None else body, headers=named)


def only_error(response: httpx.Response) -> dict[str, Any]:
    """The error of an answer that has nothing else."""
    body = response.json()
    assert list(body) == ["errors"]
    [error] = body["errors"]
    return error


@pytest.fixture
async def key(issue_key: Any) -> str:
    """A key that may read and write."""
    return await issue_key("read", "write")


async def test_a_query_is_answered_with_json(client: httpx.AsyncClient, key: str) -> None:
    response = await post(client, key)
    assert (response.status_code, response.json()) == (200, ANSWER)
    assert response.headers["content-type"] == "application/json; charset=utf-8"


async def test_a_key_may_come_in_either_header_and_its_own_header_goes_first(
    client: httpx.AsyncClient, key: str
) -> None:
    for headers in (
        {"Authorization": f"Bearer {key}"},
        {"Authorization": f"bearer  {key} "},
        {"X-API-Key": f" {key} "},
        {"X-API-Key": key, "Authorization": "Bearer nonsense"},
        {"X-API-Key": "", "Authorization": f"Bearer {key}"},
    ):
        response = await client.post("/graphql", json=QUERY, headers=headers)
        assert response.json() == ANSWER, headers


async def test_a_request_without_a_valid_key_is_401_in_graphql_s_shape(
    client: httpx.AsyncClient, catalogue: Database, app: Starlette
) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    expired = await catalogue.transact(access.issue_api_key, "old", [access.Scope.READ], expires_at=past)
    revoked = await catalogue.transact(access.issue_api_key, "gone", [access.Scope.READ])
    assert (await post(client, revoked.token)).status_code == 200
    await catalogue.transact(access.revoke_api_key, revoked.id)
    app.state.authenticator.forget()
    secret = await catalogue.transact(access.issue_webhook_secret, "hook")
    unknown = access.new_token(access.API_KEY_PREFIX)
    for token in (None, "", "nonsense", "é", unknown, expired.token, revoked.token, secret.token):
        for query in (QUERY, UPDATE, {"query": "{ __typename }"}, {"query": "nonsense"}):
            headers = {} if token is None else {"X-API-Key": token.encode()}
            response = await client.post("/graphql", json=query, headers=headers)
            assert response.status_code == 401
            assert only_error(response)["extensions"] == {"code": "UNAUTHENTICATED"}
            assert response.headers["www-authenticate"].startswith("Bearer")
    other = await client.post("/graphql", json=QUERY, headers={"Authorization": "Basic dXNlcjpwYXNz"})
    assert other.status_code == 401


async def test_reading_needs_the_read_scope_and_writing_the_write_scope(
    client: httpx.AsyncClient, issue_key: Any
) -> None:
    allowed = {("read",): (200, 403), ("write",): (403, 200), ("read", "write"): (200, 200), ("admin",): (200, 200)}
    allowed[("storefront",)] = (200, 403)
    for scopes, expected in allowed.items():
        token = await issue_key(*scopes)
        answers = [await post(client, token, query) for query in (QUERY, UPDATE)]
        assert tuple(answer.status_code for answer in answers) == expected
        for answer in answers:
            if answer.status_code == 403:
                assert only_error(answer)["extensions"] == {"code": "FORBIDDEN"}


async def test_only_json_is_taken(client: httpx.AsyncClient, key: str) -> None:
    for content_type in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/graphql",
        "",
    ):
        headers = {"X-API-Key": key, "Content-Type": content_type}
        response = await client.post("/graphql", content=b'{"query": "{ __typename }"}', headers=headers)
        assert response.status_code == 415
        assert only_error(response)["extensions"]["code"]
    headers = {"X-API-Key": key, "Content-Type": "Application/JSON ; charset=UTF-8"}
    response = await client.post("/graphql", content=b'{"query": "{ __typename }"}', headers=headers)
    assert response.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"{ __typename }"',
        b"{}",
        b'{"query": null}',
        b'{"query": 1}',
        b'{"query": ["{ __typename }"]}',
        b'{"query": "{ __typename }", "variables": []}',
        b'{"query": "{ __typename }", "variables": "{}"}',
        b'{"query": "{ __typename }", "operationName": 1}',
        b'{"query": "\xff"}',
        b'{"query": "{ __typename }", "variables": {"x": "\\ud800"}}',
        b'{"query": "{ __typename }", "variables": ' + b"[" * 2000 + b"]" * 2000 + b"}",
        b'[{"query": "{ __typename }"}]',
    ],
)
async def test_a_body_that_is_no_request_is_400(client: httpx.AsyncClient, key: str, body: bytes) -> None:
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    response = await client.post("/graphql", content=body, headers=headers)
    assert response.status_code == 400
    assert only_error(response)["message"]


async def test_extensions_and_null_variables_are_taken(client: httpx.AsyncClient, key: str) -> None:
    for extra in (
        {"variables": None},
        {"operationName": None},
        {"operationName": ""},
        {"extensions": {"a": 1}},
        {"variables": {"unknown": 1}},
    ):
        assert (await post(client, key, {**QUERY, **extra})).json() == ANSWER


async def test_the_media_type_of_the_specification_is_used_for_those_who_accept_it(
    client: httpx.AsyncClient, key: str
) -> None:
    invalid = {"query": "{ nope }"}
    for accept, media_type, status in (
        (GRAPHQL_JSON, GRAPHQL_JSON, 400),
        (f"{GRAPHQL_JSON}; charset=utf-8, application/json;q=0.9", GRAPHQL_JSON, 400),
        ("application/json", "application/json", 200),
        ("*/*", "application/json", 200),
        ("text/html, */*;q=0.1", "application/json", 200),
        (f"application/json;q=0.5, {GRAPHQL_JSON};q=0.4", "application/json", 200),
        (f"{GRAPHQL_JSON}, application/json, text/event-stream", GRAPHQL_JSON, 400),
        (f"{GRAPHQL_JSON};q=0, application/*", "application/json", 200),
    ):
        response = await post(client, key, accept_=accept)
        assert (response.status_code, response.json()) == (200, ANSWER)
        assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
        refused = await post(client, key, invalid, accept_=accept)
        assert refused.status_code == status
        assert only_error(refused)["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        executed = await post(client, key, {"query": "{ product { id } locations { slug } }"}, accept_=accept)
        assert executed.status_code == 200
        assert executed.json()["data"]["product"] is None
        assert len(executed.json()["data"]["locations"]) == 3


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"query": ""}, "Syntax Error"),
        ({"query": "{"}, "Syntax Error"),
        ({"query": "query Q { __typename"}, "Syntax Error"),
        ({"query": '{ product(sku: "\\uD800") { id } }'}, "Syntax Error"),
        ({"query": "{ nope }"}, "Cannot query field 'nope'"),
        ({"query": "{ products { nodes } }"}, "must have a selection"),
        ({"query": "fragment F on Product { id }"}, "F"),
        ({"query": "query A { __typename } query B { __typename }"}, "Must provide operation name"),
        ({"query": "query A { __typename }", "operationName": "B"}, "Unknown operation named 'B'"),
        ({"query": "subscription { x }"}, "on type 'Subscription'"),
        ({"query": "query($n: Int!) { products(first: $n) { totalCount } }"}, "$n"),
        ({"query": "query($n: Int!) { products(first: $n) { totalCount } }", "variables": {"n": 2**40}}, "$n"),
    ],
)  # fmt: skip
async def test_what_cannot_be_executed_has_errors_with_places_and_no_data(
    client: httpx.AsyncClient, key: str, request_: dict[str, Any], message: str
) -> None:
    response = await post(client, key, request_, accept_=GRAPHQL_JSON)
    body = response.json()
    assert (response.status_code, "data" in body) == (400, False)
    assert any(part in body["errors"][0]["message"] for part in message.split("|")), body
    assert {error["extensions"]["code"] for error in body["errors"]} == {"GRAPHQL_VALIDATION_FAILED"}


async def test_the_named_operation_of_several_is_executed(client: httpx.AsyncClient, key: str) -> None:
    query = "query A { a: __typename } query B { product(id: 1) { ...F } } fragment F on Product { sku } "
    for name, expected in (("A", {"a": "Query"}), ("B", {"product": {"sku": "SKU-1"}})):
        assert (await post(client, key, {"query": query, "operationName": name})).json() == {"data": expected}


async def test_the_scope_that_counts_is_that_of_the_named_operation(client: httpx.AsyncClient, issue_key: Any) -> None:
    token = await issue_key("read")
    query = f"query A {{ a: __typename }} {UPDATE['query'].replace('mutation', 'mutation B', 1)}"
    assert (await post(client, token, {"query": query, "operationName": "A"})).status_code == 200
    assert (await post(client, token, {"query": query, "operationName": "B"})).status_code == 403


@pytest.mark.parametrize(
    "query",
    [
        "{ a" * 4000 + "}" * 4000,
        "{ product(id: 1) { stockLevels(locations: " + "[" * 4000 + "]" * 4000 + ") { id } } }",
        "{ products { nodes " + "{ parent " * 400 + "{ id }" + "}" * 402,
        "query($x: " + "[" * 4000 + "Int" + "]" * 4000 + ") { __typename }",
        "{ products { ...F0 } } "
        + " ".join(f"fragment F{n} on ProductConnection {{ ...F{n + 1} }}" for n in range(800))
        + " fragment F800 on ProductConnection { totalCount }",
    ],
    ids=["fields", "lists", "relations", "types", "fragments"],
)
async def test_a_document_nested_without_measure_is_refused_and_no_bug(
    client: httpx.AsyncClient, key: str, query: str
) -> None:
    response = await post(client, key, {"query": query}, accept_=GRAPHQL_JSON)
    assert response.status_code in {200, 400}
    assert "INTERNAL_SERVER_ERROR" not in response.text


async def test_a_mutation_is_written_and_tells_who_asked(client: httpx.AsyncClient, key: str) -> None:
    response = await post(client, key, UPDATE, x_request_id="till-7")
    group = {"dialect": "graphql", "principal": "test", "requestId": "till-7"}
    assert response.json() == {
        "data": {"inventoryUpdate": {"stockLevel": {"onHand": 7}, "changeGroup": group, "userErrors": []}}
    }


async def test_a_refused_value_is_an_error_with_a_path_beside_the_rest_of_the_data(
    client: httpx.AsyncClient, key: str
) -> None:
    query = "{ good: product(id: 1) { sku } bad: product(id: 1, sku: null, gtin: 5) { id } }"
    assert (await post(client, key, {"query": query})).json()["errors"]
    query = '{ good: product(id: 1) { sku } bad: product(id: "x") { id } }'
    body = (await post(client, key, {"query": query})).json()
    assert body["data"] == {"good": {"sku": "SKU-1"}, "bad": None}
    [error] = body["errors"]
    assert (error["path"], error["extensions"]) == (["bad"], {"code": "BAD_USER_INPUT"})
    assert error["locations"] == [{"line": 1, "column": 32}]


async def test_the_request_id_is_passed_through_or_made(client: httpx.AsyncClient, key: str) -> None:
    assert (await post(client, key, x_request_id="abc-1")).headers["x-request-id"] == "abc-1"
    assert (await post(client, None, x_request_id="abc-2")).headers["x-request-id"] == "abc-2"
    made = (await post(client, key, x_request_id="not well formed")).headers["x-request-id"]
    assert len(made) == 32


async def test_an_unexpected_error_is_masked_with_the_request_id_and_logged(
    client: httpx.AsyncClient, key: str, catalogue: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged = CapturingLogger()
    monkeypatch.setattr(errors, "log", structlog.wrap_logger(logged, processors=[]))
    await catalogue.transact(_drop_the_ledger)
    response = await post(client, key, {"query": "{ stockChanges { totalCount } }"}, x_request_id="abc-3")
    [error] = response.json()["errors"]
    assert response.json()["data"] is None
    assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "requestId": "abc-3"}
    assert "abc-3" in error["message"]
    assert "ledger_entry" not in response.text
    [call] = logged.calls
    assert (call.method_name, call.kwargs["request_id"]) == ("error", "abc-3")
    assert "ledger_entry" in str(call.kwargs["exc_info"])
    beside = {"query": "{ stockChanges { totalCount } product(id: 1) { sku } }"}
    assert "ledger_entry" not in (await post(client, key, beside)).text
    written = await post(client, key, UPDATE)
    assert written.json()["errors"][0]["extensions"]["code"] in {"INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE"}
    assert "ledger_entry" not in written.text


async def _drop_the_ledger(session: Any) -> None:
    await session.execute(text("DROP TABLE ledger_entry"))


class Line:
    """A line to the database server that can be cut."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._port = 0
        self._ends: list[asyncio.StreamWriter] = []

    async def restore(self) -> None:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        self._server.close()
        for end in self._ends:
            end.close()

    @property
    def url(self) -> str:
        through = self._url.set(host="127.0.0.1", port=self._port).difference_update_query(["host", "port"])
        return through.render_as_string(hide_password=False)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = str(self._url.query.get("host", self._url.host))
        port = int(self._url.port or 5432)
        there = asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        back, forth = await (there if host.startswith("/") else asyncio.open_connection(host, port))
        self._ends += [writer, forth]
        await asyncio.gather(_carry(reader, forth), _carry(back, writer))


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


# An SQLite file is there, or the program does not start: only a server can be out of reach
_FAR = pytest.mark.parametrize("template_url", ["postgresql"], indirect=True)


@pytest.fixture
async def line(database_url: str) -> AsyncIterator[Line]:
    """A line to this test's database."""
    line = Line(database_url)
    await line.restore()
    yield line
    await line.cut()


@pytest.fixture
async def far_app(line: Line, settings: Settings, catalogue: Database) -> AsyncIterator[Starlette]:
    """The application at the other end of the line."""
    app = create_app(settings.model_copy(update={"database_url": SecretStr(line.url)}))
    async with app.router.lifespan_context(app):
        yield app
        await line.restore()


@pytest.fixture
async def far_client(far_app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that application."""
    transport = httpx.ASGITransport(app=far_app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        yield client


@_FAR
@pytest.mark.parametrize("query", [pytest.param(UPDATE, id="write"), pytest.param(QUERY, id="read")])
async def test_a_database_out_of_reach_is_told_as_such(
    far_client: httpx.AsyncClient, key: str, line: Line, query: dict[str, str]
) -> None:
    assert (await post(far_client, key, query)).status_code == 200
    await line.cut()
    response = await post(far_client, key, query)
    assert response.json()["errors"][0]["extensions"] == {"code": "SERVICE_UNAVAILABLE"}


@_FAR
async def test_service_goes_on_when_the_database_is_back(far_client: httpx.AsyncClient, key: str, line: Line) -> None:
    assert (await post(far_client, key)).json() == ANSWER
    await line.cut()
    assert "errors" in (await post(far_client, key)).json()
    await line.restore()
    assert (await post(far_client, key)).json() == ANSWER
    assert (await post(far_client, key, UPDATE)).json()["data"]["inventoryUpdate"]["userErrors"] == []
    await line.cut()


@_FAR
async def test_a_key_that_cannot_be_looked_up_is_not_called_invalid(
    far_client: httpx.AsyncClient, key: str, line: Line
) -> None:
    await line.cut()
    response = await post(far_client, key)
    assert response.status_code == 503
    assert only_error(response)["extensions"] == {"code": "SERVICE_UNAVAILABLE"}


async def test_other_methods_are_refused_in_graphql_s_shape(client: httpx.AsyncClient, key: str) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        response = await client.request(method, "/graphql", params=QUERY, headers={"X-API-Key": key})
        assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, POST, OPTIONS")
        assert only_error(response)["extensions"] == {"code": "METHOD_NOT_ALLOWED"}


async def test_a_body_over_the_limit_is_refused_in_graphql_s_shape(
    client: httpx.AsyncClient, key: str, settings: Settings
) -> None:
    response = await post(client, key, {"query": "{ __typename } #" + "x" * settings.body_bytes_max})
    assert response.status_code == 413
    assert only_error(response)["extensions"] == {"code": "PAYLOAD_TOO_LARGE"}
