"""The API's page at /docs: who gets it, and that it shows every route in a real browser that is offline but for us."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import httpx
import pytest
from playwright.sync_api import Browser, expect

from gateway.app import create_app
from gateway.console.page import GRAPHIQL
from gateway.docs.page import Page
from gateway.openapi.serving import described
from gateway.settings import Settings
from tests.browsing import Seen, needed
from tests.serving import serving_demo

ARTEFACTS: Final = Path(__file__).parents[2] / "artefacts"


@pytest.mark.parametrize(("options", "status"), [({}, 200), ({"mode": "development", "docs": "off"}, 404)])
async def test_the_page_is_served_unless_the_setting_says_otherwise(options: dict[str, str], status: int) -> None:
    app = create_app(Settings.model_validate({"database_url": "sqlite:///never-opened.db", **options}))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
        response = await client.get("/docs")
        assert response.status_code == status
        if status == 200:
            assert "default-src 'self'" in response.headers["content-security-policy"]
            assert "unsafe" not in response.headers["content-security-policy"]
            [icon] = [word for word in response.text.split('"') if word.startswith("docs/assets/icon")][:1]
            asset = await client.get(f"/{icon}")
            assert (asset.status_code, asset.headers["content-type"]) == (200, "image/svg+xml")
        assert (await client.get("/docs/assets/nope.js")).status_code == 404


def test_where_swagger_ui_was_not_built_the_page_says_why_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "not-built.txt").write_text("npm could not fetch its packages (ENOTCACHED).\n")
    text = bytes(Page(tmp_path).respond().body).decode()
    assert "npm could not fetch its packages (ENOTCACHED)." in text
    assert "STOCKGATE_CONSOLE_BUILD=require scripts/install" in text
    assert 'href="openapi.json"' in text


def test_the_page_shows_every_route_tries_one_and_asks_nobody_else(
    tmp_path: Path, browser: Browser, record_property: pytest.RecordProperty
) -> None:
    needed((GRAPHIQL / "swagger-ui.js").exists(), "Swagger UI: STOCKGATE_CONSOLE_BUILD=require scripts/install")
    with serving_demo(tmp_path) as demo:
        seen, page = Seen(demo.base), browser.new_page(viewport={"width": 1400, "height": 1000})
        seen.watch(page)
        page.goto(f"{demo.base}/docs")
        operations = [f"{method} {path}" for path, item in described()["paths"].items() for method in item]
        expect(page.locator(".opblock")).to_have_count(len(operations), timeout=30_000)
        shown = page.locator(".opblock-summary-path").evaluate_all("found => found.map(each => each.dataset.path)")
        assert sorted(shown) == sorted(name.partition(" ")[2] for name in operations)
        ARTEFACTS.mkdir(exist_ok=True)
        page.screenshot(path=ARTEFACTS / "docs.png")
        record_property("artefact", os.fspath(ARTEFACTS / "docs.png"))

        page.locator("button.authorize").first.click()
        key = page.locator(".auth-container", has_text="mulopimfwc_v1.apiKey")
        key.locator("input").fill(demo.key)
        key.locator("button.authorize").click()
        page.locator(".modal-ux button.close-modal").click()
        route = page.locator("[id$='mulopimfwc_v1_GET_locations']")
        route.locator(".opblock-summary-control").click()
        route.locator(".try-out__btn").click()
        route.locator("button.execute").click()
        expect(route.locator(".live-responses-table")).to_contain_text('"success": true')
        page.close()
    assert len(seen.requests) > 5
    assert (seen.elsewhere, seen.complaints) == ([], [])
