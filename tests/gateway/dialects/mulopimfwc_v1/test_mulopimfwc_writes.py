"""Section 4, the routes that write: bulk-sync, update, webhook."""

from __future__ import annotations

import random
from typing import Any

import httpx
import pytest

from gateway.dialects.mulopimfwc_v1.errors import RENDERED
from storage.errors import ErrorCode
from tests.gateway.dialects.mulopimfwc_v1.conftest import BASE, Shop

ITEM = {"product_id": 12, "location_id": 5, "stock": 1}
UNKNOWN = {"sku": "NOPE", "location_slug": "main-store", "stock": 1}


def test_every_refusal_has_a_rendering() -> None:
    assert set(RENDERED) == set(ErrorCode)


async def test_both_published_bulk_items_work_as_they_stand(shop: Shop) -> None:
    response = await shop.bulk_sync(
        [
            {"sku": "PROD-001", "location_slug": "main-store", "stock": 50, "regular_price": "29.99",
             "sale_price": "24.99"},
            {"product_id": 12, "location_id": 3, "stock": 25, "regular_price": "39.99"},
        ]
    )  # fmt: skip
    assert response.status_code == 200
    assert response.text == (
        '{"success":true,"message":"Processed 2 items. 2 succeeded, 0 failed.",'
        '"results":{"success":2,"failed":0,"errors":[]}}'
    )
    levels = [await shop.level(456, 5), await shop.level(12, 3)]
    assert [level and (level["on_hand"], level["regular_price"], level["sale_price"]) for level in levels] == [
        (50, 299_900, 249_900),
        (25, 399_900, None),
    ]


async def test_items_missing_or_no_list_or_a_body_that_is_no_object_is_invalid_data(shop: Shop) -> None:
    bodies = [{}, {"items": None}, {"items": {}}, {"items": "a"}, {"items": 1}, [], [ITEM], None, 5, "items", True]
    for body in bodies:
        response = await shop.call("POST", "/inventory/bulk-sync", json=body)
        assert response.status_code == 400, body
        assert response.json() == {
            "code": "invalid_data",
            "message": 'Invalid data format. Expected "items" array.',
            "data": {"status": 400},
        }


async def test_an_empty_list_is_answered_with_zeros(shop: Shop) -> None:
    response = await shop.bulk_sync([])
    assert (response.status_code, response.json()) == (
        200,
        {
            "success": True,
            "message": "Processed 0 items. 0 succeeded, 0 failed.",
            "results": {"success": 0, "failed": 0, "errors": []},
        },
    )


async def test_more_items_than_the_limit_are_refused_before_any_is_looked_at(shop: Shop) -> None:
    response = await shop.bulk_sync([ITEM, *[3] * 1000])
    assert response.status_code == 400
    assert response.json() == {
        "code": "too_many_items",
        "message": "Too many items. Maximum 1000 items per request. Please split your request into smaller batches.",
        "data": {"status": 400},
    }
    assert await shop.ledger() == []


async def test_items_are_independent_and_each_failure_has_its_sentence_in_order(shop: Shop) -> None:
    response = await shop.bulk_sync(
        [
            ITEM, UNKNOWN, {**ITEM, "location_id": 999}, {"stock": 4}, {"sku": "PROD-001", "stock": 4}, 3, [ITEM], None,
            {**ITEM, "product_id": 20}, {**ITEM, "stock": "abc"}, {**ITEM, "location_id": 9}, {**ITEM, "stock": -1},
            {**ITEM, "sale_price": "99"}, {**ITEM, "product_id": 456, "stock": 2},
        ]
    )  # fmt: skip
    assert response.status_code == 200
    assert response.json() == {
        "success": True,
        "message": "Processed 14 items. 2 succeeded, 12 failed.",
        "results": {
            "success": 2,
            "failed": 12,
            "errors": [
                "Item 2: Product not found.",
                "Item 3: Location not found.",
                "Item 4: Product ID or SKU is required.",
                "Item 5: Location ID or slug is required.",
                "Item 6: Invalid data format.",
                "Item 7: Invalid data format.",
                "Item 8: Invalid data format.",
                "Item 9: This product has variations. Update a variation instead.",
                "Item 10: Invalid stock value.",
                "Item 11: Location is not active.",
                "Item 12: Stock cannot be negative when backorders are not allowed.",
                "Item 13: Sale price must be less than regular price.",
            ],
        },
    }
    assert (await shop.on_hand(12, 5), await shop.on_hand(456, 5)) == (1, 2)


