"""reverseStockChangeGroup: counter-entries, once, by the rules."""

from __future__ import annotations

from typing import Any

from tests.schema.caller import Caller
from tests.schema.mutations.stock import add, codes, entries, on_hand
from tests.schema.mutations.test_inventory_lines import a_move, a_set, adjust, an_adjustment, set_

REVERSE = """mutation($input: ReverseStockChangeGroupInput!) { reverseStockChangeGroup(input: $input) {
    results { index accepted stockLevelId before after to { stockLevelId before after } error { code } }
    userErrors { __typename code field index
        ... on AlreadyReversedError { reversedBy } ... on InsufficientStockError { current requested } }
    succeeded failed dryRun replayed stockLevels { onHand location { databaseId } }
    changeGroup { id reason note reference entries { line delta location { databaseId } } } } }"""


def reverse(stock: Caller, group: str, visible: Any = None, **values: Any) -> Any:
    return stock.data(REVERSE, visible, input={"id": group, **values})["reverseStockChangeGroup"]


def written(stock: Caller, field: str, **values: Any) -> str:
    """The id of the change group that a mutation writes."""
    type_ = f"{field[0].upper()}{field[1:]}Input"
    document = f"mutation($input: {type_}!) {{ {field}(input: $input) {{ changeGroup {{ id }} }} }}"
    group: str = stock.data(document, input=values)[field]["changeGroup"]["id"]
    return group


def test_a_transfer_is_taken_back_once(stock: Caller, item: int) -> None:
    set_(stock, a_set(item, 10))
    group = written(stock, "inventoryTransfer", lines=[a_move(item, 4)])
    payload = reverse(stock, group, note="wrong shop", reference="#7")
    level = f"gid://stockgate/StockLevel/{item}"
    assert payload["results"] == [
        {
            "index": 0, "accepted": True, "stockLevelId": f"{level}-2", "before": 4, "after": 0, "error": None,
            "to": {"stockLevelId": f"{level}-1", "before": 6, "after": 10},
        }
    ]  # fmt: skip
    reversal = payload["changeGroup"]
    assert (reversal["reason"], reversal["note"], reversal["reference"]) == ("REVERSAL", "wrong shop", "#7")
    assert [(e["line"], e["location"]["databaseId"], e["delta"]) for e in reversal["entries"]] == [
        (0, 2, -4),
        (0, 1, 4),
    ]
    assert [level["onHand"] for level in payload["stockLevels"]] == [10, 0]
    again = reverse(stock, group)
    assert again["userErrors"] == [
        {
            "__typename": "AlreadyReversedError", "code": "ALREADY_REVERSED", "field": "id", "index": None,
            "reversedBy": reversal["id"],
        }
    ]  # fmt: skip
    assert (again["results"], again["changeGroup"], on_hand(stock, item)) == ([], None, 10)


def test_a_reversal_against_the_rules_writes_nothing(stock: Caller, item: int) -> None:
    other = add(stock)
    group = written(stock, "inventorySet", lines=[a_set(item, 5), a_set(other, 5)])
    adjust(stock, an_adjustment(other, -2))
    payload = reverse(stock, group)
    assert [(error["code"], error["field"], error["index"]) for error in payload["userErrors"]] == [
        ("GROUP_REJECTED", None, None),
        ("INSUFFICIENT_STOCK", "id", 1),
    ]
    assert (payload["userErrors"][1]["current"], payload["userErrors"][1]["requested"]) == (3, -5)
    assert (on_hand(stock, item), on_hand(stock, other), entries(stock, item)) == (5, 3, 1)


def test_what_there_is_not_cannot_be_taken_back(stock: Caller, item: int) -> None:
    assert codes(reverse(stock, "999999")) == ["GROUP_NOT_FOUND"]
    assert "id of a StockChangeGroup" in stock.refusal(REVERSE, input={"id": "gid://stockgate/Product/1"}).message
    group = written(stock, "inventorySet", lines=[a_set(item, 5), a_set(item, 5, 2)])
    assert codes(reverse(stock, group, [1])) == ["LOCATION_FORBIDDEN"]
    assert codes(reverse(stock, group, [1, 2])) == []


def test_a_dry_run_takes_nothing_back_and_a_key_works_once(stock: Caller, item: int) -> None:
    group = written(stock, "inventorySet", lines=[a_set(item, 5)])
    dry = reverse(stock, group, dryRun=True)
    assert (dry["dryRun"], dry["succeeded"], dry["changeGroup"], on_hand(stock, item)) == (True, 1, None, 5)
    first = reverse(stock, group, idempotencyKey=f"back-{item}")
    assert reverse(stock, group, idempotencyKey=f"back-{item}") == {**first, "replayed": True}
    assert on_hand(stock, item) == 0
