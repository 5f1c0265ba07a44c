"""A real Chromium, for tests of what a page does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

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
