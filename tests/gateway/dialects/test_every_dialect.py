"""What holds for every dialect: what its requests pass, and what is answered when they do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import httpx
import orjson
import pytest
from sqlalchemy import text
from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gateway.authentication import header_token
from gateway.body import DEPTH_MAX, InvalidJsonError, parse_json
from gateway.dialects import DIALECTS
from gateway.dialects.dialect import ANSWERED, Dialect, mounts
from gateway.openapi.serving import described
from storage.access import Visibility
from storage.database import Database
from storage.errors import InventoryError
from tests import conforming

Serve = Callable[..., Any]
ROOT: Final = "wordpress"  # the index of /wp-json, where nothing is to be had
MULOPIMFWC: Final = "/wp-json/mulopimfwc/v1"
ITEM: Final = {"product_id": 1, "location_id": 1, "stock": 7}
SHOP: Final = "https://shop.example"

every_dialect = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)


@every_dialect
def test_a_dialect_answers_everything_that_may_be_raised_in_its_own_shape(dialect: Dialect) -> None:
    needed = set(ANSWERED) - ({InventoryError} if dialect.name == ROOT else set())
    assert needed <= set(dialect.handlers), "handlers of the Dialect lack some"


async def test_a_request_costs_its_key_points_whatever_becomes_of_it(serve: Serve, issue_key: Any) -> None:
    key = {"X-API-Key": await issue_key("read", "write", cost_per_minute=35)}
    free = {"X-API-Key": await issue_key("read", cost_per_minute=0)}
    async with serve(rest_request_cost=10) as client:
        for path, status, remaining in (("/locations", 200, "25"), ("/nowhere", 404, "15"), ("/products", 200, "5")):
            answer = await client.get(MULOPIMFWC + path, headers=key)
            told = (answer.headers["ratelimit-limit"], answer.headers["ratelimit-remaining"])
            assert (answer.status_code, *told) == (status, "35", remaining)
        refused = await client.post(f"{MULOPIMFWC}/inventory/update", json=ITEM, headers=key)
        wait = int(refused.headers["retry-after"])
        assert (refused.status_code, refused.headers["ratelimit-remaining"], 1 <= wait <= 60) == (429, "5", True)
        body = refused.json()
        assert (body["code"], body["data"]) == ("rate_limited", {"status": 429, "limit": 35, "remaining": 5})
        query = {"query": "{ __typename }"}
        assert (await client.post("/graphql", json=query, headers=key)).headers["ratelimit-remaining"] == "4"
        for headers in ({}, free):
            assert "ratelimit-limit" not in (await client.get(f"{MULOPIMFWC}/locations", headers=headers)).headers
    async with serve(rest_request_cost=0) as client:
        assert "ratelimit-limit" not in (await client.get(f"{MULOPIMFWC}/locations", headers=key)).headers


async def test_a_change_that_takes_too_long_is_504_and_not_written(
    serve: Serve, issue_key: Any, catalogue: Database
) -> None:
    key = {"X-API-Key": await issue_key("write")}
    async with serve(request_seconds_max=0.2) as hurried, catalogue.engine.connect() as other:
        await other.execution_options(stockgate_writes=True)
        await other.execute(text("SELECT 1" if catalogue.name == "sqlite" else "LOCK TABLE stock_level"))
        answer = await hurried.post(f"{MULOPIMFWC}/inventory/update", json=ITEM, headers=key)
        assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")
        await other.rollback()
    async with serve() as client:
        assert (await client.post(f"{MULOPIMFWC}/inventory/update", json=ITEM, headers=key)).headers["etag"] == '"1"'


@pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
async def test_who_does_not_see_quantities_exactly_is_told_none_by_rest(
    client: httpx.AsyncClient, issue_key: Any
) -> None:
    update = f"{MULOPIMFWC}/inventory/update"
    for visibility, cap in ((Visibility.BAND, None), (Visibility.CAPPED, 3)):
        key = {"X-API-Key": await issue_key("read", "write", visibility=visibility, cap=cap)}
        for path in ("/inventory/export", "/inventory/export?format=csv", "/products?inventory=1"):
            answer = await client.get(MULOPIMFWC + path, headers=key)
            assert (answer.status_code, answer.json()["code"]) == (403, "rest_forbidden")
            assert "does not see exact quantities" in answer.json()["message"]
        for path in ("/products", "/locations"):
            assert (await client.get(MULOPIMFWC + path, headers=key)).status_code == 200
        assert (await client.post(update, json=ITEM, headers=key)).status_code == 200
        stale = await client.post(update, json=ITEM, headers={**key, "If-Match": '"9"'})
        assert stale.json()["data"] == {"status": 412, "error": "stale_version", "current_version": 1}


class _Keys(AuthenticationBackend):
    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        token = header_token(conn)
        principal = await conn.app.state.authenticator.api_key(token) if token else None
        return principal and (principal.scopes, principal)


async def _told(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, getattr(error, "status_code", 500))


async def _thing(_request: Request) -> JSONResponse:
    return JSONResponse({"thing": 1})


TINY: Final = Dialect(
    "tiny", ["/tiny"], [Route("/thing", _thing, methods=["GET"])], _Keys(), dict.fromkeys(ANSWERED, _told)
)


@pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
async def test_pages_of_listed_origins_may_send_and_read_our_headers(serve: Serve, issue_key: Any) -> None:
    key, own = await issue_key("read"), await issue_key("read", origins=["https://own.example"])
    preflight = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "if-match"}
    async with serve(cors_origins=[SHOP]) as client:
        client.app.router.routes.extend(mounts(TINY))
        asked = await client.options("/tiny/thing", headers={"Origin": SHOP, **preflight})
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, SHOP)
        assert "PATCH" in asked.headers["access-control-allow-methods"]
        assert "Idempotency-Key, If-Match, X-Dry-Run" in asked.headers["access-control-allow-headers"]
        stranger = await client.options("/tiny/thing", headers={"Origin": "https://evil.example", **preflight})
        assert "access-control-allow-origin" not in stranger.headers
        read = await client.get("/tiny/thing", headers={"Origin": SHOP, "X-API-Key": key})
        assert read.headers["access-control-allow-origin"] == SHOP
        assert {"RateLimit-Limit", "X-Stock-Change-Group"} <= set(
            read.headers["access-control-expose-headers"].split(", ")
        )
        assert (read.headers["vary"], read.headers["ratelimit-limit"]) == ("Origin", "10000000")
        mine = await client.get("/tiny/thing", headers={"Origin": "https://own.example", "X-API-Key": own})
        assert mine.headers["access-control-allow-origin"] == "https://own.example"
        assert (await client.options("/tiny/thing", headers={"Origin": SHOP})).status_code == 405, (
            "that is no preflight"
        )


@pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
async def test_a_key_for_some_pages_is_refused_from_others(serve: Serve, issue_key: Any) -> None:
    key = {"X-API-Key": await issue_key("read", origins=[SHOP])}
    async with serve() as client:
        for path, code in ((f"{MULOPIMFWC}/locations", "rest_forbidden"), ("/tiny/thing", None)):
            client.app.router.routes.extend(mounts(TINY))
            assert (await client.get(path, headers={**key, "Origin": SHOP})).status_code == 200
            assert (await client.get(path, headers=key)).status_code == 200, "what is no browser sends no origin"
            refused = await client.get(path, headers={**key, "Origin": "https://evil.example"})
            assert (refused.status_code, refused.json().get("code")) == (403, code)
            assert "not for pages of https://evil.example" in str(refused.json())


def test_json_nests_no_deeper_than_it_can_be_written_again() -> None:
    deep = [b"[" * DEPTH_MAX + b"]" * DEPTH_MAX, b'{"a":' * DEPTH_MAX + b"1" + b"}" * DEPTH_MAX]
    for written in (*deep, b"[" + b"[]," * 500 + b"[]]"):
        orjson.dumps({"within": [{"an": {"answer": parse_json(written)}}]})
    for written in deep:
        with pytest.raises(InvalidJsonError):
            parse_json(b'{"more":' + written + b"}")


@pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
async def test_what_is_too_large_or_too_much_is_told_in_each_dialect_s_shape(serve: Serve, issue_key: Any) -> None:
    rich, poor = await issue_key("read", "write"), await issue_key("read", "write", cost_per_minute=1)
    asked = 0
    async with serve(body_bytes_max=1024) as client:
        for path, item in described()["paths"].items():
            method = next((method for method in item if "requestBody" in item[method]), None)
            if method is None or path in {"/graphql", "/api/imports"}:  # files have a limit of their own
                continue
            url = path.format(type="id", identifier="1", id="1", product_id="3")
            for key, status in ((rich, 413), (poor, 429)):
                headers = {"X-API-Key": key, "Authorization": f"Bearer {key}", "Content-Type": "application/json"}
                answer = await client.request(method, url, content=b'"%b"' % (b"x" * 1024), headers=headers)
                assert answer.status_code == status, (path, answer.text)
                assert conforming.problems_of(f"{method} {path}", answer) == []
                assert (status == 429) == ("retry-after" in answer.headers)
            asked += 1
    assert asked >= 10
