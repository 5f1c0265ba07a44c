"""The routes of webhooks: what they take, answer and refuse. What is delivered is in test_wc_webhook_deliveries.py."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest

from gateway.webhooks.sealing import unseal
from storage import change_feed, webhook_endpoints
from storage.webhook_endpoints import EndpointEdit, EndpointRefusedError, NewEndpoint, Status
from tests.gateway.dialects.wc_v3.conftest import SERVER_SECRET, Pairs

sqlite = pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
AT: Final = "https://shop.example/wp-json/wc/v3/webhooks"
URL: Final = "http://192.0.2.7/h"
ASKED: Final = {"topic": "product.updated", "delivery_url": URL, "secret": "secret-x"}
CODE: Final = "woocommerce_rest_shop_webhook_"
VERBS: Final = {"allow": ["GET", "POST", "PUT", "PATCH", "DELETE"]}
pytestmark = pytest.mark.parametrize(
    "changed_settings", [{"webhook_targets_allowed": ["192.0.2.0/24"], "timezone": "Europe/Kyiv"}]
)


async def refused(shop: Any, method: str, path: str, **options: Any) -> tuple[int, str, str]:
    """Status, code and message of an answer."""
    answer = await shop.call(method, path, **options)
    body = answer.json()
    assert body["data"]["status"] == answer.status_code, answer.text
    return answer.status_code, body["code"], body["message"]


async def created(shop: Any, **asked: Any) -> Any:
    """A new webhook, as the answer shows it."""
    answer = await shop.call("POST", "/webhooks", json={**ASKED, **asked})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_check_96_a_new_webhook_is_active_and_its_secret_is_told_to_nobody(shop: Any) -> None:
    answer = await shop.call("POST", "/webhooks", json={**ASKED, "status": "paused", "name": "stock"})
    body = answer.json()
    id_ = body["id"]
    assert (answer.status_code, answer.headers["location"]) == (201, f"{AT}/{id_}")
    created = body.pop("date_created"), body.pop("date_created_gmt")
    assert created[0] > created[1], "the shop is in Kyiv"
    assert body == {
        "id": id_, "name": "stock", "status": "active", "topic": "product.updated", "resource": "product",
        "event": "updated",
        "hooks": [
            "woocommerce_process_product_meta", "woocommerce_update_product", "woocommerce_update_product_variation",
        ],
        "delivery_url": URL, "date_modified": None, "date_modified_gmt": None,
        "_links": {"self": [{"href": f"{AT}/{id_}", "targetHints": VERBS}], "collection": [{"href": AT}]},
    }  # fmt: skip
    stored = await shop.database.read(webhook_endpoints.by_id, id_)
    assert (stored.format, stored.topics, stored.ping_pending) == (
        "woocommerce", ("product.updated", "stock.changed"), True,
    )  # fmt: skip
    assert unseal(SERVER_SECRET, stored.secret) == "secret-x"
    assert await shop.get(f"/webhooks/{id_}") == (await shop.get("/webhooks"))[0]
    unnamed = await created_without(shop)
    assert re.fullmatch(r"Webhook created on [A-Z][a-z]{2} \d\d, \d{4} @ \d\d:\d\d [AP]M", unnamed["name"])
    stored = await shop.database.read(webhook_endpoints.by_id, unnamed["id"])
    assert len(unseal(SERVER_SECRET, stored.secret)) == 50
    action = await created_without(shop, topic="action.woocommerce_product_set_stock")
    assert (action["resource"], action["event"], action["hooks"]) == (
        "action", "woocommerce_product_set_stock", ["woocommerce_product_set_stock"],
    )  # fmt: skip


async def created_without(shop: Any, **asked: Any) -> Any:
    """A new webhook of which nothing is said that need not be."""
    answer = await shop.call("POST", "/webhooks", data={"topic": "order.created", "delivery_url": URL, **asked})
    assert answer.status_code == 201, answer.text
    return answer.json()


@sqlite
async def test_check_97_what_is_missing_is_named(shop: Any) -> None:
    for sent, missing in (
        ({"topic": "product.updated"}, ["delivery_url"]),
        ({"delivery_url": URL}, ["topic"]),
        ({}, ["topic", "delivery_url"]),
    ):
        answer = await shop.call("POST", "/webhooks", json=sent)
        body = answer.json()
        assert (answer.status_code, body["code"]) == (400, "rest_missing_callback_param")
        assert body["data"]["params"] == missing


@sqlite
async def test_check_98_topics_and_urls_have_to_be_possible(shop: Any) -> None:
    for topic in (
        "product.exploded",
        "product",
        "shop.created",
        "action.",
        "action.save_post",
        "action.wc_ü",
        "",
        "x" * 201,
    ):
        told = await refused(shop, "POST", "/webhooks", json={**ASKED, "topic": topic})
        assert told == (400, f"{CODE}invalid_topic", "Webhook topic is required and must be valid."), topic
    wrong = "Webhook delivery URL must be a valid URL starting with http:// or https://."
    for url in ("", "nope", "ftp://shop.example/x", "http://", "https://u:p@shop.example/"):
        told = await refused(shop, "POST", "/webhooks", json={**ASKED, "delivery_url": url})
        assert told == (400, f"{CODE}invalid_delivery_url", wrong), url
    for url in ("http://127.0.0.1/h", "http://localhost:8000/", "http://169.254.169.254/latest", "http://[::1]/"):
        status, code, message = await refused(shop, "POST", "/webhooks", json={**ASKED, "delivery_url": url})
        assert (status, code) == (400, f"{CODE}invalid_delivery_url"), url
        assert "STOCKGATE_WEBHOOK_TARGETS_ALLOWED" in message
    told = await refused(shop, "POST", "/webhooks", json={**ASKED, "id": 5, "topic": "none"})
    assert told == (400, f"{CODE}exists", "Cannot create existing shop_webhook.")
    for field, value, code in (
        ("status", "sleeping", "rest_not_in_enum"),
        ("name", 5, "rest_invalid_type"),
        ("name", "n" * 256, "rest_too_long"),
    ):  # fmt: skip
        answer = await shop.call("POST", "/webhooks", json={**ASKED, field: value})
        assert (answer.status_code, answer.json()["data"]["details"][field]["code"]) == (400, code)
    assert await shop.get("/webhooks") == []
    never_fired = [f"{what}.{event}" for what in ("coupon", "customer", "order") for event in ("created", "restored")]
    for topic in (*never_fired, "product.published", "action.wc_anything"):
        assert (await created(shop, topic=topic))["topic"] == topic


async def test_a_webhook_can_be_changed_and_what_is_not_said_stays(shop: Any) -> None:
    made = await created(shop, name="first")
    path = f"/webhooks/{made['id']}"
    stored = await shop.database.read(webhook_endpoints.by_id, made["id"])
    renamed = await shop.put(path, name="second", topic="product.deleted", secret="")
    assert (renamed["name"], renamed["topic"], renamed["status"]) == ("second", "product.deleted", "active")
    assert renamed["date_modified_gmt"] >= made["date_created_gmt"]
    for method in ("PUT", "PATCH", "POST"):
        moved = await shop.call(method, path, json={"delivery_url": f"{URL}/{method}", "status": "paused"})
        assert (moved.json()["delivery_url"], moved.json()["status"]) == (f"{URL}/{method}", "paused")
    after = await shop.database.read(webhook_endpoints.by_id, made["id"])
    assert (after.topics, after.secret, after.status) == (("product.deleted",), stored.secret, Status.PAUSED)
    assert (await shop.put(path, status="disabled"))["status"] == "disabled"
    assert (await shop.put(path, status="active", secret="other"))["status"] == "active"
    after = await shop.database.read(webhook_endpoints.by_id, made["id"])
    assert (unseal(SERVER_SECRET, after.secret), after.disabled_reason) == ("other", None)
    for sent, code in (
        ({"topic": "x.y", "delivery_url": "nope"}, f"{CODE}invalid_topic"),
        ({"delivery_url": "nope"}, f"{CODE}invalid_delivery_url"),
        ({"delivery_url": "http://10.0.0.1/"}, f"{CODE}invalid_delivery_url"),
        ({"status": "sleeping", "topic": "x.y"}, "rest_invalid_param"),
    ):
        assert (await refused(shop, "PUT", path, json=sent))[:2] == (400, code)
    assert (await shop.get(path))["topic"] == "product.deleted"
    with pytest.raises(EndpointRefusedError, match="chosen by its owner"):
        await shop.database.transact(webhook_endpoints.change, made["id"], EndpointEdit(topics=("stock.*",)))
    await shop.database.transact(webhook_endpoints.pause, made["id"])
    await shop.put("/products/11", stock_quantity=1)
    resumed = await shop.database.transact(webhook_endpoints.resume, made["id"])
    assert resumed.position == await shop.database.read(change_feed.horizon), "whoever resumes it"


@sqlite
async def test_checks_102_and_103_unknown_ones_are_400_to_read_and_404_to_delete(shop: Any) -> None:
    made = await created(shop)
    path = f"/webhooks/{made['id']}"
    trash = (501, "woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.")
    assert await refused(shop, "DELETE", path) == trash
    assert await refused(shop, "DELETE", "/webhooks/999") == trash
    deleted = await shop.call("DELETE", f"{path}?force=true")
    assert (deleted.status_code, deleted.json()) == (200, made)
    for method, options in (("GET", {}), ("PUT", {"json": {"topic": "x.y"}})):
        told = await refused(shop, method, "/webhooks/999", **options)
        assert told == (400, f"{CODE}invalid_id", "ID is invalid.")
    assert await refused(shop, "DELETE", f"{path}?force=true") == (404, f"{CODE}invalid_id", "Invalid ID.")
    other = await shop.database.transact(
        webhook_endpoints.create, NewEndpoint("standard", URL, ("stock.changed",), "sealed")
    )
    assert (await refused(shop, "GET", f"/webhooks/{other.id}"))[0] == 400, "endpoints of other formats are not here"
    assert (await refused(shop, "DELETE", f"/webhooks/{other.id}?force=true"))[0] == 404
    assert await shop.get("/webhooks") == []


async def test_lists_are_filtered_sorted_and_paged(shop: Any) -> None:
    names = ("Alpha", "beta 50%", "Gamma", "alphabet")
    ids = [(await created(shop, name=name))["id"] for name in names]
    await shop.put(f"/webhooks/{ids[1]}", status="paused")
    await shop.put(f"/webhooks/{ids[2]}", status="disabled")
    for query, expected in (
        ({}, ids[::-1]),
        ({"order": "asc"}, ids),
        ({"orderby": "id", "order": "asc", "offset": 3}, ids[3:]),
        ({"orderby": "title", "order": "asc"}, [ids[0], ids[3], ids[1], ids[2]]),
        ({"status": "active"}, [ids[3], ids[0]]),
        ({"status": "paused"}, [ids[1]]),
        ({"status": "disabled"}, [ids[2]]),
        ({"search": "ALPHA"}, [ids[3], ids[0]]),
        ({"search": "50%"}, [ids[1]]),
        ({"include": f"{ids[0]},{ids[2]}"}, [ids[2], ids[0]]),
        ({"exclude": f"{ids[0]},{ids[2]}", "order": "asc"}, [ids[1], ids[3]]),
        ({"after": "2020-01-01T00:00:00", "order": "asc"}, ids),
        ({"before": "2020-01-01T00:00:00"}, []),
    ):
        assert [row["id"] for row in await shop.get("/webhooks", **query)] == expected, query
    page = await shop.call("GET", "/webhooks?per_page=3&page=2&status=all")
    assert (page.headers["x-wp-total"], page.headers["x-wp-totalpages"]) == ("4", "2")
    assert page.headers["link"] == f'<{AT}?per_page=3&page=1&status=all>; rel="prev"'
    assert [row["id"] for row in page.json()] == ids[:1]
    for query in ("orderby=slug", "status=trash", "per_page=101", "after=2020-01-01"):
        assert (await refused(shop, "GET", f"/webhooks?{query}"))[:2] == (400, "rest_invalid_param")


async def test_batches_do_what_they_can_and_tell_what_they_cannot(shop: Any) -> None:
    first, second = [(await created(shop))["id"] for _ in range(2)]
    answer = await shop.call(
        "POST",
        "/webhooks/batch",
        json={
            "create": [
                {**ASKED, "name": 7, "status": "none"},
                {"topic": "x.y"},
                {**ASKED, "id": 3},
                {**ASKED, "delivery_url": "http://10.1.2.3/"},
            ],
            "update": [{"id": first, "status": "PAUSED"}, {"id": first, "status": "none"}, {"id": 999, "name": "n"}, 5],
            "delete": [second, 999],
        },
    )
    body = answer.json()
    assert answer.status_code == 200
    made = body["create"][0]
    assert (made["name"], made["status"]) == ("7", "active")
    told = [(row["id"], row["error"]["code"]) for row in body["create"][1:]]
    assert told == [(0, f"{CODE}invalid_topic"), (0, f"{CODE}exists"), (0, f"{CODE}invalid_delivery_url")]
    assert (body["update"][0]["id"], body["update"][0]["status"]) == (first, "paused")
    assert [(row["id"], row["error"]["code"]) for row in body["update"][1:]] == [
        (first, f"{CODE}invalid_status"), (999, f"{CODE}invalid_id"), (5, "rest_invalid_param"),
    ]  # fmt: skip
    assert body["delete"][0]["id"] == second
    assert body["delete"][1] == {
        "id": 999, "error": {"code": f"{CODE}invalid_id", "message": "Invalid ID.", "data": {"status": 404}},
    }  # fmt: skip
    assert [row["id"] for row in await shop.get("/webhooks", order="asc")] == [first, made["id"]]
    assert (await shop.call("PUT", "/webhooks/batch", json={})).json() == []
    many = await refused(shop, "POST", "/webhooks/batch", json={"delete": list(range(101))})
    assert many[:2] == (413, "woocommerce_rest_request_entity_too_large")


@sqlite
async def test_only_who_manages_the_shop_has_to_do_with_webhooks(shop: Any, pairs: Pairs) -> None:
    asked = (
        ("GET", "/webhooks", "view"), ("POST", "/webhooks", "create"), ("GET", "/webhooks/1", "view"),
        ("PUT", "/webhooks/1", "edit"), ("DELETE", "/webhooks/1", "delete"), ("POST", "/webhooks/batch", "batch"),
    )  # fmt: skip
    for method, path, what in asked:
        for caller, status in ((None, 401), (pairs["LU"], 403)):
            told = await refused(shop.as_(caller), method, path, json=ASKED)
            assert told[:2] == (status, f"woocommerce_rest_cannot_{what}"), (method, path)
    assert (await refused(shop.as_(None), "POST", "/webhooks", json={}))[:2] == (400, "rest_missing_callback_param")
    read_only = shop.as_(pairs["RO"])
    assert await read_only.get("/webhooks") == []
    told = await refused(read_only, "POST", "/webhooks", json=ASKED)
    assert told == (
        401,
        "woocommerce_rest_authentication_error",
        "The API key provided does not have write permissions.",
    )
    written = await shop.as_(pairs["WO"]).call("POST", "/webhooks", json=ASKED)
    assert written.status_code == 201
    for method, path in (
        ("PATCH", "/webhooks"),
        ("PUT", "/webhooks"),
        ("GET", "/webhooks/batch"),
        ("GET", "/webhooks/x"),
    ):
        assert (await refused(shop, method, path))[:2] == (404, "rest_no_route"), path
    described = (await shop.as_(None).call("OPTIONS", "/webhooks")).json()
    assert described["schema"]["title"] == "webhook"
    assert "secret" not in described["schema"]["properties"]
    assert described["endpoints"][1]["args"]["delivery_url"]["required"] is True
    assert "/wc/v3/webhooks/(?P<id>[\\d]+)" in (await shop.get("/wp-json/wc/v3"))["routes"]


async def test_a_repeated_creation_makes_one_webhook_and_a_dry_run_none(shop: Any) -> None:
    rehearsed = await shop.call("POST", "/webhooks", json=ASKED, headers={"X-Dry-Run": "1"})
    assert (rehearsed.status_code, rehearsed.headers["x-dry-run"]) == (201, "1")
    assert await shop.get("/webhooks") == []
    key = {"Idempotency-Key": "set-up-1"}
    first, again = [await shop.call("POST", "/webhooks", json=ASKED, headers=key) for _ in range(2)]
    assert (first.json(), first.headers["location"]) == (again.json(), again.headers["location"])
    assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
    assert len(await shop.get("/webhooks")) == 1
    reused = await refused(shop, "POST", "/webhooks", json={**ASKED, "name": "other"}, headers=key)
    assert reused[:2] == (422, "idempotency_key_reused")
    versioned = await refused(shop, "POST", "/webhooks", json=ASKED, headers={"If-Match": '"1"'})
    assert versioned[:2] == (400, "invalid_header")
