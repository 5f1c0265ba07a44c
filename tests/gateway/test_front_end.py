"""The README's page, in a real browser and from another origin, with a storefront key."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.serving import Demo, environment, serving_demo

README = (Path(__file__).parents[2] / "README.md").read_text()
[PAGE] = re.findall(r"^```html\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its signature)
        """Nothing."""


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    """Another origin, with the files of a folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with serving_demo(tmp_path_factory.mktemp("front-end")) as demo:
        yield demo


def _storefront_key(demo: Demo, origin: str) -> str:
    command = [
        str(Path(sys.executable).with_name("stockgate")), "key", "create", "--json", "--name", "web shop",
        "--scope", "storefront", "--origin", origin,
    ]  # fmt: skip
    variables = environment(STOCKGATE_DATABASE_URL="sqlite:///stockgate-demo.db")
    done = subprocess.run(command, cwd=demo.folder, env=variables, capture_output=True, text=True, check=True)
    key: str = json.loads(done.stdout)["token"]
    return key


def _set(demo: Demo, quantity: int) -> None:
    """What a till does, in every shop."""
    lines = [
        {"sku": "RIDGE-42", "location_slug": slug, "stock": quantity}
        for slug in ("kyiv-podil", "lviv-rynok", "львів-склад", "krakow-kazimierz", "wien-neubau")
    ]
    answer = httpx.post(
        f"{demo.base}/wp-json/mulopimfwc/v1/inventory/bulk-sync",
        headers={"X-API-Key": demo.key},
        json={"items": lines},
    )
    assert answer.json()["success"] is True, answer.text


def test_the_readme_s_page_shows_what_is_there_and_follows_it(demo: Demo, browser: Browser, tmp_path: Path) -> None:
    complaints: list[str] = []
    with _serving(tmp_path) as origin:
        key = _storefront_key(demo, origin)
        page_text = PAGE.replace("http://127.0.0.1:8000", demo.base).replace("sgk_...", key)
        (tmp_path / "shop.html").write_text(page_text)
        page = browser.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(f"{origin}/shop.html")
        stock = page.locator("#stock")
        expect(stock).to_contain_text("Ridge Hiking Boot", timeout=15_000)
        expect(stock).to_contain_text("IN_STOCK")
        expect(page.locator("body")).to_have_attribute("data-live", "true", timeout=15_000)
        _set(demo, 0)
        expect(stock).to_contain_text("OUT_OF_STOCK", timeout=15_000)
        _set(demo, 9)
        expect(stock).to_contain_text("IN_STOCK", timeout=15_000)
        page.close()
    assert complaints in ([], ["Failed to load resource: the server responded with a status of 404 (File not found)"])


def test_a_storefront_key_is_refused_from_a_page_that_it_is_not_for(
    demo: Demo, browser: Browser, tmp_path: Path
) -> None:
    with _serving(tmp_path) as origin:
        key = _storefront_key(demo, "https://shop.example")
        (tmp_path / "other.html").write_text(PAGE.replace("http://127.0.0.1:8000", demo.base).replace("sgk_...", key))
        page = browser.new_page()
        with page.expect_event("pageerror") as failed:
            page.goto(f"{origin}/other.html")
        assert "fetch" in str(failed.value)
        expect(page.locator("#stock")).not_to_contain_text("STOCK")
        page.close()
