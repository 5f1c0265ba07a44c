"""What a public script of the multi-location plugin does to a shop, by its own plain requests over a real server.

It adds up what is where, counts one location, and then repairs the product's total by wc/v3, because the plugin
overwrote that with the location's count. Here the count must stay, and the default location absorbs the difference.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import pytest
import requests

from storage import access
from storage.access import Scope
from tests.conformance.serving import Served, transact

PLUGIN, STORE = "/wp-json/mulopimfwc/v1", "/wp-json/wc/v3"
SKU, COUNTED, DEFAULT = "STOVE", "Львів Ринок", "Kyiv Podil"
NAME: Final = "stock script"
LEDGER = """{ stockChanges(first: 2, filter: {skus: ["STOVE"]}) { nodes { delta before after
    location { name isDefault } group { dialect principal } } } }"""

Stock = dict[int, dict[str, int]]
"""Units by product id and the location's name."""


class Script:
    """Logs in with an application password, as it always did: any user, and the key as its password."""

    def __init__(self, session: requests.Session, base: str) -> None:
        self.session, self.base = session, base

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """The JSON of a 200."""
        response = self.session.request(method, f"{self.base}{path}", timeout=30, **options)
        assert response.status_code == 200, response.text
        return response.json()

    def export(self) -> tuple[Stock, dict[str, int]]:
        """Page through the export until there is no more: units by product and location, and the products by SKU."""
        stock: Stock = defaultdict(dict)
        by_sku, page, has_more = dict[str, int](), 0, True
        while has_more:
            page += 1
            answer = self.ask("GET", f"{PLUGIN}/inventory/export", params={"page": page, "per_page": 7})
            for row in answer["data"]:
                by_sku[row["sku"]] = row["product_id"]
                units = int(row["stock"]) if row["stock"] != "" else 0
                stock[row["product_id"]][row["location_name"]] = units
            has_more = answer["has_more"]
        assert page > 2
        return stock, by_sku

    def total(self, product_id: int) -> int:
        """What the store says is there in all."""
        total: int = self.ask("GET", f"{STORE}/products/{product_id}")["stock_quantity"]
        return total


@pytest.fixture
def script(server: Served) -> Iterator[Script]:
    """The script, behind a proxy that ends TLS."""
    issued = asyncio.run(transact(server.database_url, access.issue_api_key, NAME, [Scope.READ, Scope.WRITE]))
    with requests.Session() as session:
        session.auth = ("shopkeeper", issued.token)
        session.headers["X-Forwarded-Proto"] = "https"
        yield Script(session, server.base)


def test_a_counted_location_keeps_its_count_when_the_total_is_repaired(script: Script, server: Served) -> None:
    stock, by_sku = script.export()
    product_id = by_sku[SKU]
    before = stock[product_id]
    assert len(before) > 2
    assert script.total(product_id) == sum(before.values())

    count = before[COUNTED] + 3
    counted = {"product_id": product_id, "location_slug": "lviv-rynok", "stock": count}
    script.ask("POST", f"{PLUGIN}/inventory/update", json=counted)
    assert script.export()[0][product_id] == {**before, COUNTED: count}, "no other location was touched"
    assert script.total(product_id) == sum(before.values()) + 3, "and the total is right at once"

    total = sum(before.values()) + 10
    repaired = script.ask("PUT", f"{STORE}/products/{product_id}", json={"stock_quantity": total})
    assert repaired["stock_quantity"] == total
    after = script.export()[0][product_id]
    assert after == {**before, COUNTED: count, DEFAULT: before[DEFAULT] + 7}

    answer = requests.post(server.url, json={"query": LEDGER}, headers={"X-API-Key": server.key}, timeout=30)
    absorbed, written = answer.json()["data"]["stockChanges"]["nodes"]
    assert written == {
        "delta": 3, "before": before[COUNTED], "after": count, "location": {"name": COUNTED, "isDefault": False},
        "group": {"dialect": "mulopimfwc/v1", "principal": NAME},
    }  # fmt: skip
    assert absorbed == {
        "delta": 7, "before": before[DEFAULT], "after": after[DEFAULT],
        "location": {"name": DEFAULT, "isDefault": True}, "group": {"dialect": "wc/v3", "principal": NAME},
    }  # fmt: skip
