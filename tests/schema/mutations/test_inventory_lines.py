"""inventorySet, inventoryAdjust and inventoryTransfer: what they write, refuse and give back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.schema.caller import Caller
from tests.schema.mutations.stock import add, codes, entries, on_hand

_REST = """userErrors { __typename code message field index
        ... on StaleQuantityError { current currentVersion }
        ... on InsufficientStockError { current currentVersion requested }
        ... on GroupRejectedError { refused } }
    succeeded failed dryRun replayed
    stockLevels { id onHand version product { databaseId } location { slug } }
    changeGroup { id reason note reference entries { line delta before after location { databaseId } } } } }"""
SET = f"""mutation($input: InventorySetInput!) {{ inventorySet(input: $input) {{
    results {{ index accepted changed stockLevelId before after version error {{ code }} }} {_REST}"""
ADJUST = SET.replace("InventorySetInput", "InventoryAdjustInput").replace("inventorySet", "inventoryAdjust")
TRANSFER = f"""mutation($input: InventoryTransferInput!) {{ inventoryTransfer(input: $input) {{
    results {{ index accepted error {{ code }}
        from {{ stockLevelId before after version }} to {{ stockLevelId before after version }} }} {_REST}"""


def a_set(item: int, quantity: int, location: int = 1, **values: Any) -> dict[str, Any]:
    return {"product": {"id": str(item)}, "location": {"id": str(location)}, "quantity": quantity, **values}


def an_adjustment(item: int, delta: int, location: int = 1, **values: Any) -> dict[str, Any]:
    return {"product": {"id": str(item)}, "location": {"id": str(location)}, "delta": delta, **values}


def a_move(item: int, quantity: int, source: int = 1, target: int = 2, **values: Any) -> dict[str, Any]:
    ends = {"from": {"id": str(source)}, "to": {"id": str(target)}}
    return {"product": {"id": str(item)}, **ends, "quantity": quantity, **values}


def set_(stock: Caller, *lines: Any, visible: Any = None, **values: Any) -> Any:
    return stock.data(SET, visible, input={"lines": list(lines), **values})["inventorySet"]


def adjust(stock: Caller, *lines: Any, visible: Any = None, **values: Any) -> Any:
    return stock.data(ADJUST, visible, input={"lines": list(lines), **values})["inventoryAdjust"]


def transfer(stock: Caller, *lines: Any, visible: Any = None, **values: Any) -> Any:
    return stock.data(TRANSFER, visible, input={"lines": list(lines), **values})["inventoryTransfer"]


# Setting and adjusting


def test_quantities_are_set_and_everything_written_is_given_back(stock: Caller, item: int) -> None:
    payload = set_(stock, a_set(item, 7), a_set(item, 4, 2), reason="COUNT", note="by hand", reference="#1")
    assert payload["changeGroup"].pop("id").startswith("gid://stockgate/StockChangeGroup/")
    assert payload == {
        "results": [
            {
                "index": n, "accepted": True, "changed": True, "before": None, "after": quantity, "version": 1,
                "stockLevelId": f"gid://stockgate/StockLevel/{item}-{n + 1}", "error": None,
            }
            for n, quantity in enumerate((7, 4))
        ],
        "userErrors": [], "succeeded": 2, "failed": 0, "dryRun": False, "replayed": False,
        "stockLevels": [
            {
                "id": f"gid://stockgate/StockLevel/{item}-{place}", "onHand": quantity, "version": 1,
                "product": {"databaseId": item}, "location": {"slug": f"location-{place}"},
            }
            for place, quantity in ((1, 7), (2, 4))
        ],
        "changeGroup": {
            "reason": "COUNT", "note": "by hand", "reference": "#1",
            "entries": [
                {"line": n, "delta": quantity, "before": None, "after": quantity, "location": {"databaseId": n + 1}}
                for n, quantity in enumerate((7, 4))
            ],
        },
    }  # fmt: skip


def test_adjustments_of_one_level_add_up_in_order(stock: Caller, item: int) -> None:
    payload = adjust(stock, an_adjustment(item, 5), an_adjustment(item, -2), reason="SALE")
    assert [(r["before"], r["after"], r["version"]) for r in payload["results"]] == [(None, 5, 1), (5, 3, 2)]
    assert payload["changeGroup"]["reason"] == "SALE"
    assert on_hand(stock, item) == 3


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({"expected": 4}, ("StaleQuantityError", "STALE_QUANTITY", "expected")),
        ({"expectedVersion": 9}, ("StaleQuantityError", "STALE_QUANTITY", "expectedVersion")),
        ({"delta": -6}, ("InsufficientStockError", "INSUFFICIENT_STOCK", "delta")),
        ({"delta": 1_000_000_000}, ("PlainError", "INVALID_QUANTITY", "delta")),
        ({"product": {"id": "999999"}}, ("PlainError", "ITEM_NOT_FOUND", "product")),
        ({"location": {"id": "99"}}, ("PlainError", "LOCATION_NOT_FOUND", "location")),
        ({"location": {"slug": "location-3"}}, ("PlainError", "LOCATION_INACTIVE", "location")),
    ],
)
def test_a_refusal_has_a_type_a_code_and_the_path_of_the_input(
    stock: Caller, item: int, line: Any, expected: Any
) -> None:
    set_(stock, a_set(item, 5))
    payload = adjust(stock, an_adjustment(item, 1, 2), {**an_adjustment(item, 1), **line}, policy="KEEP_GOING")
    [error] = payload["userErrors"]
    assert (error["__typename"], error["code"], error["field"]) == (*expected[:2], f"lines[1].{expected[2]}")
    assert (error["index"], payload["succeeded"], payload["failed"]) == (1, 1, 1)
    assert payload["results"][1]["error"] == {"code": expected[1]}
    assert (on_hand(stock, item), on_hand(stock, item, 2)) == (5, 1)


def test_a_refusal_over_a_quantity_tells_what_was_asked_and_what_there_is(stock: Caller, item: int) -> None:
    set_(stock, a_set(item, 5))
    [error] = adjust(stock, an_adjustment(item, -6))["userErrors"]
    assert (error["requested"], error["current"], error["currentVersion"]) == (-6, 5, 1)
    [error] = set_(stock, a_set(item, 9, expected=4))["userErrors"]
    assert (error["current"], error["currentVersion"]) == (5, 1)
    assert set_(stock, a_set(item, 9, expected=5, expectedVersion=1))["userErrors"] == []


def test_one_refused_line_rejects_all_unless_asked_otherwise(stock: Caller, item: int) -> None:
    payload = set_(stock, a_set(item, 5), a_set(item, -1), a_set(item, 1, 3))
    assert [(e["__typename"], e["code"], e["index"]) for e in payload["userErrors"]] == [
        ("GroupRejectedError", "GROUP_REJECTED", None),
        ("InsufficientStockError", "INSUFFICIENT_STOCK", 1),
        ("PlainError", "LOCATION_INACTIVE", 2),
    ]
    assert payload["userErrors"][0]["refused"] == 2
    assert (payload["succeeded"], payload["failed"], payload["changeGroup"]) == (0, 2, None)
    assert (on_hand(stock, item), entries(stock, item)) == (None, 0)


@pytest.mark.parametrize("ask", [set_, adjust, transfer])
def test_from_one_to_a_thousand_lines_are_taken(stock: Caller, item: int, ask: Any) -> None:
    document = {set_: SET, adjust: ADJUST, transfer: TRANSFER}[ask]
    assert "`lines` is empty" in stock.refusal(document, input={"lines": []}).message
    line = {set_: a_set(item, 1), adjust: an_adjustment(item, 1), transfer: a_move(item, 1)}[ask]
    assert "at most 1000" in stock.refusal(document, input={"lines": [line] * 1001}).message
    assert entries(stock, item) == 0


@pytest.mark.parametrize(
    ("ask", "line"), [(set_, a_set), (adjust, an_adjustment), (transfer, a_move)], ids=["set", "adjust", "transfer"]
)
def test_a_dry_run_writes_nothing_and_a_key_has_its_effect_once(stock: Caller, item: int, ask: Any, line: Any) -> None:
    set_(stock, a_set(item, 10))
    dry = ask(stock, line(item, 3), dryRun=True, idempotencyKey=f"{ask.__name__}-{item}")
    assert (dry["dryRun"], dry["succeeded"], dry["changeGroup"], entries(stock, item)) == (True, 1, None, 1)
    first = ask(stock, line(item, 3), idempotencyKey=f"{ask.__name__}-{item}")
    written = entries(stock, item)
    again = ask(stock, line(item, 3), idempotencyKey=f"{ask.__name__}-{item}")
    assert (first["replayed"], again) == (False, {**first, "replayed": True})
    assert entries(stock, item) == written > 1
    other = ask(stock, line(item, 4), idempotencyKey=f"{ask.__name__}-{item}")
    assert codes(other) == ["IDEMPOTENCY_KEY_REUSED"]


# Transfers


def test_a_transfer_moves_units_and_tells_both_ends(stock: Caller, item: int) -> None:
    set_(stock, a_set(item, 10))
    payload = transfer(stock, a_move(item, 4))
    level = f"gid://stockgate/StockLevel/{item}"
    assert payload["results"] == [
        {
            "index": 0, "accepted": True, "error": None,
            "from": {"stockLevelId": f"{level}-1", "before": 10, "after": 6, "version": 2},
            "to": {"stockLevelId": f"{level}-2", "before": None, "after": 4, "version": 1},
        }
    ]  # fmt: skip
    assert [(level["onHand"], level["location"]["slug"]) for level in payload["stockLevels"]] == [
        (6, "location-1"), (4, "location-2"),
    ]  # fmt: skip


def test_both_halves_of_a_transfer_have_one_line_in_one_group(stock: Caller, item: int) -> None:
    other = add(stock)
    set_(stock, a_set(item, 10), a_set(other, 10))
    group = transfer(stock, a_move(item, 4), a_move(other, 1))["changeGroup"]
    assert group["reason"] == "TRANSFER"
    assert [(e["line"], e["location"]["databaseId"], e["delta"]) for e in group["entries"]] == [
        (0, 1, -4), (0, 2, 4), (1, 1, -1), (1, 2, 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({"quantity": 6}, ("InsufficientStockError", "INSUFFICIENT_STOCK", "quantity")),
        ({"quantity": 0}, ("PlainError", "INVALID_QUANTITY", "quantity")),
        ({"quantity": -1}, ("PlainError", "INVALID_QUANTITY", "quantity")),
        ({"expected": 4}, ("StaleQuantityError", "STALE_QUANTITY", "expected")),
        ({"quantity": 6, "expected": 4}, ("StaleQuantityError", "STALE_QUANTITY", "expected")),
        ({"expectedVersion": 2}, ("StaleQuantityError", "STALE_QUANTITY", "expectedVersion")),
        ({"to": {"slug": "location-1"}}, ("PlainError", "SAME_LOCATION", "to")),
        ({"to": {"id": "3"}}, ("PlainError", "LOCATION_INACTIVE", "to")),
        ({"from": {"id": "3"}}, ("PlainError", "LOCATION_INACTIVE", "from")),
        ({"from": {"id": "99"}}, ("PlainError", "LOCATION_NOT_FOUND", "from")),
        ({"product": {"sku": "nothing"}}, ("PlainError", "ITEM_NOT_FOUND", "product")),
    ],
)
@pytest.mark.parametrize("policy", ["REJECT_ALL", "KEEP_GOING"])
def test_a_refused_transfer_moves_neither_half(stock: Caller, item: int, policy: str, line: Any, expected: Any) -> None:
    set_(stock, a_set(item, 5))
    payload = transfer(stock, {**a_move(item, 1), **line}, policy=policy)
    [error] = payload["userErrors"]
    assert (error["__typename"], error["code"], error["field"]) == (*expected[:2], f"lines[0].{expected[2]}")
    assert [(r["accepted"], r["error"]) for r in payload["results"]] == [(False, {"code": expected[1]})]
    assert (on_hand(stock, item), on_hand(stock, item, 2), entries(stock, item)) == (5, None, 1)


def test_what_is_not_there_cannot_be_moved_even_where_back_orders_are_allowed(stock: Caller) -> None:
    item = add(stock, backorders="yes")
    set_(stock, a_set(item, 5))
    [error] = transfer(stock, a_move(item, 6))["userErrors"]
    assert (error["code"], error["requested"], error["current"]) == ("INSUFFICIENT_STOCK", 6, 5)


@pytest.mark.parametrize("visible", [[1], [2]])
def test_a_limited_key_moves_units_only_between_its_locations(stock: Caller, item: int, visible: Any) -> None:
    set_(stock, a_set(item, 5))
    assert codes(transfer(stock, a_move(item, 1), visible=visible)) == ["LOCATION_FORBIDDEN"]
    assert codes(transfer(stock, a_move(item, 1), visible=[1, 2])) == []


def test_units_can_be_moved_on_in_one_request(stock: Caller, item: int) -> None:
    set_(stock, a_set(item, 5))
    payload = transfer(stock, a_move(item, 5), a_move(item, 3, 2, 1), a_move(item, 1, 1, 2))
    assert payload["userErrors"] == []
    assert (on_hand(stock, item), on_hand(stock, item, 2)) == (2, 3)
