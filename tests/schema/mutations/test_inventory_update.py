"""inventoryUpdate and inventoryBulkSync: what they write, refuse and give back."""

from __future__ import annotations

from typing import Any

import pytest

from storage.tables import Product
from tests.schema.caller import Caller
from tests.schema.mutations.stock import a_line, add, code, entries, on_hand

UPDATE = """mutation($input: InventoryUpdateInput!) { inventoryUpdate(input: $input) {
    result { index accepted changed stockLevelId before after version error { code } }
    userErrors { __typename code message field index
        ... on StaleQuantityError { current currentVersion }
        ... on InsufficientStockError { current currentVersion requested } }
    dryRun replayed
    stockLevel { id onHand version regularPrice salePrice backorders disabled
        product { databaseId onHand } location { slug } }
    changeGroup { dialect principal reason note reference entries { line delta before after } } } }"""
SYNC = """mutation($input: InventoryBulkSyncInput!) { inventoryBulkSync(input: $input) {
    succeeded failed dryRun replayed
    results { index accepted changed before after version error { code field } }
    userErrors { code field index ... on GroupRejectedError { refused } }
    stockLevels { id onHand product { databaseId } }
    changeGroup { reason entries { line delta after } } } }"""


def update(stock: Caller, item: int, location: int = 1, *, visible: Any = None, **change: Any) -> Any:
    """The payload of one update."""
    return stock.data(UPDATE, visible, input=a_line(item, location, **change))["inventoryUpdate"]


def sync(stock: Caller, *lines: Any, visible: Any = None, **values: Any) -> Any:
    """The payload of one bulk-sync."""
    return stock.data(SYNC, visible, input={"items": list(lines), **values})["inventoryBulkSync"]


# One line


def test_an_update_tells_what_it_did_and_gives_back_what_it_wrote(stock: Caller, item: int) -> None:
    update(stock, item, 2, onHand=3)
    payload = update(stock, item, onHand=7, salePrice="9.5", reason="COUNT", note="by hand", reference="#1")
    assert payload == {
        "result": {
            "index": 0, "accepted": True, "changed": True, "stockLevelId": f"gid://stockgate/StockLevel/{item}-1",
            "before": None, "after": 7, "version": 1, "error": None,
        },
        "userErrors": [],
        "dryRun": False,
        "replayed": False,
        "stockLevel": {
            "id": f"gid://stockgate/StockLevel/{item}-1", "onHand": 7, "version": 1, "regularPrice": None,
            "salePrice": "9.50", "backorders": None, "disabled": False,
            "product": {"databaseId": item, "onHand": 10}, "location": {"slug": "location-1"},
        },
        "changeGroup": {
            "dialect": "graphql", "principal": "tests", "reason": "COUNT", "note": "by hand", "reference": "#1",
            "entries": [{"line": 0, "delta": 7, "before": None, "after": 7}],
        },
    }  # fmt: skip


@pytest.mark.parametrize("key", [{"sku": "sku-{}"}, {"id": "gid://stockgate/Product/{}"}, {"gtin": "{:08d}"}])
def test_products_and_locations_are_named_by_any_key(stock: Caller, key: dict[str, str]) -> None:
    number = add(stock)
    gtin = f"{number:014d}"
    stock.runner.run(stock.database.transact(_set_gtin, number, gtin))
    product = {kind: form.format(number) for kind, form in key.items()}
    for location in ({"slug": "LOCATION-1"}, {"id": "gid://stockgate/Location/1"}):
        line = {"product": product, "location": location, "adjust": 1}
        assert stock.data(UPDATE, input=line)["inventoryUpdate"]["userErrors"] == []
    assert on_hand(stock, number) == 2


async def _set_gtin(session: Any, number: int, gtin: str) -> None:
    (await session.get(Product, number)).gtin = gtin


def test_an_adjustment_is_relative(stock: Caller, item: int) -> None:
    assert update(stock, item, adjust=5)["result"]["after"] == 5
    result = update(stock, item, adjust=-2)["result"]
    assert (result["before"], result["after"], result["version"]) == (5, 3, 2)


def test_a_change_that_changes_nothing_leaves_no_trace(stock: Caller, item: int) -> None:
    update(stock, item, onHand=5)
    payload = update(stock, item, onHand=5)
    assert (payload["result"]["changed"], payload["result"]["version"]) == (False, 1)
    assert (payload["stockLevel"]["onHand"], payload["changeGroup"]) == (5, None)
    assert entries(stock, item) == 1


