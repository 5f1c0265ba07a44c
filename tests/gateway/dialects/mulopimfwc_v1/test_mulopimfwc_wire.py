"""Whole exchanges in sequence, byte for byte: status, every header but X-Request-Id, body."""

from __future__ import annotations

import httpx

from tests.gateway.dialects.mulopimfwc_v1.conftest import BASE, Shop

ALWAYS = {
    "content-type": "application/json; charset=UTF-8",
    "x-robots-tag": "noindex",
    "link": '<http://shop.test/wp-json/>; rel="https://api.w.org/"',
    "x-content-type-options": "nosniff",
    "access-control-expose-headers": "X-WP-Total, X-WP-TotalPages, Link",
    "access-control-allow-headers": "Authorization, X-WP-Nonce, Content-Disposition, Content-MD5, Content-Type",
}
UNCACHED = {
    "expires": "Wed, 11 Jan 1984 05:00:00 GMT",
    "cache-control": "no-cache, must-revalidate, max-age=0, no-store, private",
}
GET = {"allow": "GET", "vary": "Origin"}
LOCATIONS = (
    '{"success":true,"count":3,"data":[{"id":3,"slug":"kyiv-central","name":"Kyiv Central","description":""},'
    '{"id":5,"slug":"main-store","name":"Main Store","description":"Our primary retail location"},'
    '{"id":7,"slug":"\\u043b\\u044c\\u0432\\u0456\\u0432-\\u0441\\u043a\\u043b\\u0430\\u0434",'
    '"name":"\\u041b\\u044c\\u0432\\u0456\\u0432 \\u0421\\u043a\\u043b\\u0430\\u0434",'
    '"description":"\\u0417\\u0430\\u0445\\u0456\\u0434\\u043d\\u0438\\u0439 \\u0441\\u043a\\u043b\\u0430\\u0434"}]}'
)
NO_ROUTE = (
    '{"code":"rest_no_route","message":"No route was found matching the URL and request method.","data":{"status":404}}'
)
NOT_JSON = (
    '{"code":"rest_invalid_json","message":"Invalid JSON body passed.",'
    '"data":{"status":400,"json_error_code":4,"json_error_message":"Syntax error"}}'
)
FORBIDDEN = (
    '{"code":"rest_forbidden","message":"You do not have permission to access this endpoint.","data":{"status":401}}'
)
OPTIONS = (
    '{"namespace":"mulopimfwc\\/v1","methods":["GET"],"endpoints":[{"methods":["GET"],"args":[]}],'
    '"_links":{"self":[{"href":"http:\\/\\/shop.test\\/wp-json\\/mulopimfwc\\/v1\\/locations"}]}}'
)
UPDATED = (
    '{"success":true,"message":"Inventory updated successfully.",'
    '"data":{"product_id":456,"location_id":5,"sku":"PROD-001"}}'
)

EXCHANGES: list[tuple[str, str, bool, str | None, int, dict[str, str], str]] = [
    # method, path, with the key?, body; status, headers beside ALWAYS, body
    ("GET", "/locations", True, None, 200, GET | UNCACHED, LOCATIONS),
    ("GET", "/locations?_fields=success", True, None, 200, GET | UNCACHED, '{"success":true}'),
    ("GET", "/locations", False, None, 401, {"vary": "Origin"}, FORBIDDEN),
    ("GET", "/locations?_fields=code", False, None, 401, {"vary": "Origin"}, FORBIDDEN),
    ("GET", "/locations/5", True, None, 404, {"vary": "Origin"} | UNCACHED, NO_ROUTE),
    ("DELETE", "/locations", True, None, 404, UNCACHED, NO_ROUTE),
    ("PUT", "/inventory/update", True, "{bad", 404, UNCACHED, NO_ROUTE),
    ("GET", "/webhook/inventory-update", True, None, 404, {"vary": "Origin"} | UNCACHED, NO_ROUTE),
    ("OPTIONS", "/locations", True, None, 200, {"allow": "GET"} | UNCACHED, OPTIONS),
    ("OPTIONS", "/locations", False, None, 200, {}, OPTIONS),
    ("OPTIONS", "/nope", False, None, 200, {}, "[]"),
    ("POST", "/inventory/update", False, "{bad", 400, {}, NOT_JSON),
    ("POST", "/inventory/update", True, "{bad", 400, {"allow": "POST"} | UNCACHED, NOT_JSON),
    (
        "POST", "/inventory/update", True, '{"sku": "prod-001", "location_slug": "main-store", "stock": 50}',
        200, {"allow": "POST", "etag": '"1"', "x-stock-change-group": "1"} | UNCACHED, UPDATED,
    ),
    (
        "POST", "/inventory/update", True, '{"sku": "NOPE", "location_id": 5, "stock": 50}',
        404, {"allow": "POST"} | UNCACHED,
        '{"code":"update_failed","message":"Product not found.","data":{"status":404,"error":"product_not_found"}}',
    ),
    (
        "POST", "/inventory/bulk-sync", True,
        '{"items": [{"product_id": 456, "location_id": 5, "stock": 1}, {"product_id": 456, "stock": 1}]}',
        200, {"allow": "POST", "x-stock-change-group": "2"} | UNCACHED,
        ('{"success":true,"message":"Processed 2 items. 1 succeeded, 1 failed.",'
        '"results":{"success":1,"failed":1,"errors":["Item 2: Location ID or slug is required."]}}'),
    ),
    (
        "POST", "/webhook/inventory-update", True, '{"product_id": 456, "location_id": 5, "stock": 2}',
        200, {"allow": "POST", "etag": '"3"', "x-stock-change-group": "3"} | UNCACHED,
        UPDATED.replace("updated successfully", "updated via webhook"),
    ),
    (
        "GET", "/inventory/export?location_id=5&sku=PROD-001", True, None, 200, GET | UNCACHED,
        ('{"success":true,"count":1,"total":1,"total_pages":1,"current_page":1,"per_page":100,"has_more":false,'
        '"data":[{"product_id":456,"sku":"PROD-001","product_name":"Mug","location_id":5,"location_slug":"main-store",'
        '"location_name":"Main Store","stock":"2","regular_price":"","sale_price":"","backorders":"",'
        '"disabled":false}]}'),
    ),
    (
        "GET", "/inventory/export?format=csv&sku=NOPE", True, None, 404, GET | UNCACHED,
        '{"code":"no_data","message":"No data to export.","data":{"status":404}}',
    ),
    (
        "GET", "/products?per_page=1", True, None, 200, GET | UNCACHED,
        ('{"success":true,"count":1,"page":1,"per_page":"1",'
        '"data":[{"id":456,"sku":"PROD-001","name":"Mug","type":"simple"}]}'),
    ),
]  # fmt: skip


async def test_exchanges_are_byte_for_byte(client: httpx.AsyncClient, shop: Shop) -> None:
    for method, path, keyed, body, status, headers, expected in EXCHANGES:
        sent = {"X-API-Key": shop.key} if keyed else {}
        if body is not None:
            sent["Content-Type"] = "application/json"
        response = await client.request(method, BASE + path, headers=sent, content=body)
        exchange = (method, path, body)
        assert (response.status_code, response.text) == (status, expected), exchange
        received = dict(response.headers)
        assert int(received.pop("content-length")) == len(expected.encode()), exchange
        assert len(received.pop("x-request-id")) == 32
        budget = [int(received.pop(f"ratelimit-{name}")) for name in ("limit", "remaining", "reset") if keyed]
        assert not budget or budget[0] == 10_000_000 > budget[1] > 0 < budget[2] <= 60, exchange
        assert received == ALWAYS | headers, exchange
