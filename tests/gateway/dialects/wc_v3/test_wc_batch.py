"""Checks 87 to 95 of the sheet: batches."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette

from storage import access
from storage.access import Scope
from tests.builders import a_product
from tests.gateway.dialects.wc_v3.conftest import V1, S, Shop, U, V
from tests.statements import statements

UNKNOWN = 999_999


async def batch(shop: Shop, body: Any, path: str = "/products/batch", **options: Any) -> Any:
    """The body of a 200."""
    response = await shop.call("POST", path, json=body, **options)
    assert response.status_code == 200, response.text
    return response.json()


async def test_check_87_each_item_by_itself_in_order(shop: Shop) -> None:
    body = {
        "update": [
            {"id": S, "stock_quantity": 1},
            {"id": UNKNOWN, "stock_quantity": 1},
            {"id": U, "stock_quantity": "5", "manage_stock": True},
            {"id": S, "regular_price": 3, "stock_quantity": 2},
            {"stock_quantity": 1},
            {"id": V1, "stock_quantity": 1},
            {"id": U, "stock_quantity": "abc"},
            {"id": U, "tax_status": "gone"},
            "nonsense",
        ]
    }

    answer = await batch(shop, body)

    assert list(answer) == ["update"]
    first, unknown, third, again, nameless, variation, letters, taxed, nonsense = answer["update"]
    assert (first["stock_quantity"], third["stock_quantity"], third["stock_status"]) == (1, 5, "instock")
    assert unknown == {
        "id": UNKNOWN,
        "error": {"code": "woocommerce_rest_product_invalid_id", "message": "Invalid ID.", "data": {"status": 400}},
    }
    assert (again["stock_quantity"], again["regular_price"]) == (2, "3")
    assert (nameless["id"], nameless["error"]["code"]) == (0, "woocommerce_rest_product_invalid_id")
    assert (variation["id"], variation["error"]["code"]) == (V1, "woocommerce_rest_invalid_product_id")
    assert letters["error"]["data"]["details"]["stock_quantity"]["code"] == "rest_invalid_type"
    assert taxed["error"]["code"] == "product_invalid_tax_status"
    assert nonsense["error"]["data"]["status"] == 400


async def test_checks_88_to_90_how_many_a_batch_may_have(shop: Shop) -> None:
    updates = [{"id": S, "stock_quantity": 1}] * 101
    both = {"create": [{"name": "N"}] * 60, "delete": [S] * 41}
    for body in ({"update": updates}, both):
        response = await shop.call("POST", "/products/batch", json=body)
        assert (response.status_code, response.json()["code"]) == (413, "woocommerce_rest_request_entity_too_large")
    assert (await shop.get(f"/products/{S}"))["stock_quantity"] == 10

    for body in ({}, {"update": []}):
        assert await batch(shop, body) == []
    assert (await shop.call("POST", "/products/batch", json={"update": 5})).status_code == 400
    form = {"update[0][id]": str(S), "update[0][stock_quantity]": "4", "delete[]": str(UNKNOWN)}
    answer = (await shop.call("PUT", "/products/batch", data=form)).json()
    assert (answer["update"][0]["stock_quantity"], answer["delete"][0]["id"]) == (4, UNKNOWN)


async def test_checks_91_and_92_created_then_updated_then_deleted(shop: Shop) -> None:
    body = {
        "create": [{"name": "A", "sku": "S-1"}, {"name": "B", "sku": "B-1"}, {"name": "C", "sku": "b-1"}, {"id": 4}]
    }
    taken, made, twin, numbered = (await batch(shop, body))["create"]
    assert (taken["id"], taken["error"]["code"]) == (0, "product_invalid_sku")
    assert taken["error"]["data"] == {"status": 400, "resource_id": S, "unique_sku": "S-1-1"}
    assert (twin["id"], twin["error"]["data"]["resource_id"]) == (0, made["id"])
    assert numbered["error"]["code"] == "woocommerce_rest_product_exists"
    assert (made["sku"], made["_links"]["self"][0]["href"].rpartition("/")[2]) == ("B-1", str(made["id"]))

    body = {"create": [{"name": "D"}], "update": [{"id": U, "name": "E"}], "delete": [made["id"], UNKNOWN, U]}
    answer = await batch(shop, body)
    assert list(answer) == ["create", "update", "delete"]
    gone, unknown, renamed = answer["delete"]
    assert (gone["id"], gone["status"], renamed["name"]) == (made["id"], "publish", "E")
    assert (unknown["id"], unknown["error"]["code"]) == (UNKNOWN, "woocommerce_rest_product_invalid_id")
    for id_ in (made["id"], U):
        assert (await shop.call("GET", f"/products/{id_}")).status_code == 404


async def test_check_93_variations(shop: Shop) -> None:
    path = f"/products/{V}/variations/batch"
    for method in ("POST", "PUT"):
        response = await shop.call(method, path, json={"update": [{"id": V1, "stock_quantity": 2}]})
        assert response.json()["update"][0]["stock_quantity"] == 2
    body = {
        "create": [{"attributes": [{"name": "Colour", "option": "Green"}], "manage_stock": True, "stock_quantity": 6}],
        "update": [{"id": S, "stock_quantity": 2}, {"id": V1, "manage_stock": "parent"}],
        "delete": [V1],
    }
    answer = await batch(shop, body, path)
    assert (answer["create"][0]["stock_quantity"], answer["create"][0]["parent_id"]) == (6, V)
    foreign = answer["update"][0]
    assert (foreign["id"], foreign["error"]["code"]) == (S, "woocommerce_rest_product_variation_invalid_id")
    assert answer["update"][1]["manage_stock"] is False
    assert answer["delete"][0]["id"] == V1
    assert (await shop.get(f"/products/{V}"))["variations"][-1] == answer["create"][0]["id"]


async def test_checks_94_and_95_who_may_not(shop: Shop) -> None:
    async def caller(*scopes: Scope, **options: Any) -> Shop:
        issued = await shop.database.transact(access.issue_api_key, "k", list(scopes), **options)
        return shop.as_(("k", issued.token))

    reader = await caller(Scope.READ)
    response = await reader.call("POST", "/products/batch", json={"update": []})
    assert (response.status_code, "write permissions" in response.json()["message"]) == (401, True)
    nobody = await caller(Scope.READ, Scope.WRITE, location_ids=[])
    response = await nobody.call("POST", "/products/batch", json={"update": []})
    assert (response.status_code, response.json()["code"]) == (403, "woocommerce_rest_cannot_batch")


async def test_a_batch_is_retried_and_rehearsed_as_a_whole(shop: Shop) -> None:
    body = {"create": [{"name": "Once"}], "update": [{"id": S, "stock_quantity": 4}, {"id": S, "inventory_delta": 1}]}
    dry = await batch(shop, body, headers={"X-Dry-Run": "1"})
    assert [row["stock_quantity"] for row in dry["update"]] == [4, 5]
    assert (await shop.get(f"/products/{S}"))["stock_quantity"] == 10

    first, again = [
        await shop.call("POST", "/products/batch", json=body, headers={"Idempotency-Key": "a"}) for _ in range(2)
    ]
    assert (await shop.get(f"/products/{S}"))["stock_quantity"] == 5
    assert first.json()["create"][0]["id"] == again.json()["create"][0]["id"]
    assert again.headers["Idempotent-Replayed"] == "true"
    response = await shop.call("POST", "/products/batch", json=body, headers={"If-Match": '"a"'})
    assert response.status_code == 400


PLAIN: dict[str, Any] = {"stock_quantity": 3}
OF_CATALOGUE = {"stock_quantity": 3, "regular_price": "4", "sku": "R-{}"}
REFUSED = {"stock_quantity": -3}
TAKEN = {"sku": "S-1"}


@pytest.mark.parametrize("fields", [PLAIN, OF_CATALOGUE, REFUSED, TAKEN])
async def test_a_hundred_updates_take_as_many_statements_as_two(
    shop: Shop, shop_app: Starlette, fields: dict[str, Any]
) -> None:
    async def fill(session: Any) -> None:
        session.add_all([a_product(id_) for id_ in range(100, 204)])

    await shop.database.transact(fill)

    async def count(*ids: int) -> int:
        named = [{"id": id_, **{key: str(value).format(id_) for key, value in fields.items()}} for id_ in ids]
        with statements(shop_app.state.database) as executed:
            answer = await batch(shop, {"update": named})
        assert all(("error" in row) == (fields in (REFUSED, TAKEN)) for row in answer["update"])
        return len(executed)

    counts = []
    for ids in ([200, 201], range(100, 200)):
        await count(203)  # from then on the key, for a moment, and the connection are known
        counts.append(await count(*ids))
    assert counts[0] == counts[1]