def test_what_is_left_out_stays_and_what_is_null_is_cleared(stock: Caller, item: int) -> None:
    update(stock, item, onHand=1, regularPrice="12", salePrice="8.1234", backorders="NOTIFY", disabled=True)
    level = update(stock, item, onHand=2, disabled=None)["stockLevel"]
    assert [level[name] for name in ("regularPrice", "salePrice", "backorders", "disabled")] == [
        "12.00",
        "8.1234",
        "NOTIFY",
        True,
    ]
    level = update(stock, item, regularPrice=None, salePrice=None, backorders=None, disabled=False)["stockLevel"]
    assert [level[name] for name in ("regularPrice", "salePrice", "backorders", "disabled")] == [
        None,
        None,
        None,
        False,
    ]
    assert level["onHand"] == 2


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ("NOTHING_TO_CHANGE", None)),
        ({"onHand": None, "adjust": None, "disabled": None}, ("NOTHING_TO_CHANGE", None)),
        ({"expectedOnHand": 0}, ("NOTHING_TO_CHANGE", None)),
        ({"onHand": 1, "adjust": 1}, ("INVALID_QUANTITY", "adjust")),
        ({"onHand": 1_000_000_001}, ("INVALID_QUANTITY", "onHand")),
        ({"onHand": -1}, ("INSUFFICIENT_STOCK", "onHand")),
        ({"adjust": -6}, ("INSUFFICIENT_STOCK", "onHand")),
        ({"onHand": 1, "expectedOnHand": 4}, ("STALE_QUANTITY", "expectedOnHand")),
        ({"onHand": 1, "expectedVersion": 2}, ("STALE_QUANTITY", "expectedVersion")),
        ({"salePrice": "10"}, ("SALE_PRICE_TOO_HIGH", "salePrice")),
        ({"regularPrice": "1.23456"}, ("INVALID_PRICE", "regularPrice")),
        ({"regularPrice": "-1"}, ("INVALID_PRICE", "regularPrice")),
        ({"salePrice": "NaN"}, ("INVALID_PRICE", "salePrice")),
        ({"salePrice": "1e999999"}, ("INVALID_PRICE", "salePrice")),
        ({"regularPrice": "100000000"}, ("INVALID_PRICE", "regularPrice")),
    ],
)
def test_a_refusal_names_its_reason_and_the_input_field(stock: Caller, item: int, change: Any, expected: Any) -> None:
    update(stock, item, onHand=5)
    payload = update(stock, item, **change)
    [error] = payload["userErrors"]
    assert (error["code"], error["field"], error["index"]) == (*expected, 0)
    assert error["message"]
    assert (payload["result"], payload["stockLevel"], payload["changeGroup"]) == (None, None, None)
    assert (on_hand(stock, item), entries(stock, item)) == (5, 1)


@pytest.mark.parametrize(
    "change", [{"adjust": -6}, {"onHand": 9, "expectedOnHand": 1}, {"onHand": 9, "expectedVersion": 9}]
)
def test_a_refusal_over_a_quantity_tells_the_current_one(stock: Caller, item: int, change: Any) -> None:
    update(stock, item, onHand=5)
    [error] = update(stock, item, **change)["userErrors"]
    assert (error["current"], error["currentVersion"]) == (5, 1)
    assert error.get("requested") == change.get("adjust")


def test_a_key_that_names_nothing_is_refused(stock: Caller, item: int) -> None:
    assert code(update(stock, 999_999, onHand=1)) == "ITEM_NOT_FOUND"
    assert code(update(stock, item, 99, onHand=1)) == "LOCATION_NOT_FOUND"
    assert code(update(stock, item, 3, onHand=1)) == "LOCATION_INACTIVE"
    for product in ({"sku": ""}, {"sku": "a\0b"}, {"gtin": "x"}, {"gtin": "1\0"}):
        line = {**a_line(item, onHand=1), "product": product}
        assert code(stock.data(UPDATE, input=line)["inventoryUpdate"]) == "ITEM_NOT_FOUND"
    for location in ({"slug": "a\0b"}, {"code": "a\0b"}, {"code": ""}):
        line = {**a_line(item, onHand=1), "location": location}
        assert code(stock.data(UPDATE, input=line)["inventoryUpdate"]) == "LOCATION_NOT_FOUND"
    variable = add(stock, type="variable")
    add(stock, type="variation", parent_id=variable)
    assert code(update(stock, variable, onHand=1)) == "ITEM_HAS_VARIATIONS"


