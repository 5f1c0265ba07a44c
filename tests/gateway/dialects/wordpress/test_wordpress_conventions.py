"""What every route below /wp-json does, shown on the small catalogue's mulopimfwc/v1 routes."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from orjson import Fragment
from starlette.applications import Starlette
from starlette.routing import Mount

from gateway.dialects.wordpress import Addressing, failures
from gateway.dialects.wordpress.answers import encode
from gateway.dialects.wordpress.conventions import _only
from gateway.settings import Settings
from storage.errors import StorageUnavailableError

BASE = "/wp-json/mulopimfwc/v1"
NAMESPACES = ["mulopimfwc/v1", "wc/v3", "wc-analytics"]
NO_ROUTE = {
    "code": "rest_no_route",
    "message": "No route was found matching the URL and request method.",
    "data": {"status": 404},
}


@pytest.fixture
def changed_settings() -> dict[str, Any]:
    """What a test sets differently: parametrize it."""
    return {}


@pytest.fixture
def settings(database_url: str, tmp_path: Path, changed_settings: dict[str, Any]) -> Settings:
    """Settings of the application under test."""
    return Settings(database_url=database_url, webhook_log_directory=tmp_path, **changed_settings)


@pytest.fixture
async def caller(client: httpx.AsyncClient, issue_key: Any) -> httpx.AsyncClient:
    """The client, with an API key that may read and write."""
    client.headers["X-API-Key"] = await issue_key("read", "write")
    return client


async def test_every_address_of_a_route_gives_the_same_answer(caller: httpx.AsyncClient) -> None:
    plain = await caller.get(f"{BASE}/locations")
    assert plain.json()["count"] == 2
    addresses = [
        f"{BASE}/locations/", "/mulopimfwc/v1/locations", "/mulopimfwc/v1/locations/",
        "/?rest_route=/mulopimfwc/v1/locations", "/?rest_route=/mulopimfwc/v1/locations/",
        "/?rest_route=%2Fmulopimfwc%2Fv1%2Flocations",
        "/index.php?rest_route=/mulopimfwc/v1/locations", "/index.php/wp-json/mulopimfwc/v1/locations",
        "/wp-json/MULOPIMFWC/V1/Locations",
    ]  # fmt: skip
    for address in addresses:
        response = await caller.get(address)
        assert (response.status_code, response.content) == (200, plain.content), address
    paged = await caller.get("/?rest_route=/mulopimfwc/v1/products&per_page=1&page=2")
    assert [each["id"] for each in paged.json()["data"]] == [2]


async def test_what_is_no_route_is_404_in_the_envelope(caller: httpx.AsyncClient) -> None:
    paths = [
        f"{BASE}/nope", f"{BASE}/locations/1", f"{BASE}/locations//", "/wp-json/mulopimfwc//v1/locations",
        "/wp-json/mulopimfwc/v2/locations", "/wp-json/mulopimfwc", "/wp-json/nope", "/wp-json//",
        "/mulopimfwc/v1/nope", "/?rest_route=/nope", "/wp-json/batch/v1",
    ]  # fmt: skip
    for path in paths:
        response = await caller.get(path)
        assert (response.status_code, response.json()) == (404, NO_ROUTE), path
        assert "allow" not in response.headers
        assert response.headers["x-robots-tag"] == "noindex"


async def test_a_wrong_method_is_404_and_not_405(caller: httpx.AsyncClient) -> None:
    wrong = [("POST", "/locations"), ("DELETE", "/locations"), ("PATCH", "/inventory/update"), ("PUT", "/products"),
             ("GET", "/inventory/bulk-sync"), ("PROPFIND", "/locations"), ("TRACE", "/locations")]  # fmt: skip
    for method, path in wrong:
        response = await caller.request(method, BASE + path, json={})
        assert (response.status_code, response.json()) == (404, NO_ROUTE), (method, path)
    head = await caller.head(f"{BASE}/inventory/update")
    assert (head.status_code, head.content) == (404, b"")


async def test_other_paths_are_none_of_wordpress(caller: httpx.AsyncClient) -> None:
    for path in ("/WP-JSON/mulopimfwc/v1/locations", "/?rest_route=", "/wp-jsonx", "/mulopimfwc", "/shop"):
        response = await caller.get(path)
        assert response.status_code == 404, path
        assert "x-robots-tag" not in response.headers
    assert (await caller.get("/healthz", headers={"X-HTTP-Method-Override": "DELETE"})).status_code == 200


async def test_head_is_get_without_a_body(caller: httpx.AsyncClient) -> None:
    get, head = await caller.get(f"{BASE}/locations"), await caller.head(f"{BASE}/locations")
    assert (head.status_code, head.content) == (200, b"")
    own = {"x-request-id": "", "ratelimit-remaining": ""}
    assert {**head.headers, **own, "vary": "Origin"} == {**get.headers, **own}


async def test_the_verb_is_overridden_by_query_or_else_by_header(caller: httpx.AsyncClient) -> None:
    item = {"product_id": 1, "location_id": 1, "stock": 1}
    override = {"X-HTTP-Method-Override": "get"}
    assert (await caller.post(f"{BASE}/locations", json={}, headers=override)).status_code == 200
    assert (await caller.put(f"{BASE}/inventory/update?_method=post", json=item)).status_code == 200
    both = await caller.post(f"{BASE}/locations?_method=GET", headers={"X-HTTP-Method-Override": "DELETE"})
    assert both.status_code == 200
    assert (await caller.get(f"{BASE}/locations?_method=DELETE")).status_code == 404


async def test_parameters_may_come_in_a_json_body_and_outrank_the_query(caller: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    response = await caller.request("GET", f"{BASE}/products?per_page=3", content='{"per_page":1}', headers=headers)
    assert (response.json()["per_page"], response.json()["count"]) == (1, 1)
    response = await caller.request("GET", f"{BASE}/products", content="{bad", headers=headers)
    assert (response.status_code, response.json()["code"]) == (400, "rest_invalid_json")
    for body in ("[1]", "5", "null", '{"per_page": [1], "page": {}, "search": true}', '{"search": ["a"]}'):
        response = await caller.request("GET", f"{BASE}/products", content=body, headers=headers)
        assert response.status_code == 200, body


async def test_fields_picks_members_by_name_and_by_path(caller: httpx.AsyncClient) -> None:
    picked: dict[str, Any] = {
        "success": {"success": True},
        "count, success": {"success": True, "count": 2},
        "_links,nope": {},
        "data.id": {"data": []},  # as PHP does it: a list has no member called id
    }
    for fields, expected in picked.items():
        answer = (await caller.get(f"{BASE}/locations", params={"_fields": fields})).json()
        assert {key: value for key, value in answer.items() if key != "_links"} == expected
    listed = await caller.get(f"{BASE}/locations?_fields[]=success&_fields[]=count")
    assert listed.json() == {"success": True, "count": 2}
    assert len((await caller.get(f"{BASE}/locations?_fields=")).json()) == 3
    assert (await caller.get("/wp-json/?_fields=namespaces")).json() == {"namespaces": NAMESPACES}
    error = await caller.post(f"{BASE}/inventory/update?_fields=code", json={})
    assert set(error.json()) == {"code", "message", "data"}


def test_fields_of_nested_objects_and_of_collections() -> None:
    body = {"a": {"b": 1, "c": {"d": 2, "e": 3}}, "f": 4}
    assert _only(body, ["a.c.d", "f"]) == {"a": {"c": {"d": 2}}, "f": 4}
    assert _only(body, ["a", "a.b"]) == {"a": body["a"]}
    assert _only(body, ["f.x"]) == {"f": 4}
    assert _only([body, body], ["f"]) == [{"f": 4}, {"f": 4}]
    linked = {"a": 1, "_links": {"self": []}}
    assert _only(linked, ["a"]) == linked  # as WordPress does it: one object keeps its links,
    assert _only([linked], ["a"]) == [{"a": 1}]  # those of a collection are members like others
    assert _only([linked], ["a", "_links"]) == [linked]
    assert _only([Fragment(b'{"a":{"b":1,"c":2}}')], ["a.b"]) == [{"a": {"b": 1}}]


async def test_envelope_wraps_status_and_headers_also_of_errors(caller: httpx.AsyncClient) -> None:
    response = await caller.get(f"{BASE}/locations?_envelope&_fields=success")
    assert response.json() == {"body": {"success": True}, "status": 200, "headers": {"Allow": "GET"}}
    assert "allow" not in response.headers
    del caller.headers["X-API-Key"]
    response = await caller.get(f"{BASE}/locations?_envelope=1")
    assert response.status_code == 200
    assert (response.json()["status"], response.json()["headers"]) == (401, [])
    assert response.json()["body"]["code"] == "rest_forbidden"
    assert (await caller.get("/wp-json/nope?_envelope")).json() == {"body": NO_ROUTE, "status": 404, "headers": []}


async def test_pretty_indents(caller: httpx.AsyncClient) -> None:
    response = await caller.get(f"{BASE}/products?search=zzz&_pretty=1")
    assert response.text == (
        '{\n    "success": true,\n    "count": 0,\n    "page": 1,\n    "per_page": 100,\n    "data": []\n}'
    )


async def test_jsonp_wraps_in_a_callback_and_refuses_a_bad_name_before_anything_is_done(
    caller: httpx.AsyncClient,
) -> None:
    response = await caller.get(f"{BASE}/locations?_jsonp=my.call_1&_fields=count")
    assert response.text == '/**/my.call_1({"count":2})'
    assert response.headers["content-type"] == "application/javascript; charset=UTF-8"
    item = {"product_id": 1, "location_id": 1, "stock": 1}
    response = await caller.post(f"{BASE}/inventory/update?_jsonp=alert(1)", json=item)
    assert (response.status_code, response.json()["code"]) == (400, "rest_callback_invalid")
    assert response.headers["content-type"] == "application/json; charset=UTF-8"
    stocks = {row["stock"] for row in (await caller.get(f"{BASE}/inventory/export")).json()["data"]}
    assert stocks == {""}


async def test_the_root_index_lists_namespaces_and_routes(client: httpx.AsyncClient) -> None:
    for path in ("/wp-json", "/wp-json/", "/?rest_route=/", "/index.php/wp-json/"):
        answer = (await client.get(path)).json()
        assert answer["namespaces"] == NAMESPACES, path
        assert (answer["name"], answer["url"], answer["home"]) == ("Stockgate", "http://shop.test", "http://shop.test")
        assert answer["authentication"] == []
        assert list(answer["routes"])[:2] == ["/", "/mulopimfwc/v1"]
        assert {"/wc/v3", "/wc-analytics", "/mulopimfwc/v1/locations"} <= set(answer["routes"])
    response = await client.get("/?rest_route[]=/wp/v2")
    assert (response.status_code, response.json()["code"]) == (400, "rest_path_invalid_type")


async def test_the_namespace_index_is_public_and_lists_its_routes(client: httpx.AsyncClient) -> None:
    for path in (BASE, f"{BASE}/", "/mulopimfwc/v1", "/?rest_route=/mulopimfwc/v1"):
        response = await client.get(path)
        answer = response.json()
        assert (response.status_code, response.headers["allow"]) == (200, "GET"), path
        assert list(answer) == ["namespace", "routes", "_links"]
        assert list(answer["routes"]) == [
            "/mulopimfwc/v1", "/mulopimfwc/v1/inventory/bulk-sync", "/mulopimfwc/v1/inventory/update",
            "/mulopimfwc/v1/inventory/export", "/mulopimfwc/v1/webhook/inventory-update",
            "/mulopimfwc/v1/locations", "/mulopimfwc/v1/products",
        ]  # fmt: skip
        assert answer["routes"]["/mulopimfwc/v1/inventory/update"] == {
            "namespace": "mulopimfwc/v1",
            "methods": ["POST"],
            "endpoints": [{"methods": ["POST"], "args": []}],
            "_links": {"self": [{"href": "http://shop.test/wp-json/mulopimfwc/v1/inventory/update"}]},
        }
        assert answer["_links"] == {"up": [{"href": "http://shop.test/wp-json/"}]}


@pytest.mark.parametrize("changed_settings", [{"public_url": "https://shop.example/"}])
async def test_a_setting_says_under_which_url_clients_reach_us(client: httpx.AsyncClient) -> None:
    response = await client.get(BASE)
    assert response.headers["link"] == '<https://shop.example/wp-json/>; rel="https://api.w.org/"'
    assert response.json()["_links"]["up"] == [{"href": "https://shop.example/wp-json/"}]


async def test_options_describes_a_route_without_credentials(client: httpx.AsyncClient, issue_key: Any) -> None:
    response = await client.options(f"{BASE}/inventory/update")
    assert (response.status_code, response.json()["methods"]) == (200, ["POST"])
    assert "allow" not in response.headers
    allowed = await client.options(f"{BASE}/inventory/update", headers={"X-API-Key": await issue_key("write")})
    assert allowed.headers["allow"] == "POST"
    assert (await client.options("/wp-json/nope/v1/x")).json() == []


async def test_allow_lists_what_the_caller_may_do(client: httpx.AsyncClient, issue_key: Any) -> None:
    reader = {"X-API-Key": await issue_key("read")}
    assert (await client.get(f"{BASE}/locations", headers=reader)).headers["allow"] == "GET"
    refused = await client.post(f"{BASE}/inventory/update", json={}, headers=reader)
    assert (refused.status_code, "allow" in refused.headers) == (403, False)


ORIGINS = pytest.mark.parametrize("changed_settings", [{"cors_origins": ["https://shop.example"]}])


@ORIGINS
async def test_cors_lets_configured_origins_in_and_allows_our_headers(client: httpx.AsyncClient) -> None:
    preflight = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST",
                 "Access-Control-Request-Headers": "x-api-key,idempotency-key,if-match"}  # fmt: skip
    for response in (
        await client.options(f"{BASE}/inventory/update", headers=preflight),
        await client.get(f"{BASE}/locations", headers={"Origin": "https://shop.example"}),
    ):
        assert response.headers["access-control-allow-origin"] == "https://shop.example"
        assert response.headers["access-control-allow-methods"] == "OPTIONS, GET, POST, PUT, PATCH, DELETE"
        assert response.headers["access-control-allow-credentials"] == "true"
        assert response.headers["vary"] == "Origin"
        allowed = response.headers["access-control-allow-headers"].split(", ")
        assert {"Authorization", "Content-Type", "X-API-Key", "Idempotency-Key", "If-Match"} <= set(allowed)
        assert {"X-WP-Total", "ETag", "X-Stock-Change-Group"} <= set(
            response.headers["access-control-expose-headers"].split(", ")
        )


@ORIGINS
async def test_cors_keeps_other_origins_out(client: httpx.AsyncClient) -> None:
    for origin in ("https://evil.example", "null", "https://shop.example.evil.example", "HTTPS://SHOP.EXAMPLE"):
        response = await client.get(f"{BASE}/locations", headers={"Origin": origin})
        assert "access-control-allow-origin" not in response.headers, origin
        assert response.headers["vary"] == "Origin"
        assert "X-API-Key" not in response.headers["access-control-allow-headers"]


@pytest.mark.parametrize("changed_settings", [{"cors_origins": ["*"]}])
async def test_cors_for_every_origin_is_without_credentials_of_the_browser(client: httpx.AsyncClient) -> None:
    response = await client.get(f"{BASE}/locations", headers={"Origin": "https://any.example"})
    assert response.headers["access-control-allow-origin"] == "https://any.example"
    assert "access-control-allow-credentials" not in response.headers


async def test_authenticated_answers_are_not_cached(client: httpx.AsyncClient, issue_key: Any) -> None:
    key = await issue_key("read")
    basic = "Basic " + base64.b64encode(f"apiuser:{key}".encode()).decode()
    for headers in ({"X-API-Key": key}, {"Authorization": basic}):
        response = await client.get(f"{BASE}/locations", headers=headers)
        assert response.headers["cache-control"] == "no-cache, must-revalidate, max-age=0, no-store, private"
        assert response.headers["expires"] == "Wed, 11 Jan 1984 05:00:00 GMT"
    assert "cache-control" not in (await client.get(BASE)).headers


@pytest.mark.parametrize("changed_settings", [{"body_bytes_max": 1024}])
async def test_a_body_over_the_limit_is_413_in_the_envelope(caller: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * 1000

    for content in (b'{"a":"' + b"x" * 2000 + b'"}', chunks()):
        response = await caller.post(
            f"{BASE}/inventory/update", content=content, headers={"Content-Type": "application/json"}
        )
        assert response.status_code == 413
        assert response.json() == {
            "code": "rest_request_too_large",
            "message": "The request body is larger than 1024 bytes.",
            "data": {"status": 413},
        }
    fits = b'{"a":"' + b"x" * (1024 - 8) + b'"}'
    headers = {"Content-Type": "application/json"}
    assert (await caller.post(f"{BASE}/inventory/update", content=fits, headers=headers)).status_code == 422


async def test_a_compressed_body_is_no_json(caller: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    content = gzip.compress(b'{"product_id": 1}')
    response = await caller.post(f"{BASE}/inventory/update", content=content, headers=headers)
    assert (response.status_code, response.json()["code"]) == (400, "rest_invalid_json")


async def test_an_unavailable_database_is_503_and_a_bug_is_500_without_detail(
    app: Starlette, caller: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raising(error: Exception) -> Any:
        async def read(*_args: Any, **_kwargs: Any) -> None:
            raise error

        return read

    monkeypatch.setattr(failures, "log", structlog.get_logger())  # one that no earlier test has bound
    monkeypatch.setattr(app.state.authenticator._principals, "_seconds", 60)
    await caller.get(f"{BASE}/locations")
    monkeypatch.setattr(app.state.database, "read", raising(StorageUnavailableError("disk gone at /var/secret")))
    response = await caller.get(f"{BASE}/locations")
    assert (response.status_code, response.json()["code"]) == (503, "service_unavailable")
    assert response.headers["retry-after"] == "2"
    assert "secret" not in response.text
    monkeypatch.setattr(app.state.database, "read", raising(ZeroDivisionError("secret detail")))
    with structlog.testing.capture_logs() as logged:
        response = await caller.get(f"{BASE}/locations", headers={"X-Request-Id": "find-me"})
    assert response.status_code == 500
    assert response.json() == {
        "code": "internal_server_error",
        "message": "Internal server error.",
        "data": {"status": 500},
    }
    (entry,) = [entry for entry in logged if entry["event"] == "internal error"]
    assert (entry["request_id"], str(entry["exc_info"])) == ("find-me", "secret detail")


def test_json_is_written_as_php_writes_it() -> None:
    assert encode({"a": "/ü😀", "b": [], "c": None, "d": True}) == (
        b'{"a":"\\/\\u00fc\\ud83d\\ude00","b":[],"c":null,"d":true}'
    )
    assert encode({"a": "a/b"}) == b'{"a":"a\\/b"}'
    assert encode([Fragment('{"a":"\\\\é\\n"}'.encode())]) == b'[{"a":"\\\\\\u00e9\\n"}]'
    text = {"a": 'Größe \\u00e9 "№ 5" 中文\x7f', "ключ": ["é", "\n"]}
    assert json.loads(encode(text)) == json.loads(encode(text, pretty=True)) == text
    assert json.loads(encode({"quote": '"\\/\n\x7f\u2028'})) == {"quote": '"\\/\n\x7f\u2028'}


async def test_dialects_are_mounted_before_the_rest_of_wp_json(app: Starlette) -> None:
    paths = [route.path for route in app.routes if isinstance(route, Mount)]
    assert [path for path in paths if path.startswith("/wp-json")][-1] == "/wp-json"


async def test_a_query_that_is_not_ascii_is_encoded_before_anybody_reads_it() -> None:
    seen: list[Any] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope)

    raw = {
        "type": "http",
        "path": "/wp-json/x",
        "query_string": b"a=\xff&b=%20\xc3\xa9",
        "headers": [],
        "method": "GET",
    }
    await Addressing(app)(raw, None, None)  # type: ignore[arg-type]
    assert seen[0]["query_string"] == b"a=%FF&b=%20%C3%A9"
