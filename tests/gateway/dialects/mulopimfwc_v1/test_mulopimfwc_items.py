"""Section 3: an inventory item, field by field, sent to /inventory/update."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.dialects.mulopimfwc_v1.conftest import Shop

SENTENCES = {
    "missing_product": (422, "Product ID or SKU is required."),
    "missing_location": (422, "Location ID or slug is required."),
    "product_not_found": (404, "Product not found."),
    "product_mismatch": (422, "Product ID and SKU name different products."),
    "location_not_found": (404, "Location not found."),
    "location_inactive": (422, "Location is not active."),
    "invalid_stock": (422, "Invalid stock value."),
    "invalid_price": (422, "Invalid price value."),
    "invalid_backorders": (422, "Invalid backorders value. Use no, notify or yes."),
    "invalid_disabled": (422, "Invalid disabled value."),
    "variation_required": (422, "This product has variations. Update a variation instead."),
    "insufficient_stock": (422, "Stock cannot be negative when backorders are not allowed."),
}
ITEM = {"product_id": 12, "location_id": 5, "stock": 1}


async def assert_refused(shop: Shop, error: str, *items: Any, message: str = "") -> None:
    """Each item is refused with this error's status and sentence, and nothing is written."""
    status, sentence = SENTENCES[error]
    before = await shop.ledger()
    for item in items:
        response = await shop.update(item)
        expected = {
            "code": "update_failed",
            "message": message or sentence,
            "data": {"status": status, "error": error},
        }
        assert (response.status_code, response.json()) == (status, expected), item
    assert await shop.ledger() == before


async def assert_accepted(shop: Shop, product_id: int, location_id: int, *items: Any) -> None:
    """Each item is accepted for this product and this location."""
    for item in items:
        response = await shop.update(item)
        assert response.status_code == 200, (item, response.text)
        data = response.json()["data"]
        assert (data["product_id"], data["location_id"]) == (product_id, location_id), item


async def test_a_product_is_named_by_id_or_sku(shop: Shop) -> None:
    at = {"location_id": 5, "stock": 1}
    await assert_refused(
        shop,
        "missing_product",
        at,
        *({**at, "product_id": absent} for absent in (None, 0, "", "0")),
        {**at, "sku": ""},
        {**at, "sku": None, "product_id": 0},
    )
    await assert_accepted(
        shop, 12, 5, {**at, "product_id": 12}, {**at, "sku": "PROD-002"}, {**at, "product_id": 12, "sku": "PROD-002"}
    )


async def test_zero_empty_and_null_ids_count_as_absent_so_the_other_identifier_is_used(shop: Shop) -> None:
    named = {"sku": "PROD-002", "location_slug": "main-store", "stock": 1}
    await assert_accepted(
        shop, 12, 5, *({**named, "product_id": absent, "location_id": absent} for absent in (0, "", None, "0"))
    )


async def test_product_id_decides_and_a_sku_that_names_another_product_is_refused(shop: Shop) -> None:
    at = {"location_id": 5, "stock": 1}
    await assert_refused(shop, "product_mismatch", {**at, "product_id": 12, "sku": "PROD-001"})
    await assert_accepted(shop, 12, 5, {**at, "product_id": 12, "sku": "names nothing"})


async def test_an_unknown_product_id_is_not_rescued_by_a_valid_sku(shop: Shop) -> None:
    await assert_refused(shop, "product_not_found", {**ITEM, "product_id": 999, "sku": "PROD-002"})


async def test_a_sku_ignores_case_and_is_not_trimmed(shop: Shop) -> None:
    at = {"location_id": 5, "stock": 1}
    await assert_accepted(shop, 12, 5, {**at, "sku": "prod-002"}, {**at, "sku": "Prod-002"})
    await assert_refused(shop, "product_not_found", {**at, "sku": " PROD-002"}, {**at, "sku": "PROD-002 "})


async def test_ids_may_be_numeric_strings(shop: Shop) -> None:
    await assert_accepted(
        shop, 12, 5, {**ITEM, "product_id": "12", "location_id": "5"}, {**ITEM, "product_id": 12.0, "location_id": 5.0}
    )


@pytest.mark.parametrize("field", ["product_id", "location_id"])
async def test_what_can_be_no_id_finds_nothing(shop: Shop, field: str) -> None:
    error = "product_not_found" if field == "product_id" else "location_not_found"
    impossible = ["12abc", "abc", True, [12], {"id": 12}, -12, 12.5, 999, 2**63, 10**30, "9" * 5000, " 12", "١٢"]
    await assert_refused(shop, error, *({**ITEM, field: value} for value in impossible))


async def test_skus_and_slugs_that_no_database_can_hold_find_nothing(shop: Shop) -> None:
    at = {"location_id": 5, "stock": 1}
    await assert_refused(shop, "product_not_found", *({**at, "sku": sku} for sku in ("a\0b", "\0", [1], True, {})))
    slugs = ("main\0store", ["main-store"], True, {}, "nope", "!!!", "%00")
    await assert_refused(
        shop, "location_not_found", *({"product_id": 12, "location_slug": slug, "stock": 1} for slug in slugs)
    )


