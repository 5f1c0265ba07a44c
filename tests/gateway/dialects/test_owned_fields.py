"""What each dialect answers to who writes what others own. That nothing is written is for the contract suite to say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import httpx
import pytest
from sqlalchemy import text

from storage import access, inventory, rule_writes
from storage.access import Credential, Scope
from storage.changes import SetQuantity
from storage.database import Database
from storage.rule_writes import NewRule
from storage.source_rules import Mode, OwnedField
from tests.builders import a_change, a_group
from tests.storage.reading import on_hand

pytestmark = pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)  # rendering: no statement
MULOPIMFWC: Final = "/wp-json/mulopimfwc/v1"
WC: Final = "/wp-json/wc/v3/products"
REFUSED: Final = (
    'Stock may be written by the API key "ERP" only: change it there, or let an administrator change the rule for '
    "stock (stockgate rules list)."
)
PRICES_REFUSED: Final = REFUSED.replace("Stock", "Prices").replace("for stock", "for prices")
Rule = Callable[[str, str], Awaitable[None]]


@pytest.fixture
async def rule(catalogue: Database) -> Rule:
    """Lets only the ERP (API key 1) write a field. There are 12 units of product 1 at location 1."""
    await catalogue.transact(access.issue_api_key, "ERP", [Scope.WRITE])
    await catalogue.transact(inventory.apply, a_group(a_change(quantity=SetQuantity(12))))

    async def rule(field: str, mode: str) -> None:
        operator = Credential(0, "stockgate", frozenset({Scope.ADMIN}))
        await catalogue.transact(rule_writes.set_rule, NewRule(OwnedField(field), (1,), Mode(mode)), operator)

    return rule


@pytest.fixture
async def token(rule: Rule, catalogue: Database) -> str:
    """That of another system."""
    return (await catalogue.transact(access.issue_api_key, "Shop", [Scope.READ, Scope.WRITE])).token


def an_item(**values: Any) -> dict[str, Any]:
    return {"sku": "SKU-1", "location_slug": "location-1", "stock": 10, **values}


async def test_mulopimfwc_v1_answers_an_item(client: httpx.AsyncClient, rule: Rule, token: str) -> None:
    async def update(**values: Any) -> httpx.Response:
        item = an_item(**values)
        return await client.post(f"{MULOPIMFWC}/inventory/update", json=item, headers={"X-API-Key": token})

    await rule("stock", "reject")
    refused = await update()
    assert refused.status_code == 403
    data = {"status": 403, "error": "field_owned"}
    assert refused.json() == {"code": "update_failed", "message": REFUSED, "data": data}

    await rule("stock", "ignore")
    ignored = await update(regular_price="9")
    assert (ignored.status_code, ignored.headers["x-ignored-fields"]) == (200, "stock")
    data = {"product_id": 1, "location_id": 1, "sku": "SKU-1", "ignored": ["stock"]}
    assert ignored.json() == {"success": True, "message": "Inventory updated successfully.", "data": data}
    again = await update(stock=12)
    assert "ignored" not in again.json()["data"]
    assert "x-ignored-fields" not in again.headers


async def test_mulopimfwc_v1_answers_a_bulk(client: httpx.AsyncClient, rule: Rule, token: str) -> None:
    async def bulk(*items: Any) -> httpx.Response:
        headers = {"X-API-Key": token}
        return await client.post(f"{MULOPIMFWC}/inventory/bulk-sync", json={"items": items}, headers=headers)

    other = an_item(sku="SKU-2", stock=None, regular_price="7")
    await rule("stock", "reject")
    both = (await bulk(an_item(), {**other, "stock": 0}, an_item(stock=12))).json()
    assert both["results"] == {
        "success": 1, "failed": 2, "errors": [f"Item 1: {REFUSED}", f"Item 2: {REFUSED}"]
    }  # fmt: skip
    await rule("stock", "ignore")
    await rule("prices", "ignore")
    answer = await bulk(an_item(regular_price="8"), {**other, "stock": 0}, an_item(stock=12))
    assert answer.json()["results"] == {
        "success": 3, "failed": 0, "errors": [], "ignored": ["Item 1: stock, prices.", "Item 2: stock, prices."]
    }  # fmt: skip
    assert answer.headers["x-ignored-fields"] == "prices, stock"


async def test_a_webhook_has_no_api_key_and_owns_nothing(
    client: httpx.AsyncClient, rule: Rule, catalogue: Database
) -> None:
    secret = (await catalogue.transact(access.issue_webhook_secret, "till")).token

    async def deliver() -> httpx.Response:
        headers = {"X-Webhook-Secret": secret}
        return await client.post(f"{MULOPIMFWC}/webhook/inventory-update", json=an_item(), headers=headers)

    await rule("stock", "reject")
    refused = await deliver()
    assert (refused.status_code, refused.json()["code"]) == (403, "webhook_failed")
    assert refused.json()["data"]["error"] == "field_owned"
    await rule("stock", "ignore")
    assert (await deliver()).json()["data"]["ignored"] == ["stock"]
    assert await on_hand(catalogue) == {(1, 1): 12}


async def test_inventory_update_answers_what_there_is(
    client: httpx.AsyncClient, rule: Rule, token: str, catalogue: Database
) -> None:
    async def count() -> httpx.Response:
        body = {"sku": "SKU-4", "size": "34", "width": "D", "store": "1", "quantity": 10}
        return await client.post("/api/product/inventory", json=body, headers={"Authorization": f"Bearer {token}"})

    async def find(session: Any) -> None:
        sizes = '[{"name": "size", "value": "34"}, {"name": "width", "value": "D"}]'
        await session.execute(text(f"UPDATE product SET attributes = '{sizes}' WHERE id = 4"))

    await catalogue.transact(find)
    await rule("stock", "reject")
    refused = await count()
    assert (refused.status_code, refused.headers["x-error-code"]) == (403, "field_owned")
    assert refused.json() == {"error": REFUSED}
    await rule("stock", "ignore")
    ignored = await count()
    assert (ignored.status_code, ignored.headers["x-ignored-fields"]) == (200, "stock")
    assert ignored.json() == {
        "success": True, "product_id": 4, "sku": "SKU-4", "upc": None, "store": "1",
        "quantity": None, "previous_quantity": None, "ignored": ["stock"],
    }  # fmt: skip


async def test_the_stock_api_answers_the_product_as_it_is(client: httpx.AsyncClient, rule: Rule, token: str) -> None:
    async def patch(**values: Any) -> httpx.Response:
        return await client.patch("/api/v2/inventory/sku/SKU-1", json=values, auth=("shop", token))

    places = [{"id": 1, "stock": 10}]
    await rule("stock", "reject")
    await rule("prices", "reject")
    refused = await patch(warehouses=places)
    assert refused.status_code == 403
    assert refused.json()["error"] == {"code": "field_owned", "message": REFUSED, "field": "warehouses[0].stock"}
    refused = await patch(price_gross=9)
    assert refused.status_code == 403
    assert refused.json()["error"] == {"code": "field_owned", "message": PRICES_REFUSED, "field": "price_gross"}
    await rule("stock", "ignore")
    await rule("prices", "ignore")
    ignored = await patch(warehouses=places, price_gross=9)
    assert (ignored.status_code, ignored.headers["x-ignored-fields"]) == (200, "prices, stock")
    assert (ignored.json()["stock"], ignored.json()["price_gross"]) == (12, 10.0)


async def test_wc_v3_answers_the_product_as_it_is(client: httpx.AsyncClient, rule: Rule, token: str) -> None:
    async def put(path: str = "/1", method: str = "PUT", **values: Any) -> httpx.Response:
        return await client.request(method, f"{WC}{path}", json=values, auth=("shop", token))

    for field in ("stock", "prices", "backorders", "catalog"):
        await rule(field, "reject")
    for values, message in (({"stock_quantity": 10}, REFUSED), ({"regular_price": "9"}, PRICES_REFUSED)):
        refused = await put(**values)
        body = {"code": "field_owned", "message": message, "data": {"status": 403}}
        assert (refused.status_code, refused.json()) == (403, body)
    assert (await put(name="Boot")).status_code == (await put(backorders="yes")).status_code == 403
    # a whole product as it was shown is in nobody's way
    shown = (await client.get(f"{WC}/1", auth=("shop", token))).json()
    echoed = await put(**{name: shown[name] for name in ("name", "sku", "status", "stock_quantity", "regular_price")})
    assert (echoed.status_code, echoed.headers.get("x-ignored-fields")) == (200, None)

    for field in ("stock", "prices", "backorders", "catalog"):
        await rule(field, "ignore")
    sent = {"name": "Boot", "stock_quantity": 10, "regular_price": "9", "backorders": "yes"}
    ignored = await put(**sent)
    assert ignored.status_code == 200
    assert ignored.headers["x-ignored-fields"] == "backorders, catalog, prices, stock"
    assert {name: ignored.json()[name] for name in sent} == {name: shown[name] for name in sent}
    unmanaged = await put(manage_stock=False, stock_status="outofstock")
    assert (unmanaged.json()["manage_stock"], unmanaged.json()["stock_status"]) == (True, "instock")

    # new and deleted is refused in either mode: the answer would name what is not there, or not gone
    for refused in (await put("", "POST", name="New"), await put("/1", "DELETE", force=True)):
        assert (refused.status_code, refused.json()["code"]) == (403, "field_owned")

    batch = await put("/batch", "POST", create=[{"name": "New"}], update=[{"id": 1, **sent}, {"id": 2, "name": "Shoe"}])
    made, first, second = *batch.json()["create"], *batch.json()["update"]
    assert made["error"]["code"] == "field_owned"
    assert (first["name"], first["stock_quantity"], second["name"]) == ("Product 1", 12, "Product 2")
    assert batch.headers["x-ignored-fields"] == "backorders, catalog, prices, stock"