def test_a_limited_key_may_write_only_at_its_locations(stock: Caller, item: int) -> None:
    assert code(update(stock, item, 1, visible=[2], onHand=1)) == "LOCATION_FORBIDDEN"
    payload = update(stock, item, 2, visible=[2], onHand=1)
    assert (payload["result"]["accepted"], payload["stockLevel"]["location"]) == (True, {"slug": "location-2"})
    update(stock, item, 1, onHand=100)
    assert update(stock, item, 2, visible=[2], onHand=2)["stockLevel"]["product"] == {"databaseId": item, "onHand": 2}


def test_a_dry_run_tells_what_would_happen_and_writes_nothing(stock: Caller, item: int) -> None:
    update(stock, item, onHand=5)
    payload = update(stock, item, onHand=9, dryRun=True)
    assert (payload["dryRun"], payload["result"]["before"], payload["result"]["after"]) == (True, 5, 9)
    assert (payload["stockLevel"]["onHand"], payload["changeGroup"]) == (5, None)
    assert code(update(stock, item, onHand=-9, dryRun=True)) == "INSUFFICIENT_STOCK"
    assert (on_hand(stock, item), entries(stock, item)) == (5, 1)


def test_an_idempotency_key_has_its_effect_once(stock: Caller, item: int) -> None:
    change = {"adjust": 5, "idempotencyKey": f"once-{item}", "reason": "SALE"}
    first = update(stock, item, **change)
    again = update(stock, item, **change)
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert again["result"] == first["result"]
    assert again["changeGroup"] == first["changeGroup"]
    assert (on_hand(stock, item), entries(stock, item)) == (5, 1)


def test_an_idempotency_key_cannot_be_used_for_another_request(stock: Caller, item: int) -> None:
    update(stock, item, adjust=5, idempotencyKey=f"k-{item}")
    payload = update(stock, item, adjust=6, idempotencyKey=f"k-{item}")
    [error] = payload["userErrors"]
    assert (error["code"], error["field"], error["index"]) == ("IDEMPOTENCY_KEY_REUSED", "idempotencyKey", None)
    assert payload["result"] is None
    assert on_hand(stock, item) == 5


def test_a_refused_update_does_not_use_up_its_idempotency_key(stock: Caller, item: int) -> None:
    key = f"free-{item}"
    assert code(update(stock, item, adjust=-5, idempotencyKey=key)) == "INSUFFICIENT_STOCK"
    assert update(stock, item, adjust=5, idempotencyKey=key)["replayed"] is False
    assert on_hand(stock, item) == 5


def test_a_dry_run_does_not_use_up_its_idempotency_key(stock: Caller, item: int) -> None:
    key = f"dry-{item}"
    assert update(stock, item, adjust=5, idempotencyKey=key, dryRun=True)["replayed"] is False
    assert update(stock, item, adjust=5, idempotencyKey=key)["replayed"] is False
    assert on_hand(stock, item) == 5


@pytest.mark.parametrize("key", ["", "x" * 256, "a\0b", "new\nline"])
def test_what_is_no_idempotency_key_is_refused(stock: Caller, item: int, key: str) -> None:
    payload = update(stock, item, onHand=1, idempotencyKey=key)
    assert (code(payload), payload["userErrors"][0]["field"]) == ("INVALID_IDEMPOTENCY_KEY", "idempotencyKey")
    assert on_hand(stock, item) is None


@pytest.mark.parametrize("field", ["note", "reference"])
def test_a_nul_in_what_is_written_down_is_refused(stock: Caller, item: int, field: str) -> None:
    assert field in stock.refusal(UPDATE, input=a_line(item, onHand=1, **{field: "a\0b"})).message
    assert on_hand(stock, item) is None


def test_every_other_character_may_be_written_down(stock: Caller, item: int) -> None:
    note = '"It\'s" \\ \n\t 👟 %_ \x01\u2028'
    assert update(stock, item, onHand=1, note=note)["changeGroup"]["note"] == note


