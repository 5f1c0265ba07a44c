"""The Python client `woocommerce` from PyPI, as it is, against a running server: how it signs.

What it does in a shop, and how it sends keys in the clear, is in tests/conformance/test_wc_clients.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import requests
import woocommerce

from gateway.app import create_app
from gateway.settings import Settings
from storage.database import Database
from tests.gateway.dialects.wc_v3.conftest import Pairs, S, U
from tests.gateway.live.live_server import PATIENCE_S, serving

pytestmark = pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)


@pytest.fixture
async def base(settings: Settings, shop_database: Database) -> AsyncIterator[str]:
    """Where a server over the checklist's shop is."""
    async with serving(create_app(settings)) as server:
        yield f"http://{server.address}"


async def asked(call: Any, *args: Any, **options: Any) -> requests.Response:
    """What a call of the client gives; it waits in a thread of its own."""
    response: requests.Response = await asyncio.to_thread(call, *args, **options)
    return response


async def test_check_19_the_client_signs_over_http_and_sends_every_parameter_twice(base: str, pairs: Pairs) -> None:
    client = signing(base, pairs["RW"])
    found = await asked(client.get, "products", params={"per_page": 100, "sku": "S-1"})
    assert (found.status_code, [row["id"] for row in found.json()]) == (200, [S])
    assert found.url.count("per_page=100") == 2
    for params in ({"search": "a/b c+d~é&=%"}, {"on_sale": True}, {"on_sale": False, "page": 1}):
        answer = await asked(client.get, "products", params=params)
        assert (answer.status_code, type(answer.json())) == (200, list), params
    again = await asked(requests.get, found.url, timeout=PATIENCE_S)
    assert (again.status_code, again.json()["message"]) == (401, "Invalid nonce - nonce has already been used.")
    repeated = await asked(client.get, "products", params={"include": [S, U]})
    assert repeated.status_code == 401, "it signs `[11, 12]` and sends two parameters: no server can know"
    reader = signing(base, pairs["RO"])
    refused = await asked(reader.put, f"products/{S}", {"stock_quantity": 1})
    assert (refused.status_code, refused.json()["code"]) == (401, "woocommerce_rest_authentication_error")


def signing(base: str, pair: tuple[str, str]) -> woocommerce.API:
    """The client as it is over http."""
    return woocommerce.API(base, *pair, timeout=PATIENCE_S)