async def test_more_failures_than_half_of_the_limit_roll_everything_back(shop: Shop) -> None:
    response = await shop.bulk_sync([ITEM, *[UNKNOWN] * 500])
    assert (response.status_code, response.json()["message"]) == (
        200,
        "Processed 501 items. 1 succeeded, 500 failed.",
    )
    before = await shop.ledger()
    response = await shop.bulk_sync([{**ITEM, "stock": 9}, *[UNKNOWN] * 501])
    assert response.status_code == 500
    assert response.json() == {
        "code": "bulk_sync_failed",
        "message": "Bulk sync failed due to too many errors. All changes have been rolled back.",
        "data": {"status": 500},
    }
    assert (await shop.on_hand(12, 5), await shop.ledger()) == (1, before)


@pytest.mark.parametrize("changed_settings", [{"bulk_items_max": 3}])
async def test_the_limit_and_its_half_follow_the_setting(shop: Shop) -> None:
    response = await shop.bulk_sync([ITEM] * 4)
    assert "Maximum 3 items per request" in response.json()["message"]
    assert (await shop.bulk_sync([ITEM, UNKNOWN])).status_code == 200
    assert (await shop.bulk_sync([ITEM, UNKNOWN, UNKNOWN])).status_code == 500


@pytest.mark.parametrize("changed_settings", [{"bulk_rollback_ratio_of": "request"}])
async def test_a_setting_compares_with_half_of_the_requests_items(shop: Shop) -> None:
    assert (await shop.bulk_sync([ITEM, UNKNOWN])).status_code == 200
    assert (await shop.bulk_sync([ITEM, UNKNOWN, UNKNOWN])).status_code == 500
    assert (await shop.bulk_sync([UNKNOWN])).status_code == 500
    assert (await shop.bulk_sync([])).status_code == 200


async def test_one_level_twice_in_a_request_is_applied_in_order_with_a_ledger_entry_each(shop: Shop) -> None:
    same = {"sku": "prod-002", "location_slug": "Main Store"}
    response = await shop.bulk_sync([{**ITEM, "stock": 1}, {**same, "stock": 5}, {**ITEM, "stock": 3}])
    assert response.json()["results"]["success"] == 3
    entries = await shop.ledger()
    assert [(entry["line"], entry["on_hand"], entry["delta"]) for entry in entries] == [
        (0, 1, 1),
        (1, 5, 4),
        (2, 3, -2),
    ]
    assert await shop.on_hand(12, 5) == 3


async def test_a_thousand_items_are_one_change_group(shop: Shop) -> None:
    items = [{"product_id": 12 if n % 2 else 456, "location_id": 3 if n % 3 else 5, "stock": n} for n in range(1000)]
    response = await shop.bulk_sync(items)
    assert response.json()["results"] == {"success": 1000, "failed": 0, "errors": []}
    groups = await shop.rows("stock_change_group")
    assert [(group["dialect"], group["principal"]) for group in groups] == [("mulopimfwc/v1", "test")]
    assert response.headers["x-stock-change-group"] == str(groups[0]["id"])
    assert groups[0]["request_id"] == response.headers["x-request-id"]


async def test_update_answers_with_product_location_and_sku(shop: Shop) -> None:
    response = await shop.update({"product_id": 456, "location_id": 3, "stock": 15})
    assert response.status_code == 200
    assert response.text == (
        '{"success":true,"message":"Inventory updated successfully.",'
        '"data":{"product_id":456,"location_id":3,"sku":"PROD-001"}}'
    )
    response = await shop.update({"product_id": 30, "location_id": 3, "stock": 1})
    assert response.json()["data"] == {"product_id": 30, "location_id": 3, "sku": ""}


async def test_update_and_webhook_of_what_is_no_object_are_400(shop: Shop) -> None:
    for body in ([], [ITEM], None, 5, "text", True):
        response = await shop.call("POST", "/inventory/update", json=body)
        assert (response.status_code, response.json()["code"]) == (400, "update_failed"), body
        response = await shop.call("POST", "/webhook/inventory-update", json=body)
        assert (response.status_code, response.json()["code"]) == (400, "invalid_data"), body


async def test_a_webhook_is_answered_as_published(client: httpx.AsyncClient, shop: Shop, webhook_secret: str) -> None:
    headers = {"X-Webhook-Secret": webhook_secret}
    item = {"sku": "PROD-001", "location_slug": "main-store", "stock": 45}
    response = await client.post(f"{BASE}/webhook/inventory-update", json=item, headers=headers)
    assert response.status_code == 200
    assert response.text == (
        '{"success":true,"message":"Inventory updated via webhook.",'
        '"data":{"product_id":456,"location_id":5,"sku":"PROD-001"}}'
    )
    groups = await shop.rows("stock_change_group")
    assert groups[0]["api_key_id"] is None
    assert groups[0]["principal"].startswith("webhook:")


