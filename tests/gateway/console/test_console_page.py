"""GraphiQL over HTTP: who gets the page, what it may load, and who is given a key."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from graphql import build_schema, parse, validate
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Route

from gateway.app import create_app
from gateway.console import tabs
from gateway.console.page import Page
from gateway.settings import Settings
from schema import sdl
from tests.serving import serving_demo

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
KEY = "sgk_demo"
ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "gateway/console/examples"


def app_with(**options: object) -> Starlette:
    """The application with the page switched on; no request here gets as far as a database."""
    return create_app(Settings(**{"console": "on", "database_url": "sqlite:///never-opened.db", **options}))


def visit(app: Starlette, client: str = "127.0.0.1", base: str = "http://127.0.0.1:8000") -> httpx.AsyncClient:
    """A client at some address, looking at the server under some name."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app, client=(client, 50000)), base_url=base)


@pytest.mark.parametrize("path", ["/graphql", "/console"])
async def test_a_browser_is_given_the_page(path: str) -> None:
    async with visit(app_with()) as client:
        response = await client.get(path, headers={"Accept": BROWSER})
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "Stockgate" in response.text
    assert response.headers["vary"] == "Accept"


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "*/*",
        "application/json",
        "application/graphql-response+json, application/json;q=0.9, text/html;q=0.5",
        "text/event-stream, text/html;q=0.9",
        "text/html;q=0, */*",
        "text/html;q=nonsense",
    ],
)
async def test_whoever_else_asks_at_graphql_is_answered_by_graphql(accept: str | None) -> None:
    async with visit(app_with()) as client:
        response = await client.get("/graphql", headers={"Accept": accept} if accept else {})
        posted = await client.post("/graphql", json={"query": "{ __typename }"}, headers={"Accept": BROWSER})
    assert "json" in response.headers["content-type"]
    assert posted.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_the_page_loads_nothing_from_elsewhere_and_has_nothing_inline() -> None:
    async with visit(app_with()) as client:
        page = await client.get("/graphql", headers={"Accept": BROWSER})
        again = await client.get("/graphql", headers={"Accept": BROWSER})
        addresses = re.findall(r'(?:src|href|data-tabs)="([^"]+)"', page.text)
        assert len(addresses) > 8
        for address in addresses:
            assert not address.startswith(("http", "/", "data:")), "relative, so that it holds below any root path"
            assert (await client.get(f"/{address}")).status_code == 200, address
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert "script-src" not in policy
    assert "unsafe" not in str(policy)
    assert policy["style-src"] != again.headers["content-security-policy"], "a nonce is used once"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["x-frame-options"] == "DENY"
    assert "<style" not in page.text
    assert not re.search(r"<script(?![^>]* src=)|\son\w+=|javascript:|\sstyle=", page.text)


async def test_an_asset_is_named_by_its_content_and_kept_for_ever() -> None:
    async with visit(app_with()) as client:
        page = await client.get("/console", headers={"Accept": BROWSER})
        for address in set(re.findall(r"console/assets/[\w.-]+", page.text)):
            asset = await client.get(f"/{address}", headers={"Accept-Encoding": "identity"})
            packed = await client.get(f"/{address}", headers={"Accept-Encoding": "gzip"})
            assert hashlib.sha256(asset.content).hexdigest()[:12] == address.split(".")[-2]
            assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert asset.headers["x-content-type-options"] == "nosniff"
            assert asset.headers["content-type"] != "application/octet-stream"
            assert packed.headers["content-encoding"] == "gzip"
            assert packed.content == asset.content
        assert (await client.get("/console/assets/console.000000000000.js")).status_code == 404
        assert (await client.get("/console/assets/..%2Fpage.py")).status_code == 404


async def test_switched_off_there_is_no_page_no_asset_and_no_key() -> None:
    for options in ({"console": "off", "mode": "development"}, {"console": "auto", "mode": "production"}):
        app = app_with(**options, console_key=SecretStr(KEY))
        async with visit(app) as client:
            page = await client.get("/graphql", headers={"Accept": BROWSER})
            assert "json" in page.headers["content-type"]
            assert (await client.get("/console", headers={"Accept": BROWSER})).status_code == 404
            assert (await client.post("/console/key", headers={"Origin": "http://127.0.0.1:8000"})).status_code == 404
        assert not any(isinstance(route, Route) and route.path.startswith("/console") for route in app.routes)


@pytest.mark.parametrize(
    "options", [{"console": "auto", "mode": "development"}, {"console": "on", "mode": "production"}]
)
async def test_switched_on_or_in_development_there_is_one(options: dict[str, str]) -> None:
    async with visit(app_with(**options)) as client:
        assert (await client.get("/console")).status_code == 200


@dataclass
class Asking:
    """Who asks for the key, from where."""

    client: str = "127.0.0.1"
    base: str = "http://127.0.0.1:8000"
    origin: str | None = "http://127.0.0.1:8000"
    proxy: str | None = None


