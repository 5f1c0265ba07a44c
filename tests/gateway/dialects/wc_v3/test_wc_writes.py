"""Checks 64 to 86 of the sheet, and those of its conventions that need a write."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import text, update

from storage import access, inventory
from storage.access import Scope
from storage.changes import SetQuantity
from storage.tables import Location, StockLevel
from storage.upsert import table_of
from tests.builders import EPOCH, a_change, a_group
from tests.gateway.dialects.wc_v3.conftest import MAIN, OTHER, P1, V1, V2, P, S, Shop, U, V

UNKNOWN = 999_999


async def refused(shop: Shop, method: str, path: str, status: int, **options: Any) -> Any:
    """The error of an answer with this status."""
    response = await shop.call(method, path, **options)
    assert response.status_code == status, response.text
    error = response.json()
    assert error["data"]["status"] == status
    return error


async def rows(shop: Shop, what: str) -> list[Any]:
    async def read(session: Any) -> list[Any]:
        return list((await session.execute(text(f"SELECT * FROM {what}"))).mappings())

    return await shop.database.read(read)


async def test_checks_30_to_37_how_values_and_verbs_are_taken(shop: Shop) -> None:
    path = f"/products/{S}"

    error = await refused(shop, "PUT", path, 400, json={"stock_quantity": "abc"})
    assert error["code"] == "rest_invalid_param"
    assert error["data"]["details"]["stock_quantity"]["code"] == "rest_invalid_type"
    assert (await shop.put(path, stock_quantity="7"))["stock_quantity"] == 7
    assert (await shop.put(path, stock_quantity=8.0))["stock_quantity"] == 8
    error = await refused(shop, "PUT", path, 400, json={"stock_status": "gone"})
    assert error["data"]["details"]["stock_status"]["code"] == "rest_not_in_enum"
    before = await shop.get(path)
    assert (await shop.put(path, price="1", nonsense=1, id=U, date_modified="2001-01-01T00:00:00"))["id"] == S
    assert await shop.get(path) == before
    assert (await shop.call("PUT", path, data={"stock_quantity": "4"})).json()["stock_quantity"] == 4
    for quantity, method, query, headers in (
        (21, "POST", "?_method=PUT", {}),
        (22, "POST", "", {"X-HTTP-Method-Override": "PUT"}),
        (23, "POST", "", {}),
        (24, "PATCH", "", {}),
    ):
        response = await shop.call(method, path + query, json={"stock_quantity": quantity}, headers=headers)
        assert response.json()["stock_quantity"] == quantity
    assert (await shop.call("PUT", path, json=[1])).json()["stock_quantity"] == 24
    assert (
        await refused(
            shop, "PUT", path, 400, content=b'{"stock_quantity":', headers={"Content-Type": "application/json"}
        )
    )["data"]["json_error_code"] == 4


async def _age(session: Any) -> None:
    """Clients are told whole seconds: the shop was stocked before the one in which the test runs."""
    await session.execute(update(table_of(StockLevel)).values(updated_at=EPOCH))


async def test_checks_64_to_67_and_72_stock_decides_the_status(shop: Shop) -> None:
    path = f"/products/{S}"
    await shop.database.transact(_age)
    before = await shop.get(path)

    empty = await shop.put(path, stock_quantity=0)
    assert (empty["stock_quantity"], empty["stock_status"]) == (0, "outofstock")
    assert empty["date_modified_gmt"] > before["date_modified_gmt"]
    ordered = await shop.put(path, stock_quantity=0, backorders="notify")
    assert ordered["stock_status"] == "onbackorder"
    assert (ordered["backorders_allowed"], ordered["backordered"]) == (True, True)
    full = await shop.put(path, stock_quantity=5, stock_status="outofstock")
    assert full["stock_status"] == "instock"
    oversold = await shop.put(path, stock_quantity=-2, backorders="yes")
    assert (oversold["stock_quantity"], oversold["stock_status"]) == (-2, "onbackorder")
    await shop.put(path, stock_quantity=10, backorders="no")
    assert (await shop.put(path, inventory_delta=-3))["stock_quantity"] == 7
    entries = await rows(shop, f"ledger_entry WHERE product_id = {S} ORDER BY sequence DESC LIMIT 1")
    assert (entries[0]["delta"], entries[0]["on_hand"]) == (-3, 7)
    groups = await rows(shop, "stock_change_group ORDER BY id DESC LIMIT 1")
    assert (groups[0]["dialect"], groups[0]["principal"]) == ("wc/v3", "RW")


async def test_checks_68_to_71_what_is_managed_and_what_is_not(shop: Shop) -> None:
    assert (await shop.put(f"/products/{U}", stock_quantity=9))["stock_quantity"] is None
    assert (await shop.put(f"/products/{U}", stock_status="outofstock"))["stock_status"] == "outofstock"
    managed = await shop.put(f"/products/{U}", manage_stock=True, stock_quantity=9)
    assert (managed["stock_quantity"], managed["stock_status"]) == (9, "instock")

    await shop.put(f"/products/{S}", backorders="yes", low_stock_amount=3)
    freed = await shop.put(f"/products/{S}", manage_stock=False)
    assert (freed["manage_stock"], freed["stock_quantity"], freed["backorders"]) == (False, None, "no")
    assert (freed["low_stock_amount"], freed["stock_status"]) == (None, "instock")


async def test_checks_73_to_76_variations_and_their_parents(shop: Shop) -> None:
    await shop.put(f"/products/{V}/variations/{V2}", stock_status="outofstock")
    empty = await shop.put(f"/products/{V}/variations/{V1}", stock_quantity=0)
    assert (empty["stock_quantity"], empty["stock_status"]) == (0, "outofstock")
    assert (await shop.get(f"/products/{V}"))["stock_status"] == "outofstock"
    assert (await shop.put(f"/products/{V}", stock_status="instock"))["stock_status"] == "outofstock"

    await shop.put(f"/products/{P}", stock_quantity=0)
    by_parent = await shop.get(f"/products/{P}/variations/{P1}")
    assert (by_parent["manage_stock"], by_parent["stock_quantity"]) == ("parent", 0)
    assert by_parent["stock_status"] == "outofstock"
    as_shown = await shop.put(f"/products/{P}/variations/{P1}", manage_stock="parent", stock_quantity=5)
    assert (as_shown["manage_stock"], as_shown["stock_quantity"]) == ("parent", 0)

    for method, body in (("PUT", {"stock_quantity": 1}), ("DELETE", None)):
        error = await refused(shop, method, f"/products/{V1}", 404, json=body)
        assert error["code"] == "woocommerce_rest_invalid_product_id"
    for path in (
        f"/products/{P}/variations/{V1}",
        f"/products/{V}/variations/{UNKNOWN}",
        f"/products/{V}/variations/{S}",
    ):
        for method in ("PUT", "DELETE"):
            error = await refused(shop, method, path, 404, json={})
            assert error["code"] == "woocommerce_rest_product_variation_invalid_id"


async def test_check_77_an_unknown_product(shop: Shop) -> None:
    error = await refused(shop, "PUT", f"/products/{UNKNOWN}", 400, json={})
    assert (error["code"], error["message"]) == ("woocommerce_rest_product_invalid_id", "Invalid ID.")
    error = await refused(shop, "DELETE", f"/products/{UNKNOWN}", 404)
    assert error["code"] == "woocommerce_rest_product_invalid_id"
    nobody = shop.as_(None)
    for method, id_, status in (("PUT", UNKNOWN, 400), ("DELETE", UNKNOWN, 404), ("PUT", S, 401), ("DELETE", S, 401)):
        error = await refused(nobody, method, f"/products/{id_}", status)
        assert ("invalid_id" in error["code"]) == (id_ == UNKNOWN)
    for method in ("PUT", "DELETE"):
        error = await refused(nobody, method, f"/products/{V}/variations/{S}", 404)
        assert error["code"] == "woocommerce_rest_product_variation_invalid_id"


async def test_checks_78_to_81_prices(shop: Shop) -> None:
    path = f"/products/{S}"

    sale = await shop.put(path, regular_price="20", sale_price="15")
    assert (sale["regular_price"], sale["price"], sale["on_sale"]) == ("20", "15", True)
    over = await shop.put(path, sale_price="25")
    assert (over["sale_price"], over["price"], over["on_sale"]) == ("", "20", False)
    assert (await shop.put(path, regular_price=21))["regular_price"] == "21"
    assert (await shop.put(path, regular_price="12,50"))["regular_price"] == "1250"
    assert (await shop.put(path, low_stock_amount=4))["low_stock_amount"] == 4
    assert (await shop.put(path, low_stock_amount=None))["low_stock_amount"] is None
    for price in ([], {"a": 1}, True):
        error = await refused(shop, "PUT", path, 400, json={"regular_price": price})
        assert error["data"]["details"]["regular_price"]["code"] == "rest_invalid_type"


async def test_check_82_a_sku_is_of_one_product_whatever_its_case(shop: Shop) -> None:
    for sku in ("S-1", "s-1"):
        error = await refused(shop, "PUT", f"/products/{U}", 400, json={"sku": sku, "stock_status": "outofstock"})
        assert error["code"] == "product_invalid_sku"
        assert (error["data"]["resource_id"], error["data"]["unique_sku"]) == (S, f"{sku}-1")
    assert (await shop.get(f"/products/{U}"))["stock_status"] == "instock"
    await shop.put(f"/products/{U}", global_unique_id="4006381333931")
    error = await refused(shop, "PUT", f"/products/{S}", 400, json={"global_unique_id": "04006381333931"})
    assert (error["code"], error["data"]["resource_id"]) == ("product_invalid_global_unique_id", U)


async def test_checks_83_to_85_a_product_is_created_and_deleted(shop: Shop) -> None:
    response = await shop.call("POST", "/products", json={"name": "N", "type": "simple", "regular_price": "3"})
    created = response.json()
    assert response.status_code == 201
    assert response.headers["Location"] == f"https://shop.example/wp-json/wc/v3/products/{created['id']}"
    assert (created["status"], created["manage_stock"], created["stock_status"]) == ("publish", False, "instock")
    assert (created["slug"], created["price"], created["sku"]) == ("n", "3", "")
    assert await shop.get(f"/products/{created['id']}", context="edit") == created

    error = await refused(shop, "POST", "/products", 400, json={"id": 5, "name": "N"})
    assert error["code"] == "woocommerce_rest_product_exists"

    path = f"/products/{created['id']}"
    thrown = await shop.call("DELETE", path)
    assert (thrown.status_code, thrown.json()["status"]) == (200, "publish")
    assert (await shop.get(path))["status"] == "trash"
    assert (await refused(shop, "DELETE", path, 410))["code"] == "woocommerce_rest_already_trashed"
    assert (await shop.put(path, status="draft"))["status"] == "draft"
    gone = await shop.call("DELETE", path, params={"force": "true"})
    assert (gone.status_code, gone.json()["status"]) == (200, "draft")
    assert (await refused(shop, "GET", path, 404))["code"] == "woocommerce_rest_product_invalid_id"
    assert (await refused(shop, "PUT", path, 400, json={}))["code"] == "woocommerce_rest_product_invalid_id"


async def test_a_created_product_has_what_was_sent_and_a_slug_of_its_own(shop: Shop) -> None:
    body = {"name": "Blue mug", "sku": "MUG", "manage_stock": True, "stock_quantity": 4, "tags": [{"id": 3}]}
    first = (await shop.call("POST", "/products", json=body)).json()
    assert (first["stock_quantity"], first["sku"], first["slug"]) == (4, "MUG", "blue-mug")
    assert first["tags"] == [{"id": 3, "name": "", "slug": ""}]

    slugs = [
        (await shop.call("POST", "/products", json=body)).json()["slug"]
        for body in (
            {"name": "Blue mug"},
            {"name": "Other", "slug": "blue-mug"},
            {"name": "Third", "slug": "Übergröße 1"},
        )
    ]
    assert slugs == ["blue-mug-2", "blue-mug-3", "übergröße-1"]
    assert (await shop.put(f"/products/{first['id']}", name="Red mug"))["slug"] == "blue-mug"
    assert (await shop.call("POST", "/products", json={})).json()["name"] == "Product"
    error = await refused(shop, "POST", "/products", 400, json={"name": "Twin", "sku": "mug"})
    assert (error["code"], error["data"]["resource_id"]) == ("product_invalid_sku", first["id"])


async def test_variations_are_created_deleted_and_found_by_their_parents_attributes(shop: Shop) -> None:
    size = {"id": 6, "name": "Size", "variation": True, "options": ["M", "L"]}
    parent = (
        await shop.call("POST", "/products", json={"name": "Shirt", "type": "variable", "attributes": [size]})
    ).json()
    assert parent["attributes"][0] | size == parent["attributes"][0]
    path = f"/products/{parent['id']}/variations"
    body = {"attributes": [{"id": 6, "option": "L"}], "regular_price": "9.5", "manage_stock": True, "stock_quantity": 2}
    response = await shop.call("POST", path, json=body)
    created = response.json()
    assert response.status_code == 201
    assert response.headers["Location"].endswith(f"{path}/{created['id']}")
    assert (created["type"], created["parent_id"], created["stock_quantity"]) == ("variation", parent["id"], 2)
    assert created["attributes"] == [{"id": 6, "name": "Size", "slug": "pa_size", "option": "L"}]
    shown = await shop.get(f"/products/{parent['id']}")
    assert (shown["variations"], shown["price"], shown["stock_status"]) == ([created["id"]], "9.50", "instock")

    error = await refused(shop, "POST", f"/products/{S}/variations", 400, json={})
    assert error["code"] == "woocommerce_rest_product_variation_invalid_parent"
    error = await refused(shop, "POST", f"/products/{UNKNOWN}/variations", 404, json={})
    assert error["code"] == "woocommerce_rest_product_variation_invalid_parent"
    error = await refused(shop, "POST", path, 400, json={"id": 3})
    assert error["code"] == "woocommerce_rest_product_variation_exists"

    one = f"{path}/{created['id']}"
    assert (await shop.call("DELETE", one)).json()["status"] == "publish"
    assert (await refused(shop, "DELETE", one, 410))["code"] == "woocommerce_rest_already_trashed"
    assert (await shop.call("DELETE", one, params={"force": "1"})).status_code == 200
    error = await refused(shop, "GET", one, 404)
    assert error["code"] == "woocommerce_rest_product_variation_invalid_id"
    await shop.call("DELETE", f"/products/{V}", params={"force": "true"})
    assert (await shop.call("GET", f"/products/{V1}")).status_code == 404


async def test_the_combinations_of_options_that_have_no_variation_get_one(shop: Shop) -> None:
    attributes = [
        {"name": "Size", "variation": True, "options": ["M", "L"]},
        {"name": "Colour", "variation": True, "options": ["Red", "Blue", "Red"]},
        {"name": "Fabric", "options": ["Wool"]},
    ]
    body = {"name": "Shirt", "type": "variable", "attributes": attributes}
    parent = (await shop.call("POST", "/products", json=body)).json()
    path = f"/products/{parent['id']}/variations"
    both = [{"name": "Size", "option": "M"}, {"name": "colour", "option": "Red"}]
    for chosen in (both, both[:1]):
        await shop.call("POST", path, json={"attributes": chosen})

    async def generate(**body: Any) -> Any:
        response = await shop.call("POST", f"{path}/generate", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    defaults = {"regular_price": "5", "manage_stock": True, "stock_quantity": 3}
    assert await generate(default_values=defaults) == {"count": 3, "deleted_count": 0}
    made = await shop.get(path)
    assert len(made) == 5
    assert [(row["regular_price"], row["stock_quantity"]) for row in made].count(("5", 3)) == 3
    assert await generate(delete=True) == {"count": 0, "deleted_count": 1}
    assert len(await shop.get(path)) == 4
    await refused(shop, "POST", f"{path}/generate", 400, json={"default_values": {"regular_price": []}})
    await refused(shop, "POST", f"/products/{S}/variations/generate", 400)
    await refused(shop, "POST", f"/products/{UNKNOWN}/variations/generate", 404)


async def test_check_86_meta_data(shop: Shop) -> None:
    path = f"/products/{S}"

    def named(product: Any) -> Any:
        return [row for row in product["meta_data"] if row["key"] == "k"]

    (first,) = named(await shop.put(path, meta_data=[{"key": "k", "value": "v"}]))
    assert isinstance(first["id"], int)
    assert named(await shop.put(path, meta_data=[{"key": "k", "value": {"n": [1, None]}}])) == [
        {"id": first["id"], "key": "k", "value": {"n": [1, None]}}
    ]
    assert named(await shop.put(path, meta_data=[{"key": "_stock", "value": 3}])) != []
    assert (await shop.get(path))["stock_quantity"] == 10
    assert named(await shop.put(path, meta_data=[{"key": "k", "value": None}])) == []


async def test_sending_back_what_was_shown_changes_nothing(shop: Shop) -> None:
    await shop.put(f"/products/{S}", regular_price="9.5", sale_price="9", meta_data=[{"key": "k", "value": 1}],
                   images=[{"src": "https://a.example/1.png"}], date_on_sale_to="2999-01-01T00:00:00")  # fmt: skip
    paths = [f"/products/{id_}" for id_ in (S, U, V, P)]
    paths += [f"/products/{V}/variations/{V1}", f"/products/{V}/variations/{V2}", f"/products/{P}/variations/{P1}"]
    ledger = await rows(shop, "ledger_entry")
    for path in paths:
        before = (await shop.call("GET", path, params={"context": "edit"})).json()
        response = await shop.call("PUT", path, json=before)
        assert response.status_code == 200, response.text
        assert response.json() == before
    assert await rows(shop, "ledger_entry") == ledger


async def _count(shop: Shop, **units: int) -> None:
    """Stock of S at the locations of these ids."""
    counted = [a_change(S, int(name[1:]), quantity=SetQuantity(number)) for name, number in units.items()]
    await shop.database.transact(inventory.apply, a_group(*counted))


async def test_the_default_location_takes_the_difference_and_locations_are_counted_by_themselves(shop: Shop) -> None:
    path = f"/products/{S}"
    await _count(shop, _2=6)

    total = await shop.put(path, stock_quantity=20)
    assert total["stock_quantity"] == 20
    assert {place["id"]: place["quantity"] for place in total["locations"]} == {MAIN: 14, OTHER: 6}
    counted = await shop.put(path, locations=[{"slug": "location-2", "quantity": 1}], stock_quantity=99)
    assert counted["stock_quantity"] == 15
    assert (await shop.put(path, locations=[{"id": MAIN, "quantity": 2}, {"id": OTHER, "quantity": "9"}]))[
        "stock_quantity"
    ] == 11

    error = await refused(shop, "PUT", path, 400, json={"stock_quantity": 3, "regular_price": "77"})
    assert error["code"] == "insufficient_stock"
    assert "Location 1" in error["message"]
    assert "9 units are at other locations (Location 2 9)" in error["message"]
    assert '"locations": [{"slug": "location-2", "quantity": 0}]' in error["message"]
    assert (await shop.get(path))["regular_price"] != "77"
    error = await refused(shop, "PUT", path, 400, json={"inventory_delta": -3})
    assert error["code"] == "insufficient_stock"
    for place, code in (
        ({"id": 77}, "location_not_found"),
        ({"id": 3}, "location_inactive"),
        ({}, "location_required"),
    ):
        error = await refused(shop, "PUT", path, 400, json={"locations": [{**place, "quantity": 1}]})
        assert error["code"] == code
    error = await refused(shop, "PUT", path, 400, json={"stock_quantity": 10**12})
    assert error["data"]["params"]["stock_quantity"]

    async def close(session: Any) -> None:
        await session.execute(update(table_of(Location)).values(is_default=False))

    await shop.database.transact(close)
    error = await refused(shop, "PUT", path, 400, json={"stock_quantity": 30})
    assert error["code"] == "location_required"


async def test_the_extra_headers_guard_retry_and_rehearse_a_write(shop: Shop) -> None:
    path = f"/products/{S}"
    seen = (await shop.call("PUT", path, json={"stock_quantity": 11})).headers
    assert seen["ETag"] == (await shop.call("GET", path)).headers["ETag"]
    assert int(seen["X-Stock-Change-Group"]) > 0

    async def put(quantity: int, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await shop.call("PUT", path, json={"stock_quantity": quantity}, headers=named)

    assert (await put(12, If_Match=seen["ETag"])).status_code == 200
    stale = await put(13, If_Match=seen["ETag"])
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    dry = await put(14, X_Dry_Run="1")
    assert (dry.json()["stock_quantity"], dry.headers["X-Dry-Run"]) == (14, "1")
    assert (await shop.get(path))["stock_quantity"] == 12
    assert (await put(14, X_Dry_Run="perhaps")).status_code == 400

    first, again = [await put(15, Idempotency_Key="a") for _ in range(2)]
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (await put(16, Idempotency_Key="a")).status_code == 422
    made = [
        await shop.call("POST", "/products", json={"name": "Once"}, headers={"Idempotency-Key": "once"})
        for _ in range(2)
    ]
    assert [response.status_code for response in made] == [201, 201]
    assert made[0].json()["id"] == made[1].json()["id"]
    assert len(await shop.get("/products", search="Once")) == 1


async def test_what_is_in_the_trash_is_edited_and_restored_but_not_stocked(shop: Shop) -> None:
    path = f"/products/{S}"
    await shop.call("DELETE", path)

    assert (await shop.put(path, name="Old"))["name"] == "Old"
    error = await refused(shop, "PUT", path, 400, json={"stock_quantity": 3})
    assert error["code"] == "product_in_trash"
    assert (await shop.put(f"/products/{U}", sku="S-1"))["sku"] == "S-1"
    error = await refused(shop, "PUT", path, 400, json={"status": "publish"})
    assert error["code"] == "product_invalid_sku"
    restored = await shop.put(path, status="publish", sku="S-2", stock_quantity=3)
    assert (restored["status"], restored["stock_quantity"]) == ("publish", 3)


async def test_a_key_of_some_locations_changes_their_stock_and_nothing_else(shop: Shop) -> None:
    async def key(*ids: int) -> Shop:
        scopes = [Scope.READ, Scope.WRITE]
        issued = await shop.database.transact(access.issue_api_key, "till", scopes, location_ids=list(ids))
        return shop.as_(("till", issued.token))

    till = await key(OTHER)
    path = f"/products/{S}"
    assert (await till.put(path, locations=[{"id": OTHER, "quantity": 4}]))["stock_quantity"] == 14
    for body in ({"stock_quantity": 9}, {"locations": [{"id": MAIN, "quantity": 1}]}, {"name": "Mine"}):
        assert (await refused(till, "PUT", path, 403, json=body))["code"] == "woocommerce_rest_cannot_edit"
    assert (await (await key(MAIN)).put(path, stock_quantity=9))["stock_quantity"] == 9
    assert (await refused(till, "POST", "/products", 403, json={"name": "N"}))[
        "code"
    ] == "woocommerce_rest_cannot_create"
    assert (await refused(till, "DELETE", path, 403))["code"] == "woocommerce_rest_cannot_delete"
    counted = {"id": S, "locations": [{"id": OTHER, "quantity": 6}]}
    body = {"create": [{"name": "N"}], "update": [counted, {"id": U, "name": "Mine"}], "delete": [U]}
    answer = (await till.call("POST", "/products/batch", json=body)).json()
    done, renamed = answer["update"]
    assert done["locations"] == [{"id": OTHER, "name": "Location 2", "slug": "location-2", "quantity": 6}]
    codes = [item["error"]["code"] for item in (answer["create"][0], renamed, answer["delete"][0])]
    assert codes == [f"woocommerce_rest_cannot_{what}" for what in ("create", "edit", "delete")]
    nowhere = await key()
    for body in ({"stock_quantity": 1}, {}):
        assert (await refused(nowhere, "PUT", path, 403, json=body))["code"] == "woocommerce_rest_cannot_edit"


async def test_what_is_asked_at_the_same_time_is_done_one_after_the_other(shop: Shop) -> None:
    async def make(**headers: str) -> Any:
        options = {
            "json": {"name": "Mug"},
            "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        }
        return (await shop.call("POST", "/products", **options)).json()

    deltas = [shop.put(f"/products/{S}", inventory_delta=-1) for _ in range(8)]
    totals = [shop.put(f"/products/{P}", stock_quantity=number) for number in range(20, 24)]
    fresh = [make() for _ in range(3)]
    retried = [make(**{"Idempotency-Key": "once"}) for _ in range(3)]
    answers = await asyncio.gather(*deltas, *totals, *fresh, *retried)

    assert sorted(answer["stock_quantity"] for answer in answers[:8]) == list(range(2, 10))
    assert (await shop.get(f"/products/{S}"))["stock_quantity"] == 2
    assert (await shop.get(f"/products/{P}"))["stock_quantity"] in range(20, 24)
    assert len({answer["id"] for answer in answers[15:]}) == 1
    assert {answer["slug"] for answer in answers[12:]} == {"mug", "mug-2", "mug-3", "mug-4"}
    sums = await rows(shop, "stock_level")
    for level in sums:
        entries = await rows(shop, f"ledger_entry WHERE product_id = {level['product_id']}")
        assert sum(entry["delta"] for entry in entries) == level["on_hand"]