async def webhook(shop: Shop, item: Any, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await shop.call("POST", "/webhook/inventory-update", json=item, headers=named)


async def test_a_webhook_for_a_product_disabled_there_is_refused(shop: Shop) -> None:
    await shop.update({**ITEM, "disabled": True})
    response = await webhook(shop, {**ITEM, "stock": 9})
    assert response.status_code == 422
    assert response.json() == {
        "code": "webhook_failed",
        "message": "Product is disabled at this location.",
        "data": {"status": 422, "error": "product_disabled"},
    }
    assert await shop.on_hand(12, 5) == 1
    assert (await shop.update({**ITEM, "stock": 9})).status_code == 200  # only webhooks are refused


async def test_webhook_failures_have_the_documented_statuses(shop: Shop) -> None:
    failures: list[tuple[dict[str, Any], int, str]] = [
        ({"location_id": 5, "stock": 1}, 422, "missing_product"),
        ({"product_id": 12, "stock": 1}, 422, "missing_location"),
        ({**ITEM, "product_id": 999}, 404, "product_not_found"),
        ({**ITEM, "stock": ""}, 422, "invalid_stock"),
    ]
    for item, status, error in failures:
        response = await webhook(shop, item)
        assert response.status_code == status
        assert response.json()["code"] == "webhook_failed"
        assert response.json()["data"] == {"status": status, "error": error}


async def test_a_repeated_value_is_200_and_leaves_no_ledger_entry(shop: Shop) -> None:
    for _ in range(2):
        response = await webhook(shop, ITEM)
        assert response.status_code == 200
    assert "x-stock-change-group" not in response.headers
    assert len(await shop.ledger()) == 1


async def test_a_repeated_delivery_is_answered_from_the_stored_outcome(shop: Shop) -> None:
    for name in ("X-Delivery-Id", "Idempotency-Key"):
        first = await webhook(shop, ITEM, **{name: "d-1"})
        await shop.update({**ITEM, "stock": 7})
        entries = await shop.ledger()
        again = await webhook(shop, ITEM, **{name: "d-1"})
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers["idempotent-replayed"] == "true"
        assert again.headers["x-stock-change-group"] == first.headers["x-stock-change-group"]
        assert "idempotent-replayed" not in first.headers
        assert await shop.ledger() == entries
        response = await webhook(shop, {**ITEM, "stock": 3}, **{name: "d-1"})
        assert response.status_code == 422
        assert response.json()["data"]["error"] == "idempotency_key_reused"
    references = {group["reference"] for group in await shop.rows("stock_change_group")}
    assert references == {"", "d-1"}


NASTY = [
    None, True, False, 0, 1, -1, 12, 5, 2**31, 2**63 - 1, 2**63, -(2**63), 1.5, -0.0, 1e30, 5e-324, "", "0", " ", "12",
    "PROD-001", "prod-001", "main-store", "Kyiv Central", "\0", "a\0b", "%00", "%", "%ff", "%ED%A0%80", "\u2028", "😀",
    "ß", "İ", "\ufffe", "\x7f", "'; DROP TABLE product; --", "{}", "[]", "null", "9" * 400, "x" * 5000, [], {},
    [[]],
    {"a": []}, "1e5", "١٢", "-5", "+5", "5.", ".5", "19.99", 19.99, "99999999.9999", "no", "yes", "notify", "true",
]  # fmt: skip


async def test_no_value_of_any_field_breaks_the_server(shop: Shop) -> None:
    """Every nasty value in every field, and a good many together: each item is accepted or refused by itself."""
    good = {"product_id": 12, "sku": None, "location_id": 5, "location_slug": None, "stock": 1, "regular_price": "9",
            "sale_price": None, "backorders": None, "disabled": None}  # fmt: skip
    single = [{**good, field: value} for field in good for value in NASTY]
    alone = [{"sku": value, "location_slug": other, "stock": 1} for value in NASTY for other in NASTY[::7]]
    chooser = random.Random(20261122)  # noqa: S311 (no secret)
    mixed = [{field: chooser.choice(NASTY) for field in good} for _ in range(900)]
    items: list[Any] = [*single, *alone, *mixed, *NASTY]
    for start in range(0, len(items), 450):
        response = await shop.bulk_sync(items[start : start + 450])
        assert response.status_code == 200, response.text
    for item in single[:: len(NASTY) // 3]:
        for path in ("/inventory/update", "/webhook/inventory-update"):
            assert (await shop.call("POST", path, json=item)).status_code < 500


async def test_no_query_parameter_breaks_the_server(shop: Shop) -> None:
    names = ("page", "per_page", "location_id", "location_slug", "sku", "search", "type", "updated_after", "format",
             "inventory", "include_variations", "include_inactive", "_fields")  # fmt: skip
    chooser = random.Random(42)  # noqa: S311 (no secret)
    texts = [str(value) for value in NASTY]
    for path in ("/inventory/export", "/products", "/locations"):
        for _ in range(40):
            query = {name: chooser.choice(texts) for name in chooser.sample(names, 3)}
            response = await shop.call("GET", path, params=query)
            assert response.status_code in {200, 400, 404}, (path, query, response.text)
