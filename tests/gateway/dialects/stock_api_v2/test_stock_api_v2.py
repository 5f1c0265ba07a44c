"""The checklist of the specification, by its numbers."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from gateway.dialects.stock_api_v2.errors import RENDERED
from storage.errors import ErrorCode
from tests.gateway.dialects.stock_api_v2.conftest import (
    API,
    BOOT,
    BOOT_40,
    BOOT_41,
    CENTRAL,
    FRIDGE,
    ODD,
    PHONE,
    SHIRT,
    SUPPLIER,
    Shop,
    basic,
    sku,
)

sqlite = pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)  # it does not come to a statement
PUBLISHED = [
    {"id": 10001, "sku": "WMY71443LB2", "ean": "8690842009112", "inventory_enabled": "on", "stock": 10,
     "price_net": 1428.57, "price_gross": 1700.00},
    {"id": 10002, "sku": "TShirt.Blk.XL", "ean": None, "inventory_enabled": "off", "price_net": 75.63,
     "price_gross": 90.00},
    {"id": 10003, "sku": None, "ean": "7332543402632", "inventory_enabled": "on", "stock": 20,
     "warehouses": [{"id": 1, "name": "Depozit central", "stock": 5},
                    {"id": 2, "name": "Depozit furnizor (Nod)", "stock": 15}],
     "price_net": 756.30, "price_gross": 900.00},
]  # fmt: skip


async def test_check_1_the_published_gets_answer_as_published_through_id_sku_and_ean(shop: Shop) -> None:
    assert await shop.get("id/10001") == PUBLISHED[0]
    assert await shop.get("sku/TShirt.Blk.XL") == PUBLISHED[1]
    await shop.open_second_warehouse()  # the page's third example is of a shop that has several
    assert await shop.get("ean/7332543402632") == PUBLISHED[2]
    for other in ("id/10001", "sku/wmy71443lb2", "ean/08690842009112", "ean/8690842009112"):
        assert (await shop.get(other))["id"] == PHONE


async def test_check_2_the_published_patches_work_in_their_order(shop: Shop) -> None:
    """The sheet says six and names five."""
    first = await shop.patch("id/10001", stock=20, price_net=1344.54)
    assert first == {**PUBLISHED[0], "stock": 20, "price_net": 1344.54, "price_gross": 1600.00}
    second = await shop.patch(SHIRT, inventory_enabled="on", stock=5)
    assert second == {**PUBLISHED[1], "inventory_enabled": "on", "stock": 5}
    third = await shop.patch("sku/TShirt.Blk.XL", price_gross=80)
    assert third == {**second, "price_net": 67.23, "price_gross": 80.00}
    assert (await shop.patch("sku/TShirt.Blk.XL", stock={"adjust_by": 3}))["stock"] == 8
    await shop.open_second_warehouse()
    both = [{"name": "Depozit central", "stock": 10}, {"name": "Depozit furnizor (Nod)", "stock": 15}]
    fifth = await shop.patch("ean/7332543402632", warehouses=both)
    assert fifth["stock"] == 25
    assert [place["stock"] for place in fifth["warehouses"]] == [10, 15]
    assert await shop.get(FRIDGE) == fifth
    groups = await shop.rows("stock_change_group WHERE dialect <> 'test' ORDER BY id")
    assert {(group["dialect"], group["principal"], group["reference"]) for group in groups} == {
        ("stock-api/v2", "test", "erp")
    }
    assert len(groups) == 4  # a price leaves no entry in the ledger of stock


async def test_check_3_a_sku_of_any_characters_goes_through_the_url(shop: Shop) -> None:
    assert await shop.get(sku("A/B 100%")) == {
        "id": ODD, "sku": "A/B 100%", "ean": None, "inventory_enabled": "on", "stock": 1, "price_net": 1.26,
        "price_gross": 1.5,
    }  # fmt: skip
    assert (await shop.patch("sku/A%2FB%20100%25", stock=3))["stock"] == 3
    assert (await shop.get("sku/A/B%20100%25"))["id"] == ODD  # as a client sends it that does not encode slashes
    assert await shop.get(sku("%2F..")) == {
        "id": 31, "sku": "%2F..", "ean": None, "inventory_enabled": "on", "stock": 0, "price_net": None,
        "price_gross": None,
    }  # fmt: skip
    for nothing in (
        sku("%2F."),
        sku("a\n\nb"),
        "sku/%FF",
        "sku/%00",
        "sku/",
        "sku/GONE",
        "ean/1",
        "ean/x",
        "id/x",
        "id/0",
    ):
        response = await shop.call("GET", nothing)
        assert (response.status_code, response.json()["error"]["code"]) == (404, "product_not_found"), nothing
    assert (await shop.call("GET", "id/" + "9" * 19)).status_code == 404


async def test_check_4_32_adjustments_at_once_add_up(shop: Shop) -> None:
    body = {"stock": {"adjust_by": 1}}
    answers = await asyncio.gather(*(shop.call("PATCH", PHONE, json=body) for _ in range(32)))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["stock"] for answer in answers) == list(range(11, 43))
    assert (await shop.get(PHONE))["stock"] == 42
    entries = await shop.rows(f"ledger_entry WHERE product_id = {PHONE} ORDER BY sequence")
    assert [entry["delta"] for entry in entries] == [10] + [1] * 32


async def test_check_5_what_is_no_quantity_or_price_is_422(shop: Shop) -> None:
    for adjustment in ("3", 1.5, None, {}, True, [], 10**10, 2**70):
        stock = adjustment if adjustment == {} else {"adjust_by": adjustment}
        assert await shop.refused(PHONE, {"stock": stock}) == (422, "invalid_value", "stock"), adjustment
    for stock in ("5", 1.5, None, True, []):
        assert await shop.refused(PHONE, {"stock": stock}) == (422, "invalid_value", "stock"), stock
    for field in ("price_gross", "price_net", "old_price_gross", "old_price_net"):
        for price in (-1, "abc", "12.00", True, {}, 1e9, 10**30):
            assert await shop.refused(PHONE, {field: price}) == (422, "invalid_value", field), price
        for number in (b"NaN", b"-Infinity", b"1e400"):
            body = b'{"%s": %s}' % (field.encode(), number)
            assert await shop.refused(PHONE, body) == (422, "invalid_value", field), number
    assert await shop.refused(PHONE, {"price_gross": None}) == (422, "invalid_value", "price_gross")
    assert await shop.refused(PHONE, {"stock": -1}) == (422, "insufficient_stock", "stock")
    assert await shop.refused(PHONE, {"stock": {"adjust_by": -11}}) == (422, "insufficient_stock", "stock")
    assert (await shop.patch(ODD, stock=-2))["stock"] == -2  # it takes back-orders
    assert await shop.get(PHONE) == PUBLISHED[0]


async def test_check_6_with_several_locations_stock_is_changed_through_warehouses(shop: Shop) -> None:
    await shop.open_second_warehouse()
    before = await shop.rows("ledger_entry")
    response = await shop.call("PATCH", PHONE, json={"stock": 5, "price_gross": 1})
    assert response.status_code == 422
    assert response.json()["error"]["code"] == "use_warehouses"
    assert list(response.json()["error"]) == ["code", "message"]
    assert await shop.rows("ledger_entry") == before
    assert (await shop.get(PHONE))["price_gross"] == 1700
    after = await shop.patch(PHONE, warehouses=[{"id": SUPPLIER, "stock": {"adjust_by": 2}}])
    assert (after["stock"], [place["stock"] for place in after["warehouses"]]) == (12, [10, 2])


async def test_check_7_net_and_gross_have_to_agree_and_one_follows_from_the_other(shop: Shop) -> None:
    assert await shop.refused(PHONE, {"price_net": 100, "price_gross": 100}) == (422, "invalid_price", "price_net")
    both = {"old_price_net": 2000, "old_price_gross": 2000}
    assert await shop.refused(PHONE, both) == (422, "invalid_price", "old_price_net")
    after = await shop.patch(PHONE, price_net=84.03)
    assert (after["price_net"], after["price_gross"]) == (84.03, 100.00)
    assert await shop.get(PHONE) == after
    after = await shop.patch(PHONE, price_net=84.03, price_gross=99.999)  # rounded to 100.00
    assert after["price_gross"] == 100.00
    [row] = await shop.rows(f"product WHERE id = {PHONE}")
    assert row["regular_price"] == 100 * 10_000  # as prices are stored


async def test_check_8_only_a_valid_key_is_let_in_by_basic_or_bearer(shop: Shop, issue_key: Any) -> None:
    wrong = (None, "Basic", "Basic ###", basic("erp", "wrong"), basic(shop.key, ""), "Bearer wrong", shop.key)
    for authorization in wrong:
        headers = {} if authorization is None else {"Authorization": authorization}
        for method in ("GET", "PATCH"):
            response = await shop.client.request(method, f"{API}/id/10001", headers=headers)
            assert (response.status_code, response.json()["error"]["code"]) == (401, "unauthenticated")
            assert response.headers["www-authenticate"] == 'Basic realm="inventory"'
    response = await shop.client.get(f"{API}/id/10001", headers={"Authorization": f"Bearer {shop.key}"})
    assert response.json() == PUBLISHED[0]
    reader, writer, blind = (
        await issue_key("read"),
        await issue_key("write"),
        await issue_key("read", visibility="band"),
    )
    statuses = {
        (name, method): (await shop.as_(key).call(method, PHONE, json={"stock": 10})).status_code
        for name, key in (("reader", reader), ("writer", writer), ("blind", blind))
        for method in ("GET", "PATCH")
    }
    assert statuses == {
        ("reader", "GET"): 200, ("reader", "PATCH"): 403, ("writer", "GET"): 403, ("writer", "PATCH"): 200,
        ("blind", "GET"): 403, ("blind", "PATCH"): 403,
    }  # fmt: skip


async def test_a_key_limited_to_locations_changes_their_stock_and_nothing_else(shop: Shop, issue_key: Any) -> None:
    till = shop.as_(await issue_key("write", location_ids=[SUPPLIER]))
    assert await till.refused(PHONE, {"stock": 1}) == (403, "warehouse_forbidden", "stock")
    await shop.open_second_warehouse()
    assert (await till.patch(PHONE, warehouses=[{"id": SUPPLIER, "stock": 4}]))["stock"] == 14
    assert await till.refused(PHONE, {"warehouses": [{"id": CENTRAL, "stock": 1}]}) == (
        403, "warehouse_forbidden", "warehouses[0].stock",
    )  # fmt: skip
    for body in ({"price_gross": 1}, {"inventory_enabled": "on", "warehouses": [{"id": SUPPLIER, "stock": 1}]}):
        assert (await till.refused(PHONE, body))[:2] == (403, "forbidden")


async def test_warehouses_that_are_unknown_closed_twice_or_of_one_name_are_422(shop: Shop) -> None:
    await shop.open_second_warehouse()

    async def refused(*warehouses: Any) -> tuple[int, str, str | None]:
        return await shop.refused(PHONE, {"warehouses": list(warehouses)})

    central = {"name": "depozit CENTRAL", "stock": 1}
    assert await refused(central, {"name": "Moon", "stock": 1}) == (422, "warehouse_not_found", "warehouses[1].name")
    assert await refused({"id": 99, "stock": 1}) == (422, "warehouse_not_found", "warehouses[0].stock")
    assert await refused({"id": 3, "stock": 1}) == (422, "warehouse_inactive", "warehouses[0].stock")
    assert await refused(central, {"id": CENTRAL, "stock": 2}) == (422, "duplicate_warehouse", "warehouses[1]")
    assert await refused({"stock": 1}) == (422, "invalid_value", "warehouses[0]")
    assert await refused({"id": "1", "stock": 1}) == (422, "invalid_value", "warehouses[0].id")
    assert await refused({"id": CENTRAL}) == (422, "invalid_value", "warehouses[0].stock")
    assert await refused(7) == (422, "invalid_value", "warehouses[0]")
    for no_list in ({}, [], None):
        assert await shop.refused(PHONE, {"warehouses": no_list}) == (422, "invalid_value", "warehouses")
    assert (await shop.get(PHONE))["stock"] == 10


async def test_all_of_a_patch_is_done_or_none(shop: Shop) -> None:
    await shop.open_second_warehouse()
    body = {
        "price_gross": 1, "inventory_enabled": "on",
        "warehouses": [{"id": CENTRAL, "stock": 1}, {"id": SUPPLIER, "stock": -1}],
    }  # fmt: skip
    assert await shop.refused(SHIRT, body) == (422, "insufficient_stock", "warehouses[1].stock")
    assert await shop.get(SHIRT) == PUBLISHED[1]


async def test_stock_of_a_product_whose_inventory_is_off_is_refused(shop: Shop) -> None:
    assert await shop.refused(SHIRT, {"stock": 5}) == (422, "inventory_disabled", "stock")
    off = {"inventory_enabled": "off", "stock": 5}
    assert await shop.refused(PHONE, off) == (422, "inventory_disabled", "stock")
    assert await shop.patch(PHONE, inventory_enabled="off") == {
        name: value for name, value in {**PUBLISHED[0], "inventory_enabled": "off"}.items() if name != "stock"
    }
    assert await shop.patch(PHONE, inventory_enabled="on") == PUBLISHED[0]  # it was kept
    assert await shop.refused(PHONE, {"inventory_enabled": True}) == (422, "invalid_value", "inventory_enabled")


async def test_a_reduction_begins_changes_and_ends(shop: Shop) -> None:
    reduced = await shop.patch(SHIRT, price_gross=80, old_price_gross=90)
    assert reduced == {
        **PUBLISHED[1], "price_net": 67.23, "price_gross": 80, "old_price_net": 75.63, "old_price_gross": 90
    }  # fmt: skip
    assert await shop.patch(SHIRT, **{name: reduced[name] for name in reduced if "price" in name}) == reduced
    assert (await shop.patch(SHIRT, price_gross=70))["old_price_gross"] == 90
    assert (await shop.patch(SHIRT, old_price_net=84.03))["old_price_gross"] == 100
    assert await shop.refused(SHIRT, {"price_gross": 100}) == (422, "invalid_price", "price_gross")
    assert await shop.refused(SHIRT, {"old_price_net": 1}) == (422, "invalid_price", "old_price_net")
    ended = await shop.patch(SHIRT, old_price_gross=None)
    assert (ended["price_gross"], "old_price_gross" in ended) == (100, False)


async def test_variants_have_stock_of_their_own_or_share_their_products(shop: Shop) -> None:
    assert (await shop.patch(BOOT_40, stock=4))["stock"] == 4
    for body in ({"stock": 4}, {"inventory_enabled": "on"}, {"price_gross": 1}, {"old_price_net": 1}):
        assert await shop.refused(BOOT, body) == (422, "variant_required", next(iter(body)))
    assert (await shop.get(BOOT_40))["price_net"] == 100  # at the tax rate of its product
    assert (await shop.get(BOOT_41))["price_net"] == 85.6
    await shop.database.transact(_throw_away, BOOT_40)
    assert (await shop.get(BOOT_41))["stock"] == 0  # from now on the boot has stock itself
    assert (await shop.patch(BOOT_41, stock={"adjust_by": 6}, price_gross=110))["stock"] == 6
    [entry] = await shop.rows(f"ledger_entry WHERE product_id = {BOOT}")
    assert (entry["on_hand"], await shop.rows(f"ledger_entry WHERE product_id = {BOOT_41}")) == (6, [])
    seen = await shop.call("GET", BOOT_41)
    await shop.patch(BOOT, stock=9)
    stale = await shop.refused(BOOT_41, {"price_gross": 1}, If_Match=seen.headers["etag"])
    assert stale[:2] == (412, "stale_version")  # its stock is another one
    seen = await shop.call("GET", BOOT_41)
    answer = await shop.call("PATCH", BOOT_41, json={"stock": 8}, headers={"If-Match": seen.headers["etag"]})
    assert (answer.status_code, answer.json()["stock"]) == (200, 8)
    off = await shop.refused(BOOT_41, {"inventory_enabled": "off"})
    assert off == (422, "invalid_value", "inventory_enabled")


async def _throw_away(session: Any, id_: int) -> None:
    from storage.tables import Product

    (await session.get(Product, id_)).status = "trash"


async def test_if_match_and_etag_make_sure_that_nobody_else_was_faster(shop: Shop) -> None:
    first = await shop.call("GET", PHONE)
    etag = first.headers["etag"]
    changed = await shop.call("PATCH", PHONE, json={"stock": 11}, headers={"If-Match": etag})
    assert (changed.status_code, changed.headers["etag"] != etag) == (200, True)
    assert (await shop.call("GET", PHONE)).headers["etag"] == changed.headers["etag"]
    assert (await shop.refused(PHONE, {"stock": 12}, If_Match=etag))[:2] == (412, "stale_version")
    assert (await shop.refused(PHONE, {"price_gross": 12}, If_Match=etag))[:2] == (412, "stale_version")
    priced = await shop.call("PATCH", PHONE, json={"price_gross": 1}, headers={"If-Match": changed.headers["etag"]})
    assert priced.headers["etag"] not in {etag, changed.headers["etag"]}
    assert (await shop.get(PHONE))["stock"] == 11


async def test_the_headers_that_all_dialects_know_work_here_too(shop: Shop) -> None:
    async def add(**headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await shop.call("PATCH", PHONE, json={"stock": {"adjust_by": 1}}, headers=named)

    first, again = await add(Idempotency_Key="erp-1"), await add(Idempotency_Key="erp-1")
    assert (first.json()["stock"], again.json()["stock"]) == (11, 11)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["x-stock-change-group"] == first.headers["x-stock-change-group"]
    reused = await shop.refused(PHONE, {"stock": 1}, Idempotency_Key="erp-1")
    assert reused == (422, "idempotency_key_reused", None)
    tried = await add(X_Dry_Run="1")
    assert (tried.json()["stock"], tried.headers["x-dry-run"]) == (12, "1")
    assert (await shop.get(PHONE))["stock"] == 11
    assert await shop.refused(PHONE, {"stock": 1}, X_Dry_Run="perhaps") == (400, "invalid_header", "X-Dry-Run")


@sqlite
async def test_a_body_that_cannot_be_read_or_changes_nothing_is_400(shop: Shop) -> None:
    for body in (b"", b"{", b"stock=1", b'{"stock": "\\ud800"}', b"\xff", b"[" * 100_000, b"[]", b"null", b"NaN"):
        assert (await shop.refused(PHONE, body))[:2] == (400, "invalid_json"), body[:20]
    for nothing in ({}, {"id": 5, "sku": "x", "ean": None, "colour": "red"}):
        assert await shop.refused(PHONE, nothing) == (400, "nothing_to_change", None)
    assert (await shop.patch(PHONE, id=5, sku="x", price_gross=1700)) == PUBLISHED[0]


@sqlite
async def test_what_is_not_the_route_answers_in_the_same_shape(shop: Shop) -> None:
    response = await shop.call("GET", "isbn/1")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "unknown_identifier_type")
    assert all(known in response.json()["error"]["message"] for known in ("id", "sku", "ean"))
    for path, code in (("id", "product_not_found"), ("isbn", "unknown_identifier_type"), ("", "not_found")):
        response = await shop.call("GET", path)
        assert (response.status_code, response.json()["error"]["code"]) == (404, code), path
    for method in ("POST", "PUT", "DELETE"):
        response = await shop.call(method, PHONE)
        assert (response.status_code, response.json()["error"]["code"]) == (405, "method_not_allowed")
        assert response.headers["allow"] == "OPTIONS, GET, HEAD, PATCH"
    response = await shop.call("OPTIONS", PHONE)
    assert (response.status_code, response.content) == (204, b"")
    response = await shop.call("HEAD", PHONE)
    assert (response.status_code, "etag" in response.headers) == (200, True)
    response = await shop.call("PATCH", PHONE, content=b" " * (8 * 1024 * 1024 + 1))
    assert (response.status_code, response.json()["error"]["code"]) == (413, "request_too_large")


def test_every_refusal_has_a_rendering() -> None:
    assert set(RENDERED) == set(ErrorCode)