@pytest.mark.parametrize(
    "line",
    [
        {"onHand": 1.5},
        {"onHand": "1"},
        {"onHand": 2**31},
        {"onHand": True},
        {"salePrice": 9.5},
        {"salePrice": "cheap"},
        {"salePrice": True},
        {"backorders": "no"},
        {"disabled": "yes"},
        {"unknown": 1},
        {"product": {}},
        {"product": {"id": "1", "sku": "x"}},
        {"product": {"sku": None}},
        {"product": {"id": "x"}},
        {"location": {"id": "gid://stockgate/Product/1"}},
        {"location": {"slug": "a", "code": "b"}},
    ],
)
def test_a_malformed_line_is_an_error_of_the_request(stock: Caller, item: int, line: Any) -> None:
    assert stock.refusal(UPDATE, input={**a_line(item, onHand=1), **line}).message
    assert stock.refusal(SYNC, input={"items": [a_line(item, onHand=1), {**a_line(item, onHand=1), **line}]}).message
    assert on_hand(stock, item) is None


def test_prices_may_be_whole_numbers_or_texts(stock: Caller, item: int) -> None:
    assert update(stock, item, regularPrice=12, salePrice="1.50")["stockLevel"]["regularPrice"] == "12.00"


def test_literals_do_what_variables_do(stock: Caller, item: int) -> None:
    query = f"""mutation {{ inventoryUpdate(input: {{product: {{id: {item}}}, location: {{slug: "location-1"}},
        onHand: 4, salePrice: "9.99", regularPrice: null, backorders: YES}}) {{
            stockLevel {{ onHand salePrice backorders }} userErrors {{ code }} }} }}"""
    level = {"onHand": 4, "salePrice": "9.99", "backorders": "YES"}
    assert stock.data(query)["inventoryUpdate"] == {"stockLevel": level, "userErrors": []}


def test_two_mutations_of_one_document_are_done_one_after_the_other(stock: Caller, item: int) -> None:
    query = """mutation($item: ProductKey!, $more: Boolean!) {
        a: inventoryUpdate(input: {product: $item, location: {id: 1}, adjust: 5}) { ...P }
        b: inventoryUpdate(input: {product: $item, location: {id: 1}, adjust: 2}) {
            ...P stockLevel { version @include(if: $more) } }
        __typename }
        fragment P on InventoryUpdatePayload { __typename level: stockLevel { onHand } stockLevel { v: version } }"""
    data = stock.data(query, item={"id": str(item)}, more=True)
    typename = {"__typename": "InventoryUpdatePayload"}
    assert data == {
        "a": {**typename, "level": {"onHand": 5}, "stockLevel": {"v": 1}},
        "b": {**typename, "level": {"onHand": 7}, "stockLevel": {"v": 2, "version": 2}},
        "__typename": "Mutation",
    }


# Many lines


def test_lines_are_applied_in_order_and_the_levels_read_back_sorted(stock: Caller) -> None:
    first, second = add(stock), add(stock)
    lines = [a_line(second, onHand=2), a_line(first, 2, onHand=1), a_line(second, adjust=3), a_line(second, onHand=5)]
    payload = sync(stock, *lines, reason="SYNC")
    assert (payload["succeeded"], payload["failed"], payload["userErrors"]) == (4, 0, [])
    assert [r["after"] for r in payload["results"]] == [2, 1, 5, 5]
    assert [r["changed"] for r in payload["results"]] == [True, True, True, False]
    assert [level["onHand"] for level in payload["stockLevels"]] == [1, 5]
    assert payload["changeGroup"] == {
        "reason": "SYNC",
        "entries": [
            {"line": 0, "delta": 2, "after": 2},
            {"line": 1, "delta": 1, "after": 1},
            {"line": 2, "delta": 3, "after": 5},
        ],
    }


def test_reject_all_is_the_default_and_writes_nothing_when_one_line_is_refused(stock: Caller, item: int) -> None:
    payload = sync(stock, a_line(item, onHand=2), a_line(item, 3, onHand=1), a_line(item, onHand=-1))
    assert (payload["succeeded"], payload["failed"]) == (0, 2)
    assert [(e["code"], e["index"]) for e in payload["userErrors"]] == [
        ("GROUP_REJECTED", None),
        ("LOCATION_INACTIVE", 1),
        ("INSUFFICIENT_STOCK", 2),
    ]
    assert [r["error"] and r["error"]["code"] for r in payload["results"]] == [
        None,
        "LOCATION_INACTIVE",
        "INSUFFICIENT_STOCK",
    ]
    assert payload["changeGroup"] is None
    assert (on_hand(stock, item), entries(stock, item)) == (None, 0)