@pytest.mark.parametrize(
    "asking",
    [
        Asking(),
        Asking(base="http://localhost:8000", origin="http://localhost:8000"),
        Asking(client="::1", base="http://[::1]:8000", origin="http://[::1]:8000"),
        Asking(client="::ffff:127.0.0.1"),
    ],
    ids=str,
)
async def test_a_page_on_this_machine_is_given_the_demo_s_key(asking: Asking) -> None:
    assert await _asked(asking) == KEY


@pytest.mark.parametrize(
    "asking",
    [
        Asking(client="192.168.1.7"),
        Asking(client="192.168.1.7", base="http://192.168.1.9:8000", origin="http://192.168.1.9:8000"),
        Asking(origin="https://evil.example"),
        Asking(origin="null"),
        Asking(origin=None),
        Asking(origin="http://127.0.0.1:9000"),
        Asking(origin="https://127.0.0.1:8000"),
        Asking(base="http://rebound.example:8000", origin="http://rebound.example:8000"),
        Asking(base="http://127.0.0.1.evil.example", origin="http://127.0.0.1.evil.example"),
        Asking(base="http://localhost.evil.example", origin="http://localhost.evil.example"),
        Asking(proxy="X-Forwarded-For"),
        Asking(proxy="Forwarded"),
        Asking(proxy="Via"),
    ],
    ids=str,
)
async def test_nobody_else_is_given_it(asking: Asking) -> None:
    assert await _asked(asking) is None


async def _asked(asking: Asking) -> str | None:
    headers = {"Origin": asking.origin} if asking.origin else {}
    if asking.proxy:
        headers[asking.proxy] = "for=203.0.113.9"
    async with visit(app_with(console_key=SecretStr(KEY)), asking.client, asking.base) as client:
        response = await client.post("/console/key", headers=headers)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in response.headers
    given: str | None = response.json()["apiKey"]
    return given


def test_the_demo_offers_no_key_to_a_database_that_is_not_its_own(tmp_path: Path) -> None:
    with serving_demo(tmp_path, STOCKGATE_DATABASE_URL="sqlite:///mine.db") as demo:
        given = httpx.post(f"{demo.base}/console/key", headers={"Origin": demo.base})
        assert given.json() == {"apiKey": None}


async def test_without_a_key_to_offer_the_page_does_not_ask() -> None:
    for key, offered in (("", "false"), (KEY, "true")):
        async with visit(app_with(console_key=SecretStr(key))) as client:
            page = await client.get("/console")
            assert f'data-key-offered="{offered}"' in page.text
            assert KEY not in page.text
            given = await client.post("/console/key", headers={"Origin": "http://127.0.0.1:8000"})
            assert given.json() == {"apiKey": key or None}


async def test_the_sdl_is_served_and_not_sent_twice() -> None:
    async with visit(app_with(console="off")) as client:
        first = await client.get("/schema.graphql")
        assert first.text == sdl()
        assert first.headers["content-type"] == "text/plain; charset=utf-8"
        assert first.headers["cache-control"] == "public, no-cache"
        etag = first.headers["etag"]
        for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            again = await client.get("/schema.graphql", headers={"If-None-Match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
        assert (await client.get("/schema.graphql", headers={"If-None-Match": '"other"'})).status_code == 200
        assert (await client.head("/schema.graphql")).headers["content-length"] == str(len(sdl().encode()))


async def test_a_page_that_was_not_built_says_why_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "not-built.txt").write_text("npm could not fetch <its> packages (ENOTFOUND).\n")
    page = Page(tmp_path, key_offered=False)
    app = Starlette(routes=[Route("/console", page.serve), Route("/console/assets/{name}", page.assets.serve)])
    async with visit(app) as client:
        answer = await client.get("/console")
        assert "npm could not fetch &lt;its&gt; packages (ENOTFOUND)." in answer.text
        assert "STOCKGATE_CONSOLE_BUILD=require scripts/install" in answer.text
        addresses = re.findall(r'(?:src|href)="(console/[^"]+)"', answer.text)
        assert addresses
        for address in addresses:
            assert (await client.get(f"/{address}")).status_code == 200


@pytest.mark.parametrize("name", tabs.NAMES)
def test_every_example_is_valid_for_the_published_schema(name: str) -> None:
    assert _problems(name) == []


def _problems(name: str) -> list[str]:
    published = build_schema((ROOT / "schema/schema.graphql").read_text())
    found = validate(published, parse((EXAMPLES / f"{name}.graphql").read_text()))
    return [problem.message for problem in found]


def test_every_file_of_the_folder_is_an_example() -> None:
    assert {path.stem for path in EXAMPLES.iterdir()} == set(tabs.NAMES)


def test_the_examples_are_what_the_page_loads() -> None:
    loaded = json.loads(tabs.as_json())
    assert [tab["query"] for tab in loaded] == [tab.query for tab in tabs.load()]
    assert all(tab["variables"] is None or json.loads(tab["variables"]) for tab in loaded)
