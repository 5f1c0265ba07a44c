"""The Python client `woocommerce` from PyPI, as it is, against a running server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import requests
import woocommerce

from gateway.app import create_app
from gateway.settings import Settings
from storage.database import Database
from tests.gateway.dialects.wc_v3.conftest import API, Pairs, S, U
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


def believing_in_tls(base: str, pair: tuple[str, str], **options: Any) -> woocommerce.API:
    """The client as it is over https, but for the certificate that it would check."""
    client = woocommerce.API("https://shop.example", *pair, timeout=PATIENCE_S, **options)
    client.url = base
    return client


def in_the_query(base: str, pair: tuple[str, str]) -> woocommerce.API:
    """The client as it is over https where a host strips `Authorization`."""
    return believing_in_tls(base, pair, query_string_auth=True)


@pytest.mark.parametrize("changed_settings", [{"wc_keys_over_http": "on"}])
@pytest.mark.parametrize("client_of", [signing, believing_in_tls, in_the_query])
async def test_the_client_creates_reads_changes_and_deletes_a_hundred_products(
    base: str, pairs: Pairs, client_of: Callable[[str, tuple[str, str]], woocommerce.API]
) -> None:
    client = client_of(base, pairs["RW"])
    new = [{"name": f"Größe/{i}", "sku": f"N-{i}", "manage_stock": True, "stock_quantity": i} for i in range(100)]
    made = await asked(client.post, "products/batch", {"create": new})
    assert made.status_code == 200, made.text
    ids = [row["id"] for row in made.json()["create"]]
    read: list[Any] = []
    for page in (1, 2, 3):
        some = await asked(
            client.get, "products", params={"per_page": 50, "page": page, "orderby": "id", "order": "asc"}
        )
        assert (some.status_code, some.headers["X-WP-TotalPages"]) == (200, "3")
        read += some.json()
    assert [(row["id"], row["stock_quantity"]) for row in read if row["sku"].startswith("N-")] == list(
        zip(ids, range(100), strict=True)
    )
    one = await asked(client.put, f"products/{ids[0]}", {"stock_quantity": 7, "regular_price": "9.5"})
    assert (one.status_code, one.json()["stock_quantity"], one.json()["price"]) == (200, 7, "9.5")
    changed = await asked(client.put, "products/batch", {"update": [{"id": id_, "stock_quantity": 3} for id_ in ids]})
    assert [row["stock_quantity"] for row in changed.json()["update"]] == [3] * 100
    created = await asked(client.post, "products", {"name": "One", "type": "simple", "regular_price": "3"})
    assert (created.status_code, created.headers["Location"]) == (201, f"{base}{API}/products/{created.json()['id']}")
    for params, status in (({"force": True}, 200), (None, 404)):
        verb = client.get if params is None else client.delete
        assert (await asked(verb, f"products/{created.json()['id']}", params=params or {})).status_code == status
    gone = await asked(client.post, "products/batch", {"delete": ids})
    assert [row["id"] for row in gone.json()["delete"]] == ids