def test_keep_going_writes_what_was_accepted(stock: Caller, item: int) -> None:
    payload = sync(stock, a_line(item, onHand=2), a_line(item, 3, onHand=1), a_line(item), policy="KEEP_GOING")
    assert (payload["succeeded"], payload["failed"]) == (1, 2)
    assert [(e["code"], e["index"]) for e in payload["userErrors"]] == [
        ("LOCATION_INACTIVE", 1),
        ("NOTHING_TO_CHANGE", 2),
    ]
    assert [level["onHand"] for level in payload["stockLevels"]] == [2]
    assert on_hand(stock, item) == 2


@pytest.mark.parametrize(("failures_max", "written"), [(None, 1), (2, 1), (1, None), (0, None)])
def test_more_failures_than_allowed_undo_everything(stock: Caller, item: int, failures_max: Any, written: Any) -> None:
    lines = [a_line(item, onHand=1), a_line(item, 3, onHand=1), a_line(item, 99, onHand=1)]
    payload = sync(stock, *lines, policy="KEEP_GOING", failuresMax=failures_max)
    assert payload["failed"] == 2
    assert payload["succeeded"] == (1 if written else 0)
    assert ("GROUP_REJECTED" in [error["code"] for error in payload["userErrors"]]) is (written is None)
    assert on_hand(stock, item) == written


def test_a_negative_number_of_failures_is_refused(stock: Caller, item: int) -> None:
    error = stock.refusal(SYNC, input={"items": [a_line(item, onHand=1)], "policy": "KEEP_GOING", "failuresMax": -1})
    assert "failuresMax" in error.message
    assert on_hand(stock, item) is None


def test_a_dry_run_of_many_lines_writes_nothing(stock: Caller, item: int) -> None:
    payload = sync(stock, a_line(item, onHand=2), a_line(item, adjust=3), dryRun=True)
    assert (payload["dryRun"], [r["after"] for r in payload["results"]]) == (True, [2, 5])
    assert (payload["stockLevels"], payload["changeGroup"]) == ([], None)
    assert on_hand(stock, item) is None


def test_a_dry_run_never_shows_a_change_group_that_another_request_wrote(stock: Caller, item: int) -> None:
    asked = """mutation($item: ProductKey!) {
        dry: inventoryUpdate(input: {product: $item, location: {id: 1}, onHand: 1, dryRun: true}) { ...P }
        wet: inventoryUpdate(input: {product: $item, location: {id: 1}, onHand: 2}) { ...P } }
        fragment P on InventoryUpdatePayload { changeGroup { id entries { after } } }"""
    data = stock.data(asked, item={"id": str(item)})
    assert data["dry"]["changeGroup"] is None
    assert data["wet"]["changeGroup"]["entries"] == [{"after": 2}]


def test_many_lines_are_replayed_as_they_were_answered(stock: Caller, item: int) -> None:
    lines = [a_line(item, adjust=1), a_line(item, adjust=-9), a_line(item, adjust=1)]
    values = {"policy": "KEEP_GOING", "idempotencyKey": f"sync-{item}"}
    first, again = sync(stock, *lines, **values), sync(stock, *lines, **values)
    assert again == {**first, "replayed": True}
    assert on_hand(stock, item) == 2
    other = sync(stock, *lines, a_line(item, adjust=1), **values)
    assert (code(other), other["succeeded"], other["failed"], other["results"]) == ("IDEMPOTENCY_KEY_REUSED", 0, 0, [])


def test_no_lines_change_nothing(stock: Caller) -> None:
    payload = sync(stock)
    assert (payload["succeeded"], payload["failed"], payload["userErrors"], payload["changeGroup"]) == (0, 0, [], None)


def test_too_many_lines_are_refused_before_any_is_looked_at(stock: Caller, item: int) -> None:
    lines = [a_line(item, adjust=1)] * 1001
    assert "at most 1000" in stock.refusal(SYNC, input={"items": lines}).message
    assert on_hand(stock, item) is None
    assert sync(stock, *lines[1:])["succeeded"] == 1000
    assert on_hand(stock, item) == 1000