async def test_a_sku_may_be_a_number(shop: Shop) -> None:
    await assert_accepted(shop, 60, 5, {"sku": 12345, "location_id": 5, "stock": 1})


async def test_a_location_is_named_by_id_or_slug_and_the_id_decides(shop: Shop) -> None:
    item = {"product_id": 12, "stock": 1}
    await assert_refused(shop, "missing_location", item, {**item, "location_slug": "  "}, {**item, "location_id": 0})
    await assert_accepted(shop, 12, 5, {**item, "location_id": 5, "location_slug": "kyiv-central"})


async def test_a_slug_is_trimmed_and_its_case_ignored_and_a_name_is_slugified(shop: Shop) -> None:
    spellings = ("kyiv-central", " kyiv-central ", "KYIV-CENTRAL", "Kyiv Central", "kyiv  central", "Kyiv, Central!")
    item = {"product_id": 12, "stock": 1}
    await assert_accepted(shop, 12, 3, *({**item, "location_slug": slug} for slug in spellings))


async def test_a_slug_is_found_decoded_and_percent_encoded(shop: Shop) -> None:
    encoded = "%d0%bb%d1%8c%d0%b2%d1%96%d0%b2-%d1%81%d0%ba%d0%bb%d0%b0%d0%b4"
    item = {"product_id": 12, "stock": 1}
    spellings = ("львів-склад", encoded, encoded.upper(), "ЛЬВІВ-СКЛАД", "Львів Склад")
    await assert_accepted(shop, 12, 7, *({**item, "location_slug": slug} for slug in spellings))


async def test_the_location_must_exist_and_be_active(shop: Shop) -> None:
    await assert_refused(shop, "location_not_found", {**ITEM, "location_id": 999})
    await assert_refused(
        shop, "location_inactive", {**ITEM, "location_id": 9}, {"sku": "PROD-002", "location_slug": "closed-kiosk",
                                                               "stock": 1}
    )  # fmt: skip


async def test_accepted_forms_of_stock(shop: Shop) -> None:
    forms = [(7, 7), (5.0, 5), ("12", 12), (0, 0), ("0", 0), (1_000_000_000, 10**9), ("1000000000", 10**9), (-0.0, 0)]
    for sent, stored in forms:
        await assert_accepted(shop, 12, 5, {**ITEM, "stock": sent})
        assert await shop.on_hand(12, 5) == stored, sent


async def test_refused_forms_of_stock(shop: Shop) -> None:
    forms = ["", "abc", 1.5, "1.5", True, False, [], [1], {}, 1_000_000_001, -1_000_000_001, 10**30, "9" * 5000, "1e3"]
    await assert_refused(shop, "invalid_stock", *({**ITEM, "stock": stock} for stock in forms))


async def test_an_infinite_stock_is_an_invalid_value_and_a_nan_is_no_json(shop: Shop) -> None:
    for number, status in (("1e400", 422), ("-1e400", 422), ("1" + "0" * 400, 422), ("NaN", 400), ("Infinity", 400)):
        body = f'{{"product_id": 12, "location_id": 5, "stock": {number}}}'
        headers = {"Content-Type": "application/json"}
        response = await shop.call("POST", "/inventory/update", content=body, headers=headers)
        assert response.status_code == status, number
        assert response.json()["code"] == ("update_failed" if status == 422 else "rest_invalid_json"), number


async def test_stock_is_required_and_null_is_absent(shop: Shop) -> None:
    await assert_refused(
        shop, "invalid_stock", {"product_id": 12, "location_id": 5}, {**ITEM, "stock": None},
        {"product_id": 12, "location_id": 5, "regular_price": "5"},
    )  # fmt: skip


@pytest.mark.parametrize("changed_settings", [{"mulopimfwc_stock_required": False}])
async def test_a_setting_accepts_items_with_prices_only(shop: Shop) -> None:
    await assert_accepted(shop, 12, 5, {"product_id": 12, "location_id": 5, "regular_price": "12.50"})
    level = await shop.level(12, 5)
    assert level is not None
    assert (level["on_hand"], level["regular_price"]) == (None, 125_000)
    await assert_accepted(shop, 12, 5, {"product_id": 12, "location_id": 5, "stock": None})
    response = await shop.update({**ITEM, "stock": "abc"})
    assert response.json()["data"]["error"] == "invalid_stock"


async def test_stock_falls_below_zero_only_where_backorders_are_allowed_after_this_item(shop: Shop) -> None:
    await assert_refused(shop, "insufficient_stock", {**ITEM, "stock": -1}, {**ITEM, "stock": -1, "backorders": "no"})
    await assert_accepted(shop, 40, 5, {**ITEM, "product_id": 40, "stock": -1})
    await assert_accepted(shop, 12, 5, {**ITEM, "stock": "-1", "backorders": "notify"}, {**ITEM, "stock": -2})
    response = await shop.update({**ITEM, "stock": -2, "backorders": "no"})
    assert response.json()["data"]["error"] == "insufficient_stock"


