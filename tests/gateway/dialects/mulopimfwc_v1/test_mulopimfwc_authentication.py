"""Section 2: who may call what, and the order of the checks."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from storage import access
from tests.gateway.dialects.mulopimfwc_v1.conftest import BASE, Shop

FORBIDDEN = "You do not have permission to access this endpoint."
ITEM = {"product_id": 12, "location_id": 5, "stock": 1}
GETS = ("/inventory/export", "/locations", "/products")
POSTS = ("/inventory/bulk-sync", "/inventory/update", "/webhook/inventory-update")


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def refusal(code: str, message: str, status: int) -> dict[str, Any]:
    return {"code": code, "message": message, "data": {"status": status}}


async def test_a_missing_or_wrong_api_key_is_401_rest_forbidden(client: httpx.AsyncClient, shop: Shop) -> None:
    expired = await shop.database.transact(
        access.issue_api_key, "old", [access.Scope.READ], expires_at=datetime.now(UTC) - timedelta(seconds=1)
    )
    wrong = [
        {}, {"X-API-Key": ""}, {"X-API-Key": "wrong"}, {"X-API-Key": shop.key[:-1]}, {"X-API-Key": expired.token},
        {"X-API-Key": "ck_0123456789abcdef0123456789abcdef01234567"}, basic("admin", "wrong"),
        {"Authorization": "Basic ###"}, {"Authorization": f"Bearer {shop.key}"}, {"X-API-Key": "ключ".encode()},
    ]  # fmt: skip
    for headers in wrong:
        response = await client.get(f"{BASE}/locations", headers=headers)
        assert response.status_code == 401, headers
        assert response.json() == refusal("rest_forbidden", FORBIDDEN, 401)
        assert "allow" not in response.headers
        assert "cache-control" not in response.headers


async def test_get_routes_need_a_read_capable_key_and_post_routes_a_write_capable_one(
    client: httpx.AsyncClient, shop: Shop, issue_key: Any
) -> None:
    reader, writer, admin = await issue_key("read"), await issue_key("write"), await issue_key("admin")
    storefront = await issue_key("storefront")  # it reads only where it is told how exactly it may see: in GraphQL
    for path in GETS:
        for key, status in ((reader, 200), (storefront, 403), (writer, 403), (admin, 200)):
            response = await client.get(BASE + path, headers={"X-API-Key": key})
            assert response.status_code == status, (path, key)
    for path in POSTS:
        body = {"items": []} if path.endswith("sync") else ITEM
        for key, status in ((reader, 403), (storefront, 403), (writer, 200), (admin, 200)):
            response = await client.post(BASE + path, json=body, headers={"X-API-Key": key})
            assert response.status_code == status, (path, key)
    response = await client.get(f"{BASE}/locations", headers={"X-API-Key": writer})
    message = "Insufficient permissions: this API key does not have the read scope."
    assert response.json() == refusal("rest_forbidden", message, 403)


async def test_an_api_key_is_accepted_as_the_password_of_basic_with_any_user_name(
    client: httpx.AsyncClient, shop: Shop
) -> None:
    for user in ("apiuser", "", "кассир"):
        response = await client.get(f"{BASE}/locations", headers=basic(user, shop.key))
        assert response.status_code == 200, user


async def test_a_surrounding_space_in_a_header_value_is_trimmed(
    client: httpx.AsyncClient, shop: Shop, webhook_secret: str
) -> None:
    response = await client.get(f"{BASE}/locations", headers={"X-API-Key": f"  {shop.key} \t"})
    assert response.status_code == 200
    headers = {"X-Webhook-Secret": f" {webhook_secret} "}
    assert (await client.post(f"{BASE}/webhook/inventory-update", json=ITEM, headers=headers)).status_code == 200


async def test_a_webhook_secret_opens_the_webhook_route_and_nothing_else(
    client: httpx.AsyncClient, webhook_secret: str
) -> None:
    for headers in ({"X-Webhook-Secret": webhook_secret}, {"X-API-Key": webhook_secret}, basic("x", webhook_secret)):
        for path in GETS:
            assert (await client.get(BASE + path, headers=headers)).status_code == 401
        for path in POSTS[:2]:
            assert (await client.post(BASE + path, json=ITEM, headers=headers)).status_code == 401
    headers = {"X-Webhook-Secret": webhook_secret}
    assert (await client.post(BASE + POSTS[2], json=ITEM, headers=headers)).status_code == 200


async def test_a_missing_or_wrong_webhook_secret_is_401_invalid_webhook_secret(
    client: httpx.AsyncClient, shop: Shop, webhook_secret: str, issue_key: Any
) -> None:
    expected = refusal("invalid_webhook_secret", "The webhook secret is missing or invalid.", 401)
    reader = await issue_key("read")
    assert (await client.get(f"{BASE}/locations", headers={"X-API-Key": reader})).status_code == 200
    wrong = ("X-Webhook-Secret", "wrong"), ("X-Webhook-Secret", reader), ("X-API-Key", webhook_secret)
    for headers in ({}, *({name: value} for name, value in wrong)):
        response = await client.post(BASE + POSTS[2], json=ITEM, headers=headers)
        assert (response.status_code, response.json()) == (401, expected), headers
    both = {"X-Webhook-Secret": webhook_secret, "X-API-Key": reader}
    assert (await client.post(BASE + POSTS[2], json=ITEM, headers=both)).status_code == 200


async def test_a_secret_in_the_query_string_is_never_accepted(
    client: httpx.AsyncClient, shop: Shop, webhook_secret: str
) -> None:
    names = ("X-API-Key", "x_api_key", "api_key", "consumer_key", "key")
    query = dict.fromkeys(names, shop.key) | {"X-Webhook-Secret": webhook_secret, "secret": webhook_secret}
    assert (await client.get(f"{BASE}/locations", params=query)).status_code == 401
    assert (await client.post(BASE + POSTS[2], params=query, json=ITEM)).status_code == 401


@pytest.mark.parametrize("changed_settings", [{"mulopimfwc_statuses": "plugin"}])
async def test_a_setting_gives_the_plugins_statuses(client: httpx.AsyncClient, shop: Shop, webhook_secret: str) -> None:
    for response in (await client.get(f"{BASE}/locations"), await client.post(BASE + POSTS[2], json=ITEM)):
        assert (response.status_code, response.json()) == (403, refusal("rest_forbidden", FORBIDDEN, 403))
    failures: list[tuple[dict[str, Any], str, int]] = [
        ({"location_id": 5, "stock": 1}, "missing_product", 400),
        ({"product_id": 12, "stock": 1}, "missing_location", 400),
        ({**ITEM, "product_id": 999}, "product_not_found", 400),
        ({**ITEM, "location_id": 999}, "location_not_found", 400),
        ({**ITEM, "location_id": 9}, "location_inactive", 422),
        ({**ITEM, "stock": "abc"}, "invalid_stock", 422),
    ]
    for item, error, status in failures:
        response = await shop.update(item)
        assert (response.status_code, response.json()["data"]) == (status, {"status": status, "error": error})
    headers = {"X-Webhook-Secret": webhook_secret}
    response = await client.post(BASE + POSTS[2], json={"location_id": 5, "stock": 1}, headers=headers)
    assert response.json() == refusal("invalid_data", "Invalid webhook data format.", 400)


async def test_the_order_of_checks_is_route_then_json_then_credential_then_body(
    client: httpx.AsyncClient, shop: Shop
) -> None:
    malformed = {"content": "{bad", "headers": {"Content-Type": "application/json"}}
    for path in POSTS:
        assert (await client.put(BASE + path, **malformed)).json()["code"] == "rest_no_route"
        response = await client.post(BASE + path, **malformed)
        assert (response.status_code, response.json()["code"]) == (400, "rest_invalid_json")
        assert "allow" not in response.headers
        response = await client.post(BASE + path, json=[])
        assert response.status_code == 401
        response = await client.post(BASE + path, json=[], headers={"X-API-Key": shop.key})
        assert (response.status_code, response.headers["allow"]) == (400, "POST")


async def test_the_body_is_read_as_json_only_when_the_content_type_says_so(shop: Shop) -> None:
    kinds = ["application/json", "APPLICATION/JSON; Charset=UTF-8", "application/vnd.till+json", "application/json ;x"]
    others: list[str | None] = ["text/plain", "application/x-www-form-urlencoded", "", None, "text/json", "json"]
    content = '{"product_id": 12, "location_id": 5, "stock": 1}'
    for kind in (*kinds, *others):
        headers = {} if kind is None else {"Content-Type": kind}
        response = await shop.call("POST", "/inventory/update", content=content, headers=headers)
        assert response.status_code == (200 if kind in kinds else 400), kind
    update = await shop.call("POST", "/inventory/update", content=content)
    assert update.json() == {
        "code": "update_failed",
        "message": "Product ID or SKU is required.",
        "data": {"status": 400, "error": "missing_product"},
    }
    bulk = await shop.call("POST", "/inventory/bulk-sync", content='{"items": []}')
    assert bulk.json() == refusal("invalid_data", 'Invalid data format. Expected "items" array.', 400)
    webhook = await shop.call("POST", "/webhook/inventory-update", content=content)
    assert webhook.json() == refusal("invalid_data", "Invalid webhook data format.", 400)


async def test_a_bom_invalid_utf8_or_other_malformed_json_is_rest_invalid_json(shop: Shop) -> None:
    syntax, utf8 = (4, "Syntax error"), (5, "Malformed UTF-8 characters, possibly incorrectly encoded")
    bodies = [
        (b"\xef\xbb\xbf{}", syntax), (b'{"sku": "\xff"}', utf8), (b'{"sku": "x", ', syntax), (b" ", syntax),
        (b'{"sku": "\\ud800"}', syntax), (b"[" * 5000, syntax), (b'{"a": 1e400, "b": "\\ud800"}', syntax),
        (b"[" * 500 + b"1e400", syntax), (b"{'sku': 1}", syntax), (b"[NaN, 1e400]", syntax),
    ]  # fmt: skip
    for content, (code, reason) in bodies:
        headers = {"Content-Type": "application/json"}
        response = await shop.call("POST", "/inventory/update", content=content, headers=headers)
        assert response.status_code == 400, content[:20]
        assert response.json() == {
            "code": "rest_invalid_json",
            "message": "Invalid JSON body passed.",
            "data": {"status": 400, "json_error_code": code, "json_error_message": reason},
        }


async def test_a_key_limited_to_locations_reads_and_writes_only_there(
    client: httpx.AsyncClient, shop: Shop, issue_key: Any
) -> None:
    await shop.update({**ITEM, "location_id": 3, "stock": 8})
    limited = Shop(client, shop.database, await issue_key("read", "write", location_ids=[3]))
    assert [each["id"] for each in (await limited.get("/locations"))["data"]] == [3]
    assert {row["location_id"] for row in (await limited.get("/inventory/export"))["data"]} == {3}
    assert (await limited.get("/inventory/export?location_id=5"))["data"] == []
    assert "Main Store" not in (await limited.call("GET", "/inventory/export?format=csv")).text
    listed = (await limited.get("/products?inventory=1&sku=PROD-002"))["data"][0]["inventory"]
    assert [(row["location_id"], row["stock"]) for row in listed] == [(3, "8")]
    response = await limited.update(ITEM)
    assert response.status_code == 403
    assert response.json() == {
        "code": "update_failed",
        "message": "This API key may not change stock at this location.",
        "data": {"status": 403, "error": "location_forbidden"},
    }
    response = await limited.bulk_sync([{**ITEM, "location_id": 3}, ITEM])
    assert response.json()["results"] == {
        "success": 1,
        "failed": 1,
        "errors": ["Item 2: This API key may not change stock at this location."],
    }
