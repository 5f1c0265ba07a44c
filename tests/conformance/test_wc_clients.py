"""Clients of wc/v3 that others wrote, as they are: WooCommerce's own for Python and for Node, and a script.

Each reads all pages, updates by id, sends batches of 100, creates and deletes; signed with OAuth over http, and with
its keys in the clear over https.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread
from sqlalchemy import text
from woocommerce import API

from storage.database import Database
from tests.conformance.conftest import Node
from tests.conformance.serving import Served, issue_pair
from tests.conformance.tls import tls_proxy

BATCH, EXTRA = 100, 7


class Shop:
    """Where a shop answers, for whom, and how the keys travel."""

    def __init__(self, served: Served, url: str, way: str, certificate: Path | None) -> None:
        self.served, self.url, self.way, self.certificate = served, url, way, certificate
        self.key, self.secret = issue_pair(served.database_url, f"script {way}")

    @property
    def in_query(self) -> bool:
        return self.way == "query"

    async def entries(self, prefix: str) -> list[Any]:
        """What the ledger says of the products whose SKU begins so, by SKU."""
        found = text("""SELECT p.sku, e.on_hand, o.is_default, g.dialect, g.principal FROM ledger_entry e
            JOIN stock_change_group g ON g.id = e.group_id JOIN product p ON p.id = e.product_id
            JOIN location o ON o.id = e.location_id WHERE p.sku LIKE :prefix ORDER BY p.sku""")
        database = Database(self.served.database_url)
        async with database.reading() as session:
            rows = (await session.execute(found, {"prefix": f"{prefix}-%"})).all()
        await database.close()
        return [tuple(row) for row in rows]


@pytest.fixture(params=["oauth", "basic", "query"])
async def shop(request: pytest.FixtureRequest, server: Served, tmp_path: Path) -> AsyncIterator[Shop]:
    """By each way that keys travel: signed over http, and by header or query over https, which a proxy ends."""
    if request.param == "oauth":
        yield await to_thread.run_sync(Shop, server, server.base, "oauth", None)
        return
    async with tls_proxy(server.base.removeprefix("http://"), tmp_path) as (url, certificate):
        yield await to_thread.run_sync(Shop, server, url, request.param, certificate)


def tour(store: API, prefix: str) -> dict[str, Any]:
    """What a script does in a shop."""

    def ask(method: Callable[..., Any], *asked: Any, status: int = 200, **params: Any) -> Any:
        response = method(*asked, **({"params": params} if params else {}))
        assert response.status_code == status, response.text
        return response

    def create(numbers: range) -> list[Any]:
        new = [
            {"name": f"Mug {n} Größe/α", "sku": f"{prefix}-{n:03}", "regular_price": "12.50", "manage_stock": True}
            for n in numbers
        ]
        made: list[Any] = ask(store.post, "products/batch", {"create": new}).json()["create"]
        return made

    made = create(range(BATCH)) + create(range(BATCH, BATCH + EXTRA))
    pages: list[Any] = []
    response = ask(store.get, "products", per_page=50, page=1, search="Mug ", orderby="id", order="asc")
    for page in range(2, int(response.headers["X-WP-TotalPages"]) + 1):
        pages += response.json()
        response = ask(store.get, "products", per_page=50, page=page, search="Mug ", orderby="id", order="asc")
    pages += response.json()
    one = ask(store.put, f"products/{made[0]['id']}", {"stock_quantity": 7, "regular_price": "9.99"}).json()
    counts = [{"id": each["id"], "stock_quantity": n + 1} for n, each in enumerate(made[1 : BATCH + 1])]
    counted = ask(store.put, "products/batch", {"update": counts}).json()["update"]
    by_sku = ask(store.get, "products", sku=f"{prefix}-001").json()
    alone = ask(store.post, "products", {"name": "Alone", "sku": f"{prefix}-x", "type": "simple"}, status=201).json()
    trashed = ask(store.delete, f"products/{alone['id']}").json()
    gone = ask(store.delete, f"products/{alone['id']}", force=True).json()
    missing = ask(store.get, f"products/{alone['id']}", status=404).json()
    uncounted = [each["id"] for each in made[BATCH + 1 :]]
    left = ask(store.post, "products/batch", {"delete": uncounted}).json()["delete"]
    return {
        "created": [each["sku"] for each in made],
        "read": [each["sku"] for each in pages if each["sku"].startswith(prefix)],
        "total": int(response.headers["X-WP-Total"]) - len(pages),
        "one": [one["stock_quantity"], one["stock_status"], one["price"]],
        "counted": [each["stock_quantity"] for each in counted],
        "by_sku": [each["stock_quantity"] for each in by_sku],
        "left": [each["sku"] for each in left],
        "deleted": [trashed["id"] == alone["id"], gone["status"], missing["code"]],
    }


def expected(prefix: str) -> dict[str, Any]:
    """What any client is told."""
    skus = [f"{prefix}-{n:03}" for n in range(BATCH + EXTRA)]
    return {
        "created": skus,
        "read": skus,
        "total": 0,
        "one": [7, "instock", "9.99"],
        "counted": list(range(1, BATCH + 1)),
        "by_sku": [1],
        "left": skus[BATCH + 1 :],
        "deleted": [True, "trash", "woocommerce_rest_product_invalid_id"],
    }


async def test_the_python_client_does_what_scripts_do(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    if shop.certificate is not None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(shop.certificate))
    store = API(shop.url, shop.key, shop.secret, version="wc/v3", timeout=30, query_string_auth=shop.in_query)
    prefix = f"PY-{shop.way}"
    assert await to_thread.run_sync(tour, store, prefix) == expected(prefix)
    await check(shop, prefix)


async def test_the_node_client_does_what_scripts_do(node: Node, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    if shop.certificate is not None:
        monkeypatch.setenv("NODE_EXTRA_CA_CERTS", str(shop.certificate))
    prefix = f"JS-{shop.way}"
    asked = {"url": shop.url, "key": shop.key, "secret": shop.secret, "inQuery": shop.in_query, "prefix": prefix}
    told = await to_thread.run_sync(node, "store.mjs", json.dumps({**asked, "batch": BATCH, "extra": EXTRA}))
    assert told == expected(prefix)
    await check(shop, prefix)


async def check(shop: Shop, prefix: str) -> None:
    """What was counted is at the default location, each by one entry that names dialect and key."""
    entries = await shop.entries(prefix)
    assert [on_hand for _, on_hand, *_ in entries] == [7, *range(1, BATCH + 1)]
    assert Counter((bool(default), *by) for _, _, default, *by in entries) == {
        (True, "wc/v3", f"script {shop.way}"): BATCH + 1
    }
