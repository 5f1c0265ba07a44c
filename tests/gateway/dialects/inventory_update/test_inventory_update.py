"""The checklist of the specification, by its numbers."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from gateway.dialects.inventory_update.errors import RENDERED
from storage.errors import ErrorCode
from tests.gateway.dialects.inventory_update.conftest import BY_TRIPLE, BY_UPC, PATH, Till

sqlite = pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)  # no statement: the engine cannot matter
ON_HAND = """{ product(sku: "%s") { stockLevels(locations: [{code: "3"}]) { onHand } } }"""


async def on_hand(till: Till, key: str, sku: str) -> int:
    body = {"query": ON_HAND % sku}
    answer = await till.client.post("/graphql", json=body, headers={"X-API-Key": key})
    quantity: int = answer.json()["data"]["product"]["stockLevels"][0]["onHand"]
    return quantity


async def test_check_1_both_published_examples_work_as_they_stand(till: Till, issue_key: Any) -> None:
    reader = await issue_key("read")
    response = await till.push(BY_UPC)
    assert (response.status_code, response.json()) == (
        200,
        {"success": True, "product_id": 30, "sku": "MUG", "upc": "849632048260", "store": "3", "quantity": 12,
         "previous_quantity": None},
    )  # fmt: skip
    await till.push({**BY_TRIPLE, "quantity": 40})
    response = await till.push(BY_TRIPLE)
    assert response.json() == {
        "success": True, "product_id": 17, "sku": "ZOOT-SUIT-34-D", "upc": None, "store": "3", "quantity": 44,
        "previous_quantity": 40,
    }  # fmt: skip
    assert (await on_hand(till, reader, "MUG"), await on_hand(till, reader, "ZOOT-SUIT-34-D")) == (12, 44)
    again = await till.push(BY_TRIPLE)
    assert (again.status_code, again.json()["previous_quantity"]) == (200, 44)
    assert "x-stock-change-group" not in again.headers
    groups = await till.rows("stock_change_group ORDER BY id")
    assert [(group["dialect"], group["principal"]) for group in groups] == [("inventory-update", "test")] * 3


async def test_check_2_an_ean_finds_the_product_of_its_upc(till: Till) -> None:
    for upc in ("0849632048260", "00849632048260", 849632048260, " 849632-048260 "):
        response = await till.push({**BY_UPC, "upc": upc})
        assert (response.status_code, response.json()["product_id"]) == (200, 30), upc


async def test_checks_3_and_4_the_first_missing_field_is_named(till: Till) -> None:
    without = {
        "quantity": [{"upc": "849632048260", "store": "3"}, {**BY_TRIPLE, "upc": None} | {"quantity": ...}],
        "store": [{"upc": "849632048260", "quantity": 1}, {**BY_UPC, "store": ""}, {"upc": "849632048260"}],
        "upc": [{}, {"size": "34", "width": "D", "store": "3", "quantity": 1}, {**BY_UPC, "upc": " "}],
        "size": [{"sku": "ZOOT-SUIT"}, {**BY_TRIPLE, "size": None}, {**BY_UPC, "sku": "ZOOT-SUIT"}],
        "width": [{"sku": "ZOOT-SUIT", "size": "34"}],
        "sku": [{**BY_UPC, "size": "34"}],
    }
    for field, bodies in without.items():
        for body in bodies:
            sent = {name: value for name, value in body.items() if value is not ...}
            assert await till.refused(sent) == (400, f"Missing required field: {field}"), sent


async def test_check_5_a_quantity_is_a_whole_number(till: Till) -> None:
    sentence = "Invalid value for quantity: must be an integer from 0 to 1000000000"
    for quantity in (-1, 1.5, "abc", True, None, "", "1.5", "-1", [], {}, 1_000_000_001, 2**70, "9" * 5000):
        assert await till.refused({**BY_UPC, "quantity": quantity}) == (422, sentence), quantity
    assert await till.refused(b'{"upc": "849632048260", "store": "3", "quantity": 1e400}') == (422, sentence)
    assert await till.rows("stock_level") == []
    for quantity in ("12", 12.0, 0, 1_000_000_000):
        assert (await till.push({**BY_UPC, "quantity": quantity})).json()["quantity"] == int(quantity)


async def test_check_6_what_cannot_be_found_is_404_and_what_is_ambiguous_409(till: Till) -> None:
    assert await till.refused({**BY_UPC, "store": "7"}) == (404, "Store not found: 7")  # its code is 3
    for upc in ("849632048261", "1", "1" * 30):
        assert await till.refused({**BY_UPC, "upc": upc}) == (404, f"Product not found: upc {upc}")
    for wrong in ({"size": "35"}, {"width": "d"}, {"sku": "ZOOT"}, {"sku": "a\0b"}):
        status, sentence = await till.refused({**BY_TRIPLE, **wrong})
        assert (status, sentence.partition(":")[0]) == (404, "Product not found")
    status, sentence = await till.refused({**BY_TRIPLE, "sku": "TWIN"})
    assert (status, sentence) == (409, "Several products match sku TWIN, size 34, width D: 20, 21")
    assert await till.refused({**BY_UPC, "store": "4"}) == (409, "Store is not active: 4")
    assert await till.rows("stock_level") == []


async def test_check_7_only_a_bearer_token_that_may_write_is_let_in(till: Till, issue_key: Any) -> None:
    reader, elsewhere = await issue_key("read"), await issue_key("write", location_ids=[2])
    wrong = (None, "Basic dTpw", "Bearer", "Bearer ", "Bearer wrong", f"Bearer {till.key}x", till.key)
    for authorization in wrong:
        headers = {} if authorization is None else {"Authorization": authorization}
        response = await till.client.post(PATH, json=BY_UPC, headers=headers)
        assert (response.status_code, response.json()) == (401, {"error": "Invalid or missing API token"})
        assert response.headers["www-authenticate"] == "Bearer"
    blind = await issue_key("write", visibility="band")
    for key in (reader, elsewhere, blind):
        status, sentence = await till.refused(BY_UPC, Authorization=f"Bearer {key}")
        assert (status, sentence[:8]) == (403, "This API")
    assert await till.rows("stock_level") == []
    assert (await till.push({**BY_UPC, "store": "2"}, Authorization=f"bearer {elsewhere}")).status_code == 403
    assert (await till.push(BY_UPC, Authorization=f"bearer {till.key}")).status_code == 200


async def test_check_8_of_two_at_once_the_last_one_wins_and_both_are_in_the_ledger(till: Till) -> None:
    answers = await asyncio.gather(*(till.push({**BY_UPC, "quantity": quantity}) for quantity in (5, 9)))
    assert [answer.status_code for answer in answers] == [200, 200]
    entries = await till.rows("ledger_entry ORDER BY sequence")
    [level] = await till.rows("stock_level")
    assert len(entries) == 2
    assert sum(entry["delta"] for entry in entries) == level["on_hand"] == entries[-1]["on_hand"]


async def test_a_store_without_a_code_is_found_by_its_id_and_a_code_comes_before_an_id(till: Till) -> None:
    assert (await till.push({**BY_UPC, "store": "2"})).status_code == 200
    assert [level["location_id"] for level in await till.rows("stock_level")] == [5]
    assert (await till.push({**BY_UPC, "store": 3})).status_code == 200
    assert await till.refused({**BY_UPC, "store": "5"}) == (404, "Store not found: 5")


async def test_two_look_ups_have_to_name_one_product(till: Till) -> None:
    both = BY_UPC | BY_TRIPLE
    sentence = "upc and sku, size, width name different products"
    assert await till.refused(both) == (422, sentence)
    assert await till.refused({**both, "upc": "849632048261"}) == (422, sentence)
    assert await till.refused({**both, "size": "99"}) == (422, sentence)
    assert (await till.refused({**both, "size": "99", "upc": "12345678"}))[0] == 404
    assert (await till.refused({**both, "sku": "TWIN"}))[0] == 409
    await till.database.transact(_give_the_suit_a_upc)
    response = await till.push({**both, "upc": "12345670"})
    assert (response.status_code, response.json()["upc"]) == (200, "12345670")


async def _give_the_suit_a_upc(session: Any) -> None:
    from storage.tables import Product

    suit = await session.get(Product, 17)
    suit.gtin, suit.gtin_text = "00000012345670", "12345670"


@sqlite
async def test_fields_of_the_wrong_type_are_422(till: Till) -> None:
    upc = (422, "Invalid value for upc: must be a bar code, in digits")
    for value in ("84963x", 1.5, True, [], {"$gt": ""}, -5):
        assert await till.refused({**BY_UPC, "upc": value}) == upc, value
    for field in ("sku", "size", "width", "store"):
        assert await till.refused({**BY_TRIPLE, field: 1.5}) == (422, f"Invalid value for {field}: must be a text")


@sqlite
async def test_a_body_that_is_no_json_object_is_400(till: Till) -> None:
    nested, bad = b"[" * 100_000, b'{"upc": "849632048260", "store": "3", "quantity": NaN}'
    for body in (b"", b"[]", b"1", b"null", b'"x"', b"{", b"upc=1", b'{"store": "\\ud800"}', b"\xff", nested, bad):
        assert await till.refused(body) == (400, "Request body is not valid JSON"), body[:50]


@sqlite
async def test_what_is_not_the_route_answers_in_the_same_shape(till: Till) -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE", "HEAD"):
        response = await till.client.request(method, PATH)
        assert (response.status_code, response.headers["allow"]) == (405, "OPTIONS, POST")
        assert response.content == (b"" if method == "HEAD" else b'{"error":"Use POST here"}')
    response = await till.client.options(PATH)
    assert (response.status_code, response.headers["allow"], response.content) == (204, "OPTIONS, POST", b"")
    for path in (f"{PATH}/7", "/api/product/", "/api/product/Inventory", "/api/product/a/b"):
        response = await till.client.post(path)
        assert (response.status_code, response.json()) == (404, {"error": "There is nothing at this path"})


async def test_the_headers_that_all_dialects_know_work_here_too(till: Till) -> None:
    first = await till.push(BY_UPC, Idempotency_Key="till-1", If_Match='"0"', X_Request_Id="count-7")
    assert (first.headers["etag"], first.headers["x-request-id"]) == ('"1"', "count-7")
    again = await till.push(BY_UPC, Idempotency_Key="till-1", If_Match='"0"')
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert again.headers["x-stock-change-group"] == first.headers["x-stock-change-group"]
    other = {**BY_UPC, "quantity": 13}
    assert (await till.refused(other, Idempotency_Key="till-1", If_Match='"0"'))[0] == 422
    tried = await till.push(other, X_Dry_Run="1")
    assert (tried.json()["quantity"], tried.headers["x-dry-run"]) == (13, "1")
    stale = await till.push(other, If_Match='"7"')
    assert (stale.status_code, stale.headers["etag"]) == (412, '"1"')
    for tag in ('"abc"', '"' + "9" * 5000 + '"'):
        assert (await till.refused(other, If_Match=tag))[0] == 412
    assert (await till.refused(other, If_Match='"1", "2"'))[0] == 400
    assert (await till.refused(other, X_Dry_Run="maybe"))[0] == 400
    [entry] = await till.rows("ledger_entry")
    assert entry["on_hand"] == 12


@sqlite
async def test_a_body_that_is_too_large_is_413(serve: Any, catalogue: Any, issue_key: Any) -> None:
    key = await issue_key("write")
    async with serve(body_bytes_max=1024) as client:
        response: httpx.Response = await client.post(
            PATH, content=b" " * 2000, headers={"Authorization": f"Bearer {key}"}
        )
    assert (response.status_code, list(response.json())) == (413, ["error"])


def test_every_refusal_has_a_rendering() -> None:
    assert set(RENDERED) == set(ErrorCode)
