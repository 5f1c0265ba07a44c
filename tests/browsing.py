"""A real Chromium, for tests of what a page does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

_CHROMIUM = Path("/usr/bin/chromium")
_ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium as Debian has it."""
    needed(_CHROMIUM.exists(), f"{_CHROMIUM}: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_ARGUMENTS)
        yield browser
        browser.close()


def needed(there: bool, what: str) -> None:  # noqa: FBT001 (it reads as an assertion)
    """Where CI runs nothing may be missing; elsewhere a test says what it lacks."""
    if not there:
        assert not os.environ.get("CI"), f"CI has no {what}"
        pytest.skip(f"There is no {what}")


@dataclass
class Seen:
    """All that the browser asked for, and all that it complained of."""

    base: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """From now on. Nothing that goes elsewhere gets there."""
        page.context.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", lambda socket: self.requests.append(socket.url))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("console", self._console)
        page.route(lambda url: not self._is_ours(url), lambda route: route.abort())

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text}")

    def _is_ours(self, url: str) -> bool:
        return urlsplit(url).netloc == urlsplit(self.base).netloc or url.startswith("data:")

    @property
    def elsewhere(self) -> list[str]:
        """Requests to anybody else."""
        return [url for url in self.requests if not self._is_ours(url)]
