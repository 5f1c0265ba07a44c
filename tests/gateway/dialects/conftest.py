"""What tests of dialects share: every answer they get is compared with /openapi.json."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from tests import conforming


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the application. Whatever it is answered has to be what is described."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    hooks = {"response": [conforming.check]}
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test", event_hooks=hooks) as client:
        yield client
