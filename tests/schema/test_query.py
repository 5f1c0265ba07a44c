"""What every root field and every feature of a query answers, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from graphql import ExecutionResult

from storage.sqlite_library import dbapi
from tests.schema.caller import Caller
from tests.schema.small import SHOE


def skus(connection: Any) -> list[str | None]:
    return [node["sku"] for node in connection["nodes"]]


# Root fields


@pytest.mark.parametrize(
    "key", [{"id": "10"}, {"id": "gid://stockgate/Product/10"}, {"sku": "sock-1"}, {"gtin": "4006381 333931"}]
)
def test_a_product_is_found_by_each_of_its_keys(small: Caller, key: dict[str, str]) -> None:
    query = "query($id: ID, $sku: String, $gtin: String) { product(id: $id, sku: $sku, gtin: $gtin) { sku } }"
    assert small.data(query, **key) == {"product": {"sku": "SOCK-1"}}


@pytest.mark.parametrize(
    "key",
    ["id: 99", "id: 9223372036854775807", 'sku: ""', 'sku: "sock"', 'gtin: "1"', 'gtin: ""', 'gtin: "40063813339311"'],
)
def test_a_key_that_names_no_product_gives_null(small: Caller, key: str) -> None:
    assert small.data(f"{{ product({key}) {{ id }} }}") == {"product": None}


def test_a_product_has_every_field_in_the_order_in_which_they_are_asked_for(small: Caller) -> None:
    query = """{ product(sku: "SOCK-1") {
        id databaseId sku gtin name type status manageStock backorders regularPrice salePrice createdAt updatedAt onHand
        parent { id } attributes { name } variations { id } stockLevels { id } } }"""
    assert list(small.data(query)["product"].items()) == [
        ("id", "gid://stockgate/Product/10"),
        ("databaseId", 10),
        ("sku", "SOCK-1"),
        ("gtin", "4006381333931"),
        ("name", "Sock"),
        ("type", "SIMPLE"),
        ("status", "PUBLISH"),
        ("manageStock", True),
        ("backorders", "NO"),
        ("regularPrice", "4.50"),
        ("salePrice", "3.955"),
        ("createdAt", "2026-01-02T03:04:05.678901Z"),
        ("updatedAt", "2026-01-03T03:04:05.678901Z"),
        ("onHand", 5),
        ("parent", None),
        ("attributes", []),
        ("variations", []),
        ("stockLevels", [{"id": f"gid://stockgate/StockLevel/10-{location}"} for location in (2, 1, 3)]),
    ]


def test_a_variable_product_leads_to_its_variations_and_they_lead_back(small: Caller) -> None:
    product = small.data("{ product(id: 20) { onHand variations { sku attributes { name value } parent { name } } } }")
    attributes = [{"name": "size", "value": "34"}, {"name": "width", "value": 'a "b"\\\n'}]
    first, second = product["product"]["variations"]
    assert first == {"sku": "shoe-34", "attributes": attributes, "parent": {"name": SHOE}}
    assert second["sku"] == "shoe-36"
    assert product["product"]["onHand"] == 28


@pytest.mark.parametrize("key", ["id: 2", 'id: "gid://stockgate/Location/2"', 'slug: "склад"', 'slug: "СКЛАД"'])
def test_a_location_is_found_by_each_of_its_keys(small: Caller, key: str) -> None:
    assert small.data(f"{{ location({key}) {{ name }} }}") == {"location": {"name": "Склад"}}
    assert small.data('{ location(code: "TILL-1") { name } }') == {"location": {"name": "Main"}}


@pytest.mark.parametrize("key", ["id: 9", 'slug: "nowhere"', 'slug: ""', 'code: "till-1"', 'code: ""'])
def test_a_key_that_names_no_location_gives_null(small: Caller, key: str) -> None:
    assert small.data(f"{{ location({key}) {{ id }} }}") == {"location": None}


def test_a_location_has_every_field(small: Caller) -> None:
    query = """query($slug: String) { location(slug: $slug) { id databaseId slug code name description kind active
        isDefault address { address1 address2 city region postcode country } latitude longitude
        stockLevels(first: 1) { totalCount nodes { product { sku } } } } }"""
    address = {"address1": None, "address2": None, "city": "Київ", "region": None, "postcode": None, "country": "UA"}
    assert small.data(query, slug="main")["location"] == {
        "id": "gid://stockgate/Location/1",
        "databaseId": 1,
        "slug": "main",
        "code": "TILL-1",
        "name": "Main",
        "description": "",
        "kind": "STORE",
        "active": True,
        "isDefault": True,
        "address": address,
        "latitude": None,
        "longitude": None,
        "stockLevels": {"totalCount": 2, "nodes": [{"product": {"sku": "SOCK-1"}}]},
    }
    other = small.data(query, slug="склад")["location"]
    assert (other["kind"], other["address"], other["latitude"], other["longitude"]) == ("WAREHOUSE", None, 50.45, -30.5)


@pytest.mark.parametrize(("active", "expected"), [(None, [2, 1, 3]), (True, [2, 1]), (False, [3])])
def test_locations_come_in_their_order_and_by_whether_they_are_active(
    small: Caller, active: Any, expected: list[int]
) -> None:
    query = "query($active: Boolean) { locations(active: $active) { databaseId } }"
    assert [location["databaseId"] for location in small.data(query, active=active)["locations"]] == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("ID", ["SOCK-1", "SHOE", "shoe-34", "shoe-36", None]),
        ("NAME", [None, "SOCK-1", "SHOE", "shoe-34", "shoe-36"]),
        ("SKU", [None, "SHOE", "shoe-34", "shoe-36", "SOCK-1"]),
        ("UPDATED_AT", ["SHOE", "shoe-34", "shoe-36", None, "SOCK-1"]),
    ],
)
def test_products_come_in_the_order_asked_for(small: Caller, order: str, expected: list[str | None]) -> None:
    assert skus(small.data(f"{{ products(orderBy: {order}) {{ nodes {{ sku }} }} }}")["products"]) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["SOCK-1", "SHOE", "shoe-34", "shoe-36", None]),
        ({"search": ""}, ["SOCK-1", "SHOE", "shoe-34", "shoe-36", None]),
        ({"search": "ZOË"}, ["SHOE", "shoe-34", "shoe-36"]),
        ({"search": "sock"}, ["SOCK-1"]),
        ({"search": "oe-3"}, ["shoe-34", "shoe-36"]),
        ({"search": None}, ["SOCK-1", "SHOE", "shoe-34", "shoe-36", None]),
        ({"skus": ["Shoe-34", "sock-1", "nothing", ""]}, ["SOCK-1", "shoe-34"]),
        ({"skus": []}, []),
        ({"skus": [""]}, []),
        ({"skus": None}, ["SOCK-1", "SHOE", "shoe-34", "shoe-36", None]),
        ({"ids": ["20", "gid://stockgate/Product/30", "99"]}, ["SHOE", None]),
        ({"ids": []}, []),
        ({"type": "VARIATION"}, ["shoe-34", "shoe-36"]),
        ({"type": "GROUPED"}, []),
        ({"locations": [{"id": "1"}]}, ["SOCK-1", "shoe-34"]),
        ({"locations": [{"slug": "СКЛАД"}]}, ["SOCK-1", "shoe-34"]),  # shoe-36 was never counted there
        ({"locations": [{"code": "TILL-2"}]}, []),
        ({"locations": None}, ["SOCK-1", "SHOE", "shoe-34", "shoe-36", None]),
        ({"onHand": {}}, ["SOCK-1", "SHOE", "shoe-34", "shoe-36", None]),
        ({"onHand": {"gte": 6}}, ["SOCK-1", "shoe-34"]),
        ({"onHand": {"lte": -1}}, ["shoe-34"]),
        ({"onHand": {"gte": 1, "lte": 6}}, ["SOCK-1"]),
        ({"onHand": {"gte": 2, "lte": 1}}, []),
        ({"onHand": {"gte": 6}, "locations": [{"id": "1"}]}, []),
        ({"onHand": {"gte": 6, "lte": None}, "locations": [{"id": "2"}]}, ["shoe-34"]),
        ({"updatedAfter": "2026-01-02T03:04:05.678901Z"}, ["SOCK-1"]),
        ({"updatedAfter": "2026-01-02T03:04:05.678900"}, ["SOCK-1", "SHOE", "shoe-34", "shoe-36", None]),
        ({"updatedAfter": "2026-01-03T05:04:05.678901+02:00"}, []),
        ({"updatedAfter": "2026-01-03"}, ["SOCK-1"]),
        ({"type": "VARIATION", "search": "34", "locations": [{"id": "2"}], "onHand": {"gte": 30}}, ["shoe-34"]),
    ],
)
def test_a_product_filter_keeps_what_meets_all_its_conditions(
    small: Caller, given: dict[str, Any], expected: list[str | None]
) -> None:
    query = "query($filter: ProductFilter) { products(filter: $filter) { totalCount nodes { sku } } }"
    found = small.data(query, filter=given)["products"]
    assert (skus(found), found["totalCount"]) == (expected, len(expected))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ["10-1", "10-2", "10-3", "21-1", "21-2", "22-2"]),
        ({"skus": ["SHOE-34", ""]}, ["21-1", "21-2"]),
        ({"skus": []}, []),
        ({"productIds": ["10", "22"]}, ["10-1", "10-2", "10-3", "22-2"]),
        ({"locations": [{"code": "TILL-1"}, {"slug": "old"}]}, ["10-1", "10-3", "21-1"]),
        ({"locations": []}, []),
        ({"onHand": {"lte": 0}}, ["10-2", "21-1"]),
        ({"onHand": {"gte": -2, "lte": 5}}, ["10-1", "10-2", "21-1"]),
        ({"updatedAfter": "2026-01-02T12:00:00Z"}, ["21-2"]),
        ({"skus": ["sock-1"], "locations": [{"id": "2"}], "onHand": {"gte": 1}}, []),
    ],
)
def test_a_stock_level_filter_keeps_what_meets_all_its_conditions(
    small: Caller, given: Any, expected: list[str]
) -> None:
    query = "query($filter: StockLevelFilter) { stockLevels(filter: $filter) { totalCount nodes { id } } }"
    found = small.data(query, filter=given)["stockLevels"]
    assert [node["id"].removeprefix("gid://stockgate/StockLevel/") for node in found["nodes"]] == expected
    assert found["totalCount"] == len(expected)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, [3, 2, 1]),
        ({}, [3, 2, 1]),
        ({"skus": ["sock-1"]}, [2, 1]),
        ({"productIds": ["21"]}, [3]),
        ({"locations": [{"id": "2"}]}, [3, 2]),
        ({"groupId": "gid://stockgate/StockChangeGroup/1"}, [2, 1]),
        ({"groupId": "2"}, [3]),
        ({"groupId": "9"}, []),
        ({"groupId": None}, [3, 2, 1]),
        ({"groupId": "1", "locations": [{"id": "2"}], "skus": ["SOCK-1"], "productIds": ["10"]}, [2]),
    ],
)
def test_ledger_entries_come_newest_first_and_by_their_filter(small: Caller, given: Any, expected: list[int]) -> None:
    query = "query($filter: StockChangeFilter) { stockChanges(filter: $filter) { totalCount nodes { sequence } } }"
    found = small.data(query, filter=given)["stockChanges"]
    assert [node["sequence"] for node in found["nodes"]] == expected
    assert found["totalCount"] == len(expected)


def test_a_ledger_entry_tells_what_changed_where_and_on_whose_request(small: Caller) -> None:
    query = """{ stockChanges(first: 1) { nodes { id sequence line delta before after version disabled
        product { sku } location { slug }
        group { id dialect principal reason note reference entries { sequence } } } } }"""
    assert small.data(query)["stockChanges"]["nodes"] == [{
        "id": "gid://stockgate/LedgerEntry/3", "sequence": 3, "line": 0, "delta": 5, "before": 25, "after": 5,
        "version": 1, "disabled": False, "product": {"sku": "shoe-34"}, "location": {"slug": "склад"},
        "group": {
            "id": "gid://stockgate/StockChangeGroup/2", "dialect": "mulopimfwc/v1", "principal": "erp",
            "reason": "UNSPECIFIED", "note": "",
            "reference": "#7", "entries": [{"sequence": 3}],
        },
    }]  # fmt: skip


def test_a_stock_level_has_its_own_price_and_settings_or_null(small: Caller) -> None:
    query = """{ stockLevels(first: 2) { nodes {
        onHand regularPrice salePrice backorders disabled version updatedAt } } }"""
    own, none = small.data(query)["stockLevels"]["nodes"]
    shared = {"salePrice": None, "disabled": False, "version": 1, "updatedAt": "2026-01-02T03:04:05.678901Z"}
    assert own == {"onHand": 5, "regularPrice": "4.25", "backorders": "NOTIFY", **shared}
    assert none == {"onHand": 0, "regularPrice": None, "backorders": None, **shared}


def test_a_product_s_levels_can_be_limited_to_some_locations(small: Caller) -> None:
    query = """query($some: [LocationKey!]) { product(id: 10) {
        all: stockLevels { onHand } none: stockLevels(locations: []) { onHand }
        some: stockLevels(locations: $some) { onHand }
        two: stockLevels(locations: [{slug: "Old"}, {id: 2}, {code: "nowhere"}]) { onHand } } }"""
    levels = small.data(query, some=[{"code": "TILL-1"}])["product"]
    assert {name: [level["onHand"] for level in found] for name, found in levels.items()} == {
        "all": [0, 5, 7],
        "none": [],
        "some": [5],
        "two": [0, 7],
    }
    assert len(small.data(query, some=None)["product"]["some"]) == 3
    assert len(small.data(query)["product"]["some"]) == 3


# Features


def test_fragments_are_merged_where_they_are_spread(small: Caller) -> None:
    query = """
        query { product(id: 10) { sku ...A ... on Product { stockLevels { location { kind } } } ... { name } ...A } }
        fragment A on Product { sku stockLevels { onHand ...B } name ...C }
        fragment B on StockLevel { location { slug } onHand }
        fragment C on Product { stockLevels { version } }"""
    merged = small.data(query)["product"]
    assert list(merged) == ["sku", "stockLevels", "name"]
    assert list(merged["stockLevels"][0]) == ["onHand", "location", "version"]
    assert merged["stockLevels"][0]["location"] == {"slug": "склад", "kind": "WAREHOUSE"}


def test_the_same_field_can_be_asked_for_twice_with_other_arguments(small: Caller) -> None:
    query = """{ a: products(first: 1) { nodes { sku } } b: products(first: 1, orderBy: SKU) { nodes { sku } }
        product(id: 10) {
            here: stockLevels(locations: [{id: 1}]) { onHand }
            there: stockLevels(locations: [{id: 3}]) { n: onHand } } }"""
    assert small.data(query) == {
        "a": {"nodes": [{"sku": "SOCK-1"}]},
        "b": {"nodes": [{"sku": None}]},
        "product": {"here": [{"onHand": 5}], "there": [{"n": 7}]},
    }


@pytest.mark.parametrize("on", [True, False])
def test_directives_decide_by_variables_and_literals(small: Caller, on: Any) -> None:
    query = """query($on: Boolean!) {
        product(id: 10) {
            sku @include(if: $on) name @skip(if: $on) type @include(if: true) @skip(if: true)
            ...F @include(if: $on) ... @skip(if: $on) { status } }
        locations @include(if: $on) { slug } }
        fragment F on Product { gtin }"""
    expected = ["sku", "gtin"] if on else ["name", "status"]
    data = small.data(query, on=on)
    assert list(data["product"]) == expected
    assert ("locations" in data) is on


def test_an_object_of_which_nothing_is_included_is_empty(small: Caller) -> None:
    query = """query($no: Boolean! = false) {
        product(id: 10) { stockLevels { id @include(if: $no) } parent { id @include(if: $no) } }
        variation: product(id: 21) { parent { id @include(if: $no) } }
        locations(active: false) { id @include(if: $no) }
        products(first: 1) { nodes { id @include(if: $no) } pageInfo { endCursor @include(if: $no) } }
        empty: product(id: 10) { id @include(if: $no) }
        left: product(id: 10) @include(if: $no) { id } }"""
    assert small.data(query) == {
        "product": {"stockLevels": [{}, {}, {}], "parent": None},
        "variation": {"parent": {}},
        "locations": [{}],
        "products": {"nodes": [{}], "pageInfo": {}},
        "empty": {},
    }


def test_typename_is_known_at_every_level(small: Caller) -> None:
    query = """{ __typename products(first: 1) { __typename pageInfo { __typename } edges { __typename node {
        __typename t: __typename stockLevels { __typename location { __typename address { __typename }
            stockLevels(first: 1) { __typename nodes { __typename } } } } } } }
        product(id: 30) { attributes { __typename } } stockChanges { nodes { __typename group { __typename } } } }"""
    names = set()

    def collect(value: Any) -> None:
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            collect(item)
        names.update(
            value for key, value in (value.items() if isinstance(value, dict) else ()) if key in {"__typename", "t"}
        )

    collect(small.data(query))
    assert names == {
        "Query", "ProductConnection", "PageInfo", "ProductEdge", "Product", "StockLevel", "Location", "Address",
        "StockLevelConnection", "Attribute", "LedgerEntry", "StockChangeGroup",
    }  # fmt: skip


def test_variables_take_their_defaults_when_they_are_absent_and_not_when_they_are_null(small: Caller) -> None:
    query = """query(
        $first: Int! = 2, $order: ProductOrder! = SKU, $filter: ProductFilter = {type: VARIATION}, $n: Int) {
        products(first: $first, orderBy: $order, filter: $filter) { nodes { sku } }
        rest: products(first: $n) { totalCount nodes { id } } }"""
    assert skus(small.data(query)["products"]) == ["shoe-34", "shoe-36"]
    assert skus(small.data(query, filter=None, first=1)["products"]) == [None]
    assert len(small.data(query)["rest"]["nodes"]) == 5


def test_introspection_and_stock_can_be_asked_for_together(small: Caller) -> None:
    query = """query($sku: String!) { __schema { queryType { name } }
        product(sku: $sku) { name stockLevels { onHand } } p: product(sku: $sku) { ...F }
        __type(name: "Product") { name } } fragment F on Product { sku }"""
    assert small.data(query, sku="sock-1") == {
        "__schema": {"queryType": {"name": "Query"}},
        "product": {"name": "Sock", "stockLevels": [{"onHand": 0}, {"onHand": 5}, {"onHand": 7}]},
        "p": {"sku": "SOCK-1"},
        "__type": {"name": "Product"},
    }


def deep(times: int) -> str:
    """A query that goes round from a product to a product so many times."""
    below = "sku"
    for _ in range(times):
        below = f"parent {{ variations {{ stockLevels {{ location {{ name }} product {{ {below} }} }} }} }}"
    return f"{{ product(id: 21) {{ {below} }} }}"


def test_a_query_can_be_nested(small: Caller) -> None:
    [first, second] = small.data(deep(1))["product"]["parent"]["variations"][0]["stockLevels"]
    assert first == {"location": {"name": "Склад"}, "product": {"sku": "shoe-34"}}
    assert second == {"location": {"name": "Main"}, "product": {"sku": "shoe-34"}}


def test_a_query_can_be_nested_deeply_where_the_engine_takes_it_and_is_refused_elsewhere(small: Caller) -> None:
    if small.database.name == "sqlite" and dbapi.sqlite_version_info < (3, 46):  # its parser has a stack of 100
        assert "nests too deeply" in small.refusal(deep(5)).message
        return
    deepest = small.data(deep(5))["product"]
    for _ in range(5):
        deepest = deepest["parent"]["variations"][0]["stockLevels"][1]["product"]
    assert deepest == {"sku": "shoe-34"}


@pytest.mark.parametrize("depth", [10, 40, 80, 150, 180, 1000])
@pytest.mark.parametrize("link", ["parent", "variations"])
def test_no_depth_breaks_the_program(small: Caller, link: str, depth: int) -> None:
    query = f"{{ product(id: 21) {{ {f'{link} {{ ' * depth} sku {'}' * depth} }} }}"
    for field in (query, query.replace("product(id: 21)", "products { nodes").replace("} }", "} } }")):
        answer = small.ask(field)
        if isinstance(answer, ExecutionResult):
            assert small.refusal(field)
        else:
            assert len(orjson.loads(answer)["data"]) == 1


@pytest.mark.parametrize("count", [45, 46, 91, 130])
def test_an_object_can_have_more_fields_than_an_engine_s_function_takes_arguments(small: Caller, count: int) -> None:
    names = [f"f{n}" for n in range(count)]
    texts = " ".join(f"{name}: name" for name in names)
    assert small.data(f"{{ product(id: 10) {{ {texts} }} }}")["product"] == dict.fromkeys(names, "Sock")
    assert small.data(f"{{ products(first: 1) {{ nodes {{ {texts} }} }} }}")["products"]["nodes"] == [
        dict.fromkeys(names, "Sock")
    ]
    roots = " ".join(f"{name}: product(id: 10) {{ sku }}" for name in names)
    assert small.data(f"{{ {roots} }}") == {name: {"sku": "SOCK-1"} for name in names}
    edges = " ".join(f"{name}: totalCount" for name in names)
    assert small.data(f"{{ products {{ {edges} }} }}")["products"] == dict.fromkeys(names, 5)
    addresses = " ".join(f"{name}: city" for name in names)
    assert small.data(f"{{ location(id: 1) {{ address {{ {addresses} }} }} }}")["location"]["address"] == dict.fromkeys(
        names, "Київ"
    )
    attributes = " ".join(f"{name}: value" for name in names)
    assert small.data(f"{{ product(id: 30) {{ attributes {{ {attributes} }} }} }}")["product"]["attributes"] == [
        dict.fromkeys(names, "red")
    ]


def test_many_relations_can_hang_on_one_row(small: Caller) -> None:
    names = [f"r{n}" for n in range(90)]
    levels = " ".join(
        f"{name}: stockLevels(locations: [{{id: {n % 3 + 1}}}]) {{ onHand location {{ slug }} }}"
        for n, name in enumerate(names)
    )
    found = small.data(f"{{ product(id: 10) {{ {levels} }} }}")["product"]
    assert [found[name][0]["onHand"] for name in names] == [5, 0, 7] * 30
    places = " ".join(f"{name}: location {{ slug }}" for name in names)
    for visible in (None, [1, 2, 3]):
        found = small.data(f"{{ product(id: 10) {{ stockLevels {{ {places} }} }} }}", visible)["product"]["stockLevels"]
        assert found == [{name: {"slug": slug} for name in names} for slug in ("склад", "main", "old")]
    parents = " ".join(f"{name}: parent {{ sku }}" for name in names)
    found = small.data(f"{{ products(filter: {{type: VARIATION}}) {{ nodes {{ {parents} }} }} }}")["products"]["nodes"]
    assert found == [{name: {"sku": "SHOE"} for name in names}] * 2


# What a limited key sees


def test_a_limited_key_sees_only_its_locations_and_what_is_there(small: Caller) -> None:
    query = """{
        locations { slug } here: location(id: 2) { slug } hidden: location(id: 1) { slug }
        stockLevels { totalCount nodes { id } }
        stockChanges { totalCount nodes { sequence group { entries { sequence } } } }
        product(id: 10) { onHand stockLevels { onHand }
            hidden: stockLevels(locations: [{id: 1}, {code: "TILL-1"}]) { onHand } } }"""
    assert small.data(query, visible=[2]) == {
        "locations": [{"slug": "склад"}],
        "here": {"slug": "склад"},
        "hidden": None,
        "stockLevels": {"totalCount": 3, "nodes": [{"id": f"gid://stockgate/StockLevel/{n}-2"} for n in (10, 21, 22)]},
        "stockChanges": {
            "totalCount": 2,
            "nodes": [
                {"sequence": 3, "group": {"entries": [{"sequence": 3}]}},
                {"sequence": 2, "group": {"entries": [{"sequence": 2}]}},
            ],
        },
        "product": {"onHand": 0, "stockLevels": [{"onHand": 0}], "hidden": []},
    }


def test_a_limited_key_cannot_find_out_by_a_filter_what_is_elsewhere(small: Caller) -> None:
    query = "query($filter: ProductFilter) { products(filter: $filter) { totalCount nodes { sku } } }"
    for given in (
        {"onHand": {"gte": 5, "lte": 5}},
        {"locations": [{"id": "1"}]},
        {"locations": [{"code": "TILL-1"}], "onHand": {"gte": 0}},
    ):
        assert small.data(query, visible=[2], filter=given)["products"] == {"totalCount": 0, "nodes": []}
        assert small.data(query, filter=given)["products"]["totalCount"] > 0


def test_a_key_limited_to_no_location_sees_the_catalogue_and_no_stock(small: Caller) -> None:
    query = (
        "{ locations { id } stockLevels { nodes { id } } products { totalCount nodes { onHand stockLevels { id } } } }"
    )
    data = small.data(query, visible=[])
    assert (data["locations"], data["stockLevels"], data["products"]["totalCount"]) == ([], {"nodes": []}, 5)
    assert data["products"]["nodes"] == [{"onHand": None, "stockLevels": []}] * 5


def test_plans_of_limited_and_unlimited_keys_are_kept_apart(small: Caller) -> None:
    query = "query($id: ID) { product(id: $id) { stockLevels { onHand } } }"
    seen = [
        len(small.data(query, visible=visible, id=10)["product"]["stockLevels"])
        for visible in (None, [1], [1, 2], [], None)
    ]
    assert seen == [3, 1, 2, 0, 3]


def test_an_inactive_location_is_listed_but_does_not_count(small: Caller) -> None:
    product = small.data("{ product(id: 10) { onHand stockLevels { onHand location { active } } } }")["product"]
    assert product["stockLevels"][-1] == {"onHand": 7, "location": {"active": False}}
    assert product["onHand"] == 5
    assert small.data("{ product(id: 10) { onHand } }", visible=[3]) == {"product": {"onHand": None}}


def test_on_hand_is_null_where_nothing_was_ever_counted(small: Caller) -> None:
    query = """{ never: product(id: 22) { onHand stockLevels { onHand } }
        unstocked: product(id: 30) { onHand stockLevels { onHand } } }"""
    assert small.data(query) == {
        "never": {"onHand": None, "stockLevels": [{"onHand": None}]},
        "unstocked": {"onHand": None, "stockLevels": []},
    }


# Search, texts and other awkward values


@pytest.mark.parametrize(
    "text",
    ["%", "_", "\\", "\\%_", "100% wool", '"', "'", "\n", "\t", "\u2028", "👟🏽", "STRASSE", "straße", "ŁÓDŹ", "\x01"],
)
def test_search_takes_every_character_for_itself(shop: Caller, text: str) -> None:
    query = "query($all: ProductFilter, $first: Int!) { products(filter: $all, first: $first) { nodes { name sku } } }"
    everything = shop.data(query, all=None, first=250)["products"]["nodes"]
    expected = [
        n
        for n in everything
        if text.casefold() in n["name"].casefold() or text.casefold() in (n["sku"] or "").casefold()
    ]
    assert 0 < len(expected) < len(everything)
    assert shop.data(query, all={"search": text}, first=250)["products"]["nodes"] == expected
    literal = orjson.dumps(text).decode()
    assert (
        shop.data(f"{{ products(filter: {{search: {literal}}}, first: 250) {{ nodes {{ name sku }} }} }}")["products"][
            "nodes"
        ]
        == expected
    )


def test_a_search_for_too_long_a_text_is_refused(small: Caller) -> None:
    query = "query($search: String) { products(filter: {search: $search}) { totalCount } }"
    assert small.data(query, search="%" * 1000)["products"]["totalCount"] == 0
    assert small.data(query, search="😀" * 1000)["products"]["totalCount"] == 0
    assert "at most 1000" in small.refusal(query, search="x" * 1001).message


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ('product(sku: "SOCK-1\\u0000") { id }', None),
        ('product(sku: "\\u0000") { id }', None),
        ('product(gtin: "4006381333931\\u0000") { id }', None),
        ('location(slug: "main\\u0000") { id }', None),
        ('location(code: "TILL-1\\u0000") { id }', None),
        ('products(filter: {search: "sock\\u0000"}) { totalCount }', {"totalCount": 0}),
        ('products(filter: {search: "\\u0000"}) { totalCount }', {"totalCount": 0}),
        ('products(filter: {skus: ["\\u0000", "sock-1"]}) { totalCount }', {"totalCount": 1}),
        ('products(filter: {locations: {slug: "main\\u0000"}}) { totalCount }', {"totalCount": 0}),
        ('products(filter: {locations: {code: "\\u0000"}}) { totalCount }', {"totalCount": 0}),
        ('stockLevels(filter: {skus: "sock-1\\u0000"}) { totalCount }', {"totalCount": 0}),
        (
            'stockChanges(filter: {locations: [{slug: "\\u0000"}, {code: "\\u0000"}]}) { totalCount }',
            {"totalCount": 0},
        ),
        ("location(id: 1) { stockLevels(first: 0) { totalCount } }", {"stockLevels": {"totalCount": 2}}),
        (
            'product(id: 10) { stockLevels(locations: [{slug: "\\u0000"}, {id: 1}]) { onHand } }',
            {"stockLevels": [{"onHand": 5}]},
        ),
    ],
)
def test_a_text_with_a_nul_names_nothing(small: Caller, field: str, expected: Any) -> None:
    assert small.data(f"{{ it: {field} }}") == {"it": expected}


@pytest.mark.parametrize("key", ["id", "after"])
def test_a_nul_in_an_id_or_a_cursor_is_refused(small: Caller, key: str) -> None:
    query = {
        "id": "query($t: ID) { product(id: $t) { id } }",
        "after": "query($t: String) { products(after: $t) { totalCount } }",
    }
    assert small.refusal(query[key], t="a\0b").extensions == {"code": "BAD_USER_INPUT"}


@pytest.mark.parametrize(
    "escape", ["\\ud800", "\\udfff", "\\ud800\\ud800", "\\udc00\\ud800", "\\u{d800}", "\\u{110000}"]
)
def test_half_a_surrogate_pair_is_a_syntax_error(small: Caller, escape: str) -> None:
    assert "Syntax Error" in small.refusal(f'{{ product(sku: "{escape}") {{ id }} }}').message


def test_a_whole_surrogate_pair_is_a_character(shop: Caller) -> None:
    found = 'products(filter: {{search: "{}"}}) {{ totalCount }}'
    a, b = found.format("\\ud83d\\udc5f"), found.format("\\u{1f45f}")
    data = shop.data(f"{{ a: {a} b: {b} }}")
    assert data["a"] == data["b"]
    assert data["a"]["totalCount"] > 0


@pytest.mark.parametrize("id_", [2**31, 2**53, 2**63 - 1])
def test_a_huge_number_is_an_id_like_any_other(small: Caller, id_: int) -> None:
    query = """query($id: ID!) { product(id: $id) { id } location(id: $id) { id }
        products(filter: {ids: [$id]}) { totalCount } }"""
    nothing = {"product": None, "location": None, "products": {"totalCount": 0}}
    assert small.data(query, id=id_) == nothing
    assert small.data(query, id=str(id_)) == nothing
    assert small.data(query.replace("query($id: ID!)", "").replace("$id", str(id_))) == nothing


@pytest.mark.parametrize("id_", [2**63, 10**30, -1])
def test_a_number_beyond_all_ids_is_refused(small: Caller, id_: int) -> None:
    assert "is not the id of a Product" in small.refusal("query($id: ID!) { product(id: $id) { id } }", id=id_).message


@pytest.mark.parametrize(
    "time", ["yesterday", "", "2026-13-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", 5, None]
)
def test_what_is_no_time_is_refused(small: Caller, time: Any) -> None:
    query = "query($t: DateTime!) { products(filter: {updatedAfter: $t}) { totalCount } }"
    assert small.refusal(query, t=time).message


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
def test_the_first_and_the_last_time_are_times(small: Caller, time: str) -> None:
    query = """query($t: DateTime!) { products(filter: {updatedAfter: $t}) { totalCount }
        stockLevels(filter: {updatedAfter: $t}) { totalCount } }"""
    expected = (5, 6) if time.startswith("0001") else (0, 0)
    data = small.data(query, t=time)
    assert (data["products"]["totalCount"], data["stockLevels"]["totalCount"]) == expected


def test_every_text_comes_back_as_it_was_stored(shop: Caller) -> None:
    from tests.schema.shop import TEXTS

    nodes = shop.data("{ products(first: 250) { nodes { databaseId name n: name } } }")["products"]["nodes"]
    assert [node["name"] for node in nodes[: len(TEXTS)]] == list(TEXTS)


# Pages

PAGED = [
    *(f"products(orderBy: {order}, PAGE) {{ BODY }}" for order in ("ID", "NAME", "SKU", "UPDATED_AT")),
    "products(orderBy: UPDATED_AT, filter: {type: VARIATION}, PAGE) { BODY }",
    "stockLevels(PAGE) { BODY }",
    "stockLevels(filter: {locations: [{id: 1}, {id: 3}]}, PAGE) { BODY }",
    "stockChanges(PAGE) { BODY }",
]
BODY = """totalCount nodes { id } edges { cursor node { id } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"""


def pages(caller: Caller, field: str, first: int) -> Iterator[Any]:
    """One page after the other, until there is no next one."""
    field = field.replace("PAGE", "first: $first, after: $after").replace("BODY", BODY)
    query = f"query($first: Int!, $after: String) {{ it: {field} }}"
    after = None
    while True:
        page = caller.data(query, first=first, after=after)["it"]
        yield page
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return


@pytest.mark.parametrize("field", PAGED)
@pytest.mark.parametrize("first", [1, 7, 44, 250])
def test_pages_join_to_the_whole_list_without_gaps_or_repeats(shop: Caller, field: str, first: int) -> None:
    [whole] = pages(shop, field, 250)
    walked = list(pages(shop, field, first))
    assert [node for page in walked for node in page["nodes"]] == whole["nodes"]
    assert len({node["id"] for node in whole["nodes"]}) == len(whole["nodes"]) == whole["totalCount"]
    for number, page in enumerate(walked):
        assert [edge["node"] for edge in page["edges"]] == page["nodes"]
        assert page["totalCount"] == whole["totalCount"]
        assert page["pageInfo"] == {
            "hasNextPage": page is not walked[-1],
            "hasPreviousPage": number > 0,
            "startCursor": page["edges"][0]["cursor"],
            "endCursor": page["edges"][-1]["cursor"],
        }


def test_a_location_s_levels_are_paged_too(shop: Caller) -> None:
    query = """query($first: Int!, $after: String) { location(id: 1) {
        stockLevels(first: $first, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } } }"""
    whole = shop.data(query, first=250)["location"]["stockLevels"]["nodes"]
    walked: list[Any] = []
    after = None
    for _ in range(0, len(whole), 4):
        page = shop.data(query, first=4, after=after)["location"]["stockLevels"]
        walked += page["nodes"]
        after = page["pageInfo"]["endCursor"]
    assert not page["pageInfo"]["hasNextPage"]
    assert walked == whole


def test_a_page_can_be_empty(small: Caller) -> None:
    empty = {"hasNextPage": True, "hasPreviousPage": False, "startCursor": None, "endCursor": None}
    body = f"{{ {BODY} }}"
    assert small.data(f"{{ products(first: 0) {body} }}")["products"] == {
        "totalCount": 5,
        "nodes": [],
        "edges": [],
        "pageInfo": empty,
    }
    nothing = small.data(f'{{ products(first: 0, filter: {{search: "nothing"}}) {body} }}')["products"]
    assert nothing == {"totalCount": 0, "nodes": [], "edges": [], "pageInfo": {**empty, "hasNextPage": False}}
    last = small.data(f"{{ products {body} }}")["products"]["pageInfo"]["endCursor"]
    after = small.data(f'{{ products(after: "{last}") {body} }}')["products"]
    assert after["pageInfo"] == {**empty, "hasNextPage": False, "hasPreviousPage": True}


def test_a_page_goes_on_behind_a_row_that_is_gone_or_filtered_out(small: Caller) -> None:
    last = small.data('{ products(orderBy: SKU, filter: {skus: ["shoe"]}) { pageInfo { endCursor } } }')
    cursor = last["products"]["pageInfo"]["endCursor"]
    query = "query($c: String) { products(orderBy: SKU, filter: {type: VARIATION}, after: $c) { nodes { sku } } }"
    assert skus(small.data(query, c=cursor)["products"]) == ["shoe-34", "shoe-36"]


def test_a_cursor_of_another_order_is_refused(small: Caller) -> None:
    orders = ("ID", "NAME", "SKU", "UPDATED_AT")
    query = "query($c: String) {{ products(orderBy: {}, after: $c) {{ pageInfo {{ startCursor }} }} }}"
    cursors = {order: small.data(query.format(order))["products"]["pageInfo"]["startCursor"] for order in orders}
    for order in orders:
        for other in orders:
            if other == order:
                assert small.data(query.format(order), c=cursors[other])
            else:
                assert small.refusal(query.format(order), c=cursors[other]).extensions == {"code": "BAD_USER_INPUT"}
    assert small.refusal("query($c: String) { stockChanges(after: $c) { totalCount } }", c=cursors["ID"])


# Much


def test_a_big_page_comes_whole(large: Caller) -> None:
    query = """{ products(first: 250) { totalCount nodes { id name regularPrice onHand
        stockLevels { onHand version updatedAt location { id name kind active } product { sku } } } } }"""
    nodes = large.data(query)["products"]["nodes"]
    assert [node["name"] for node in nodes] == [f"Product {n}" for n in range(1, 251)]
    assert [[level["onHand"] for level in node["stockLevels"]] for node in nodes] == [
        [n * 100 + at for at in range(1, 21)] for n in range(1, 251)
    ]
    assert all(
        level["product"] == {"sku": f"SKU-{n}"} for n, node in enumerate(nodes, 1) for level in node["stockLevels"]
    )
    assert nodes[249]["onHand"] == 250 * 100 * 20 + 210


def test_long_lists_of_keys_are_one_parameter(large: Caller) -> None:
    query = """query($skus: [String!], $ids: [ID!], $at: [LocationKey!]) {
        products(first: 250, filter: {skus: $skus, ids: $ids}) { totalCount }
        stockLevels(filter: {locations: $at, skus: $skus}) { totalCount } }"""
    variables = {
        "skus": [f"sku-{n}" for n in range(40_000)],
        "ids": [str(n) for n in range(40_000)],
        "at": [{"slug": f"location-{n}"} for n in range(1000)],
    }
    data = large.data(query, **variables)
    assert (data["products"]["totalCount"], data["stockLevels"]["totalCount"]) == (250, 5000)