async def test_accepted_forms_of_prices(shop: Shop) -> None:
    forms = [("19.99", 199_900), (19.99, 199_900), (5, 50_000), ("0", 0), ("0.0001", 1), (99999999.9999, 10**12 - 1)]
    for sent, stored in [*forms, ("99999999.9999", 10**12 - 1), ("007", 70_000)]:
        await assert_accepted(shop, 12, 5, {**ITEM, "regular_price": sent})
        level = await shop.level(12, 5)
        assert level is not None
        assert level["regular_price"] == stored, sent


async def test_refused_forms_of_prices(shop: Shop) -> None:
    forms = ["abc", "1,5", "-1", -1, "0.00001", 0.00001, "100000000", 10**8, True, [], {}, " 5", "5 ", "1e3", 10**30]
    for field in ("regular_price", "sale_price"):
        await assert_refused(shop, "invalid_price", *({**ITEM, field: price} for price in forms))


async def test_an_empty_price_clears_the_locations_own_and_null_leaves_it(shop: Shop) -> None:
    await assert_accepted(shop, 12, 5, {**ITEM, "regular_price": "8", "sale_price": "7"})
    await assert_accepted(shop, 12, 5, {**ITEM, "regular_price": None, "sale_price": ""})
    level = await shop.level(12, 5)
    assert level is not None
    assert (level["regular_price"], level["sale_price"]) == (80_000, None)


async def test_the_sale_price_is_below_the_regular_price_that_applies_there_after_this_item(shop: Shop) -> None:
    too_high = "Sale price must be less than regular price."
    await assert_refused(
        shop, "invalid_price", {**ITEM, "sale_price": "10"}, {**ITEM, "regular_price": "5", "sale_price": "5"},
        {"product_id": 30, "location_id": 5, "stock": 1, "sale_price": "1"}, message=too_high,
    )  # fmt: skip
    await assert_accepted(
        shop, 12, 5, {**ITEM, "sale_price": "9.99"}, {**ITEM, "regular_price": "20", "sale_price": "19"}
    )
    response = await shop.update({**ITEM, "regular_price": ""})  # 10.00 applies again
    assert response.json()["message"] == too_high


async def test_backorders_is_no_notify_or_yes(shop: Shop) -> None:
    await assert_refused(
        shop, "invalid_backorders", *({**ITEM, "backorders": value} for value in ("", "maybe", "YES", True, 1, [], {}))
    )
    for value in ("no", "notify", "yes"):
        await assert_accepted(shop, 12, 5, {**ITEM, "backorders": value})
        level = await shop.level(12, 5)
        assert level is not None
        assert level["backorders"] == value


async def test_accepted_and_refused_forms_of_disabled(shop: Shop) -> None:
    refused = ("", "maybe", "TRUE ", 2, [], {}, None)
    await assert_refused(shop, "invalid_disabled", *({**ITEM, "disabled": value} for value in refused[:-1]))
    true, false = (True, 1, "true", "yes", "1"), (False, 0, "false", "no", "0")
    for accepted, stored in ((true, True), (false, False)):
        for value in accepted:
            await assert_accepted(shop, 12, 5, {**ITEM, "disabled": value})
            level = await shop.level(12, 5)
            assert level is not None
            assert bool(level["disabled"]) is stored, value


async def test_each_variation_is_its_own_item_and_its_parent_is_none(shop: Shop) -> None:
    await assert_refused(shop, "variation_required", {**ITEM, "product_id": 20}, {**ITEM, "product_id": "20"})
    await assert_accepted(shop, 21, 5, {**ITEM, "product_id": 21}, {"sku": "boot-01-40", "location_id": 5, "stock": 3})
    assert (await shop.on_hand(21, 5), await shop.on_hand(22, 5)) == (3, None)


async def test_drafts_and_private_products_are_updated_and_trashed_ones_are_not_found(shop: Shop) -> None:
    await assert_refused(
        shop, "product_not_found", {**ITEM, "product_id": 52}, {"sku": "TRASH-1", "location_id": 5, "stock": 1}
    )
    await assert_accepted(shop, 50, 5, {**ITEM, "product_id": 50})
    await assert_accepted(shop, 51, 5, {"sku": "PRIVATE-1", "location_id": 5, "stock": 1})


async def test_unknown_fields_are_ignored_and_of_a_duplicated_key_the_last_counts(shop: Shop) -> None:
    body = '{"product_id": 12, "location_id": 5, "stock": 1, "colour": {"deep": []}, "stock": 4}'
    headers = {"Content-Type": "application/json"}
    response = await shop.call("POST", "/inventory/update", content=body, headers=headers)
    assert response.status_code == 200
    assert await shop.on_hand(12, 5) == 4


async def test_what_is_left_out_stays_as_it_is(shop: Shop) -> None:
    await assert_accepted(
        shop, 12, 5, {**ITEM, "regular_price": "8", "sale_price": "7", "backorders": "yes", "disabled": True}
    )
    await assert_accepted(shop, 12, 5, {**ITEM, "stock": 2})
    level = await shop.level(12, 5)
    assert level is not None
    assert [level[name] for name in ("on_hand", "regular_price", "sale_price", "backorders")] == [
        2, 80_000, 70_000, "yes",
    ]  # fmt: skip
    assert bool(level["disabled"])
