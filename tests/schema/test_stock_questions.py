"""Stock by many SKUs at once, what is low on stock, and the filters by availability."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.builders import a_location, a_product
from tests.schema.caller import Caller
from tests.schema.small import a_level
from tests.storage import shortages


def test_stock_by_sku_keeps_the_order_with_null_for_unknown_ones(small: Caller) -> None:
    query = """query($skus: [String!]!, $at: [LocationKey!]) { stockLevelsBySku(skus: $skus, locations: $at) {
        sku product { name } stockLevels { onHand location { slug } } } }"""
    asked = ["shoe-36", "nothing", "SHOE-34", "", "sock-1", "\0", "Shoe-36"]
    found = small.data(query, skus=asked)["stockLevelsBySku"]
    assert [entry and entry["sku"] for entry in found] == ["shoe-36", None, "shoe-34", None, "SOCK-1", None, "shoe-36"]
    assert found[4] == {
        "sku": "SOCK-1", "product": {"name": "Sock"},
        "stockLevels": [{"onHand": n, "location": {"slug": s}} for n, s in ((0, "склад"), (5, "main"), (7, "old"))],
    }  # fmt: skip
    some = small.data(query, skus=["sock-1"], at=[{"slug": "main"}])["stockLevelsBySku"]
    assert some[0]["stockLevels"] == [{"onHand": 5, "location": {"slug": "main"}}]
    assert small.data(query, [3], skus=["sock-1"])["stockLevelsBySku"][0]["stockLevels"][0]["onHand"] == 7
    assert small.data(query, skus=[]) == {"stockLevelsBySku": []}
    assert "Too many SKUs: 251" in small.refusal(query, skus=["x"] * 251).message


@pytest.fixture(scope="module")
def scarce(new_caller: Callable[..., Caller]) -> Caller:
    """Levels on both sides of their thresholds: 5 of product 1, that of its parent (8) of product 3, else 2."""

    async def load(session: Any) -> None:
        session.add_all([a_location(1), a_location(2), a_location(3, active=False)])
        session.add(
            a_product(1, low_stock_threshold=5, gtin="00000040000001", attributes=[{"name": "size", "value": "M"}])
        )
        session.add(a_product(2, type="variable", low_stock_threshold=8))
        session.add(a_product(4, backorders="notify", status="draft"))
        session.add(a_product(5, manage_stock=False))
        session.add(a_product(6))
        await session.flush()
        session.add(a_product(3, type="variation", parent_id=2))
        await session.flush()
        session.add_all([
            a_level(1, 1, 9, reserved=2, safety_stock=2), a_level(1, 2, 6), a_level(1, 3, 0),
            a_level(3, 1, 0), a_level(3, 2, 9), a_level(4, 1, -3), a_level(4, 2, 2, disabled=True),
            a_level(5, 1, 0), a_level(6, 2, None),
        ])  # fmt: skip

    return new_caller(load)


def ids(connection: Any) -> list[str]:
    return [node["id"].rpartition("/")[2] for node in connection["nodes"]]


def test_what_is_low_on_stock_comes_with_the_shortest_first(scarce: Caller) -> None:
    query = """query($at: [LocationKey!], $by: LowStockOrder!, $way: OrderDirection!) {
        lowStock(locations: $at, orderBy: $by, direction: $way) { totalCount nodes { id available deficit } } }"""
    found = scarce.data(query, by="DEFICIT", way="DESC")["lowStock"]
    assert [(i, n["available"], n["deficit"]) for i, n in zip(ids(found), found["nodes"], strict=True)] == [
        ("3-1", 0, 8), ("4-1", -3, 5), ("1-1", 5, 0),
    ]  # fmt: skip
    assert found["totalCount"] == 3
    assert ids(scarce.data(query, by="DEFICIT", way="ASC")["lowStock"]) == ["1-1", "4-1", "3-1"]
    assert ids(scarce.data(query, by="AVAILABLE", way="ASC")["lowStock"]) == ["4-1", "3-1", "1-1"]
    assert ids(scarce.data(query, by="PRODUCT", way="ASC")["lowStock"]) == ["1-1", "3-1", "4-1"]
    assert ids(scarce.data(query, by="DEFICIT", way="DESC", at=[{"id": 2}])["lowStock"]) == []
    assert ids(scarce.data(query, [2], by="DEFICIT", way="DESC")["lowStock"]) == []


def test_graphql_tells_the_same_of_each_level_in_one_statement(new_caller: Callable[..., Caller]) -> None:
    async def load(session: Any) -> None:
        """Through the write path, below."""

    caller = new_caller(load)
    caller.runner.run(shortages.fill(caller.database))
    caller.now = datetime.now(UTC)  # as what is written is dated
    query = "{ lowStock { nodes { id deficit outflowPerDay daysOfCover week: daysOfCover(days: 7) } } }"
    nodes = {node["id"].rpartition("/")[2]: node for node in caller.data(query)["lowStock"]["nodes"]}
    told = {id_: (node["outflowPerDay"], node["daysOfCover"], node["week"]) for id_, node in nodes.items()}
    assert told == {
        "5-1": (1.07, 0, 0), "1-1": (0.36, 11.2, 2.8), "3-2": (0, None, None), "6-2": (0, None, None),
    }  # fmt: skip
    assert "`days` must be from 1 to 366" in caller.refusal("{ lowStock { nodes { daysOfCover(days: 0) } } }").message


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"belowThreshold": True}, ["1-1", "3-1", "4-1"]),
        ({"belowThreshold": False}, ["1-2", "1-3", "3-2", "4-2", "5-1", "6-2"]),
        ({"available": {"lte": 0}}, ["1-3", "3-1", "4-1", "5-1"]),
        ({"available": {"gte": 5, "lte": 6}}, ["1-1", "1-2"]),
        ({"availability": "IN_STOCK"}, ["1-2", "3-2"]),
        ({"availability": "LOW_STOCK"}, ["1-1"]),
        ({"availability": "BACKORDER"}, ["4-1"]),
        ({"availability": "OUT_OF_STOCK"}, ["1-3", "3-1", "4-2", "6-2"]),
        ({"availability": "NOT_TRACKED"}, ["5-1"]),
        ({"disabled": True}, ["4-2"]),
        ({"gtins": ["40000001", "x"]}, ["1-1", "1-2", "1-3"]),
        ({"searchPrefix": "PRODUCT 3"}, ["3-1", "3-2"]),
        ({"search": "uct 4"}, ["4-1", "4-2"]),
    ],
)
def test_levels_are_found_by_what_is_available(scarce: Caller, given: Any, expected: list[str]) -> None:
    query = "query($f: StockLevelFilter) { stockLevels(filter: $f) { totalCount nodes { id } } }"
    found = scarce.data(query, f=given)["stockLevels"]
    assert (ids(found), found["totalCount"]) == (expected, len(expected))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"belowThreshold": True}, ["1", "3", "4"]),
        ({"belowThreshold": True, "locations": [{"id": 2}]}, []),
        ({"belowThreshold": False}, ["2", "5", "6"]),
        ({"available": {"gte": 6}}, ["1", "3"]),
        ({"available": {"gte": 6}, "locations": [{"id": 1}]}, []),
        ({"availability": "IN_STOCK"}, ["1", "2", "3"]),
        ({"availability": "LOW_STOCK"}, []),
        ({"availability": "LOW_STOCK", "locations": [{"id": 1}]}, ["1"]),
        ({"availability": "BACKORDER"}, ["4"]),
        ({"availability": "OUT_OF_STOCK"}, ["6"]),
        ({"availability": "NOT_TRACKED"}, ["5"]),
        ({"notStockedAt": [{"id": 2}]}, ["2", "5", "6"]),
        ({"notStockedAt": [{"id": 1}, {"id": 2}]}, ["2", "6"]),
        ({"notStockedAt": []}, ["1", "2", "3", "4", "5", "6"]),
        ({"status": "DRAFT"}, ["4"]),
        ({"gtins": ["4000-0001"]}, ["1"]),
        ({"attributes": [{"name": "size", "value": "M"}]}, ["1"]),
        ({"attributes": [{"name": "size", "value": "M"}, {"name": "size", "value": "L"}]}, []),
        ({"attributes": [{"name": "Size", "value": "M"}]}, []),
        ({"attributes": [{"name": "size", "value": "\0"}]}, []),
        ({"searchPrefix": "sku-"}, ["1", "2", "3", "4", "5", "6"]),
        ({"searchPrefix": "roduct"}, []),
        ({"searchPrefix": "\0"}, []),
    ],
)
def test_products_are_found_by_their_stock_and_by_what_they_are(
    scarce: Caller, given: Any, expected: list[str]
) -> None:
    query = "query($f: ProductFilter) { products(filter: $f) { totalCount nodes { id } } }"
    found = scarce.data(query, f=given)["products"]
    if "availability" in given and expected == ["1", "2", "3"]:
        assert "3" in ids(found)  # by its parent's threshold
    assert (ids(found), found["totalCount"]) == (expected, len(expected))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"keys": [{"slug": "OLD"}, {"code": "TILL-1"}]}, [1, 3]),
        ({"keys": []}, []),
        ({"search": "MAI"}, [1]),
        ({"search": "%"}, []),
        ({"kind": "WAREHOUSE"}, [2]),
        ({"pickup": True}, []),
        ({"pickup": False, "kind": "STORE"}, [1, 3]),
        ({"changedSinceSequence": 1}, [2]),
        ({"changedSinceSequence": 0}, [2, 1]),
        ({"updatedAfter": "2027-01-01"}, []),
    ],
)
def test_a_location_filter_keeps_what_meets_all_its_conditions(small: Caller, given: Any, expected: list[int]) -> None:
    query = "query($f: LocationFilter) { locations(filter: $f) { databaseId } }"
    assert [location["databaseId"] for location in small.data(query, f=given)["locations"]] == expected


def test_what_changed_since_a_sequence_is_found_where_the_caller_sees_it(small: Caller) -> None:
    query = """query($n: Int!) { products(filter: {changedSinceSequence: $n}) { nodes { id } }
        stockLevels(filter: {changedSinceSequence: $n}) { nodes { id } } }"""
    for visible, n, products, levels in (
        (None, 0, ["10", "21"], ["10-1", "10-2", "21-2"]),
        (None, 2, ["21"], ["21-2"]),
        (None, 3, [], []),
        ([1], 0, ["10"], ["10-1"]),
    ):
        found = small.data(query, visible, n=n)
        assert (ids(found["products"]), ids(found["stockLevels"])) == (products, levels), (visible, n)
