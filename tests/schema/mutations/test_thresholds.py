"""stockThresholdsSet, and the thresholds of products and locations: which of them applies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.builders import a_location, a_product
from tests.schema.caller import Caller
from tests.schema.mutations.stock import codes
from tests.schema.small import a_level

SET = """mutation($input: StockThresholdsSetInput!) { stockThresholdsSet(input: $input) { changed dryRun
    userErrors { code message field index }
    stockLevels { id lowStockThreshold effectiveThreshold { value source } } } }"""
LEVELS = """{ stockLevels { nodes { id deficit effectiveThreshold { value source } } }
    products { nodes { databaseId effectiveThreshold { value source } } } lowStock { nodes { id } } }"""


@pytest.fixture
def shop(new_caller: Callable[..., Caller]) -> Caller:
    """A product, and one with a variation, at two locations; five units of each."""

    async def load(session: Any) -> None:
        session.add_all([a_location(1), a_location(2), a_product(1), a_product(2, type="variable")])
        await session.flush()
        session.add(a_product(3, type="variation", parent_id=2))
        await session.flush()
        session.add_all([a_level(item, place, 5) for item in (1, 3) for place in (1, 2)])

    return new_caller(load)


def line(product: int, location: int, threshold: int | None) -> dict[str, Any]:
    return {
        "product": {"id": str(product)}, "location": {"id": str(location)}, "lowStockThreshold": threshold,
    }  # fmt: skip


def thresholds(shop: Caller) -> dict[str, tuple[int, str]]:
    told = shop.data(LEVELS)
    levels = {node["id"].rpartition("/")[2]: node["effectiveThreshold"] for node in told["stockLevels"]["nodes"]}
    products = {str(node["databaseId"]): node["effectiveThreshold"] for node in told["products"]["nodes"]}
    return {name: (each["value"], each["source"]) for name, each in (levels | products).items()}


def low(shop: Caller) -> set[str]:
    return {node["id"].rpartition("/")[2] for node in shop.data(LEVELS)["lowStock"]["nodes"]}


def test_the_level_goes_before_the_product_its_parent_the_location_and_the_default(shop: Caller) -> None:
    assert set(thresholds(shop).values()) == {(2, "DEFAULT")}
    shop.data(
        "mutation { locationUpdate(input: {location: {id: 2}, lowStockThreshold: 6}) { userErrors { message } } }"
    )
    shop.data(
        "mutation { productUpsert(input: {products: [{id: 2, lowStockThreshold: 7}]}) { userErrors { message } } }"
    )
    told = {
        "1-1": (2, "DEFAULT"), "1-2": (6, "LOCATION"), "3-1": (7, "PARENT"), "3-2": (7, "PARENT"),
        "1": (2, "DEFAULT"), "2": (7, "PRODUCT"), "3": (7, "PARENT"),
    }  # fmt: skip
    assert thresholds(shop) == told
    assert low(shop) == {"1-2", "3-1", "3-2"}

    lines = [line(1, 1, 9), line(3, 1, 0), line(3, 2, 7)]
    tried = shop.data(SET, input={"lines": lines, "dryRun": True})["stockThresholdsSet"]
    assert (tried["changed"], tried["userErrors"], thresholds(shop)) == (3, [], told)
    written = shop.data(SET, input={"lines": lines})["stockThresholdsSet"]
    assert (written["changed"], written["userErrors"]) == (3, [])
    assert [level["effectiveThreshold"] for level in written["stockLevels"]] == [
        {"value": 9, "source": "LEVEL"}, {"value": 0, "source": "LEVEL"}, {"value": 7, "source": "LEVEL"},
    ]  # fmt: skip
    assert low(shop) == {"1-1", "1-2", "3-2"}
    again = shop.data(SET, input={"lines": [line(1, 1, None), line(3, 1, 0)]})["stockThresholdsSet"]
    assert (again["changed"], thresholds(shop)["1-1"]) == (1, (2, "DEFAULT"))


def test_a_line_that_is_refused_keeps_all_thresholds_as_they_were_and_says_why(shop: Caller) -> None:
    before = thresholds(shop)
    lines = [line(1, 1, 9), line(99, 1, 1), line(1, 99, 1), line(2, 1, 1), line(1, 2, -1), line(1, 1, 3)]
    refused = shop.data(SET, input={"lines": lines})["stockThresholdsSet"]
    assert [(error["code"], error["field"]) for error in refused["userErrors"]] == [
        ("GROUP_REJECTED", None), ("INVALID_VALUE", "lines[0].product"), ("ITEM_NOT_FOUND", "lines[1].product"),
        ("LOCATION_NOT_FOUND", "lines[2].location"), ("ITEM_NOT_FOUND", "lines[3].product"),
        ("INVALID_VALUE", "lines[4].lowStockThreshold"), ("INVALID_VALUE", "lines[5].product"),
    ]  # fmt: skip
    assert (refused["stockLevels"], refused["changed"], thresholds(shop)) == ([], 0, before)
    limited = shop.data(SET, [2], input={"lines": [line(1, 1, 9)]})["stockThresholdsSet"]
    assert codes(limited) == ["LOCATION_FORBIDDEN"]
    wrong = (
        "mutation { locationUpdate(input: {location: {id: 2}, lowStockThreshold: -1}) { userErrors { code field } } }"
    )
    assert shop.data(wrong)["locationUpdate"]["userErrors"] == [{"code": "INVALID_VALUE", "field": "lowStockThreshold"}]
    assert "empty" in shop.refusal(SET, input={"lines": []}).message
