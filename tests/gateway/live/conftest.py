"""A running server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.app import create_app
from gateway.settings import Settings
from storage.database import Database
from tests.gateway.live.live_server import Server, serving


@pytest.fixture
async def server(settings: Settings, catalogue: Database) -> AsyncIterator[Server]:
    """A running server over the small catalogue."""
    async with serving(create_app(settings)) as server:
        yield server
