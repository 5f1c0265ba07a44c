"""What tests of transports and of pages share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from gateway.app import create_app
from gateway.settings import Settings
from storage.database import Database
from tests.browsing import chromium


@pytest.fixture
def serve(settings: Settings, catalogue: Database) -> Callable[..., Any]:
    """`async with serve(cost_per_minute=10) as client`: the application with other settings, as `client.app`."""

    @asynccontextmanager
    async def served(**changed: Any) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(settings.model_copy(update=changed))
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
                client.app = app  # type: ignore[attr-defined]
                yield client

    return served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A running Chromium."""
    with chromium() as browser:
        yield browser
