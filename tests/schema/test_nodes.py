"""node and nodes: whatever has an id, in one statement."""

from __future__ import annotations

from typing import Any

import pytest

from storage.access import Credential, Scope, Visibility
from tests.schema.caller import Caller

FIELDS = """__typename id ... on Product { sku } ... on Location { slug } ... on StockLevel { onHand product { sku } }
    ... on LedgerEntry { delta reason group { principal } } ... on StockChangeGroup { dialect entries { sequence } }"""
KNOWN: dict[str, dict[str, Any]] = {
    "Product/21": {"sku": "shoe-34"},
    "Location/2": {"slug": "склад"},
    "StockLevel/10-3": {"onHand": 7, "product": {"sku": "SOCK-1"}},
    "LedgerEntry/3": {"delta": 5, "reason": "UNSPECIFIED", "group": {"principal": "erp"}},
    "StockChangeGroup/1": {"dialect": "graphql", "entries": [{"sequence": 1}, {"sequence": 2}]},
}
UNKNOWN = ["Product/99", "StockLevel/10-99", "StockLevel/99-1", "LedgerEntry/9", "Location/9", "StockChangeGroup/9"]


def gid(name: str) -> str:
    return f"gid://stockgate/{name}"


@pytest.mark.parametrize("name", KNOWN)
def test_an_object_of_any_type_is_found_by_its_id(small: Caller, name: str) -> None:
    found = small.data(f"query($id: ID!) {{ node(id: $id) {{ {FIELDS} }} }}", id=gid(name))["node"]
    assert found == {"__typename": name.partition("/")[0], "id": gid(name), **KNOWN[name]}
    assert small.data(f'{{ node(id: "{gid(name)}") {{ id }} }}') == {"node": {"id": gid(name)}}


def test_an_object_of_which_nothing_is_selected_is_empty_and_not_null(small: Caller) -> None:
    query = "query($id: ID!) { node(id: $id) { ... on Product { sku } } }"
    assert small.data(query, id=gid("Location/1")) == {"node": {}}
    assert small.data(query, id=gid("Location/9")) == {"node": None}


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_id_of_nothing_gives_null(small: Caller, name: str) -> None:
    assert small.data("query($id: ID!) { node(id: $id) { id } }", id=gid(name)) == {"node": None}


@pytest.mark.parametrize(
    "id_",
    ["", "17", "Product/17", gid("Product/"), gid("Product/1-2"), gid("StockLevel/1"), gid("StockLevel/1-2-3"),
     gid("X/1"), gid("product/1"), gid("Change/1"), gid("Product/9223372036854775808"), gid("Product/-1"),
     gid("Product/1") + "\n"],
)  # fmt: skip
def test_what_is_no_id_is_refused_by_both(small: Caller, id_: str) -> None:
    assert "is no node id" in small.refusal("query($id: ID!) { node(id: $id) { id } }", id=id_).message
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert small.refusal(query, ids=[gid("Product/10"), id_]).extensions == {"code": "BAD_USER_INPUT"}


def test_nodes_come_in_the_order_of_their_ids_with_null_for_what_is_not_there(small: Caller) -> None:
    names = [*reversed(KNOWN), *UNKNOWN, "Product/21"]
    found = small.data(f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ {FIELDS} }} }}", ids=[gid(name) for name in names])
    expected = [
        KNOWN.get(name) and {"__typename": name.partition("/")[0], "id": gid(name), **KNOWN[name]} for name in names
    ]
    assert found["nodes"] == expected
    assert small.data("{ nodes(ids: []) { id } }") == {"nodes": []}


def test_nodes_takes_so_many_ids_and_no_more(small: Caller) -> None:
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert len(small.data(query, ids=[gid("Product/10")] * 250)["nodes"]) == 250
    assert "Too many ids: 251" in small.refusal(query, ids=[gid("Product/10")] * 251).message


def test_a_limited_key_sees_no_node_of_another_location_nor_a_request_that_only_changed_such(small: Caller) -> None:
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    names = ["Location/1", "StockLevel/21-2", "LedgerEntry/3", "StockChangeGroup/2", "StockChangeGroup/1", "Product/21"]
    seen = small.data(query, [1], ids=[gid(name) for name in names])["nodes"]
    expected = {"Location/1", "StockChangeGroup/1", "Product/21"}
    assert seen == [{"id": gid(name)} if name in expected else None for name in names]
    group = "query($id: ID!) { stockChangeGroup(id: $id) { id entries { sequence } } }"
    assert small.data(group, [1], id=2) == {"stockChangeGroup": None}
    assert small.data(group, [1], id=1)["stockChangeGroup"]["entries"] == [{"sequence": 1}]


def test_history_is_no_node_for_who_does_not_see_quantities_as_they_are(small: Caller) -> None:
    band = Credential(3, "band", frozenset({Scope.READ}), visibility=Visibility.BAND)
    public = Credential(4, "shop window", frozenset({Scope.STOREFRONT}))
    query = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ {FIELDS.partition('... on StockChangeGroup')[0]} }} }}"
    for who in (band, public):
        seen = small.data(query, who, ids=[gid("LedgerEntry/3"), gid("StockChangeGroup/1"), gid("Location/1")])["nodes"]
        assert [node and node["__typename"] for node in seen] == [None, None, "Location"]
