"""Connections in both directions, as Relay asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.schema.caller import Caller

PAGED = [
    "products(orderBy: NAME, PAGE) { BODY }",
    "products(orderBy: CREATED_AT, direction: DESC, PAGE) { BODY }",
    *(
        f"stockLevels(orderBy: {order}, direction: {direction}, PAGE) {{ BODY }}"
        for order in ("PRODUCT", "LOCATION", "ON_HAND", "AVAILABLE", "UPDATED_AT")
        for direction in ("ASC", "DESC")
    ),
    "lowStock(PAGE) { BODY }",
    "lowStock(orderBy: LOCATION, direction: ASC, locations: [{id: 1}, {id: 2}], PAGE) { BODY }",
    "stockChanges(PAGE) { BODY }",
]
BODY = "totalCount nodes { id } edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"


def page(caller: Caller, field: str, **arguments: Any) -> Any:
    """One page of a connection."""
    given = "first: $first, after: $after, last: $last, before: $before"
    query = f"""query($first: Int, $after: String, $last: Int, $before: String) {{
        it: {field.replace("PAGE", given).replace("BODY", BODY)} }}"""
    return caller.data(query, **arguments)["it"]


def backwards(caller: Caller, field: str, last: int) -> Iterator[Any]:
    """One page before the other, until there is no previous one."""
    before = None
    while True:
        found = page(caller, field, last=last, before=before)
        yield found
        before = found["pageInfo"]["startCursor"]
        if not found["pageInfo"]["hasPreviousPage"]:
            return


@pytest.mark.parametrize("field", PAGED)
@pytest.mark.parametrize("last", [7, 44])
def test_pages_from_the_end_join_to_the_whole_list_without_gaps_or_repeats(shop: Caller, field: str, last: int) -> None:
    whole = page(shop, field, first=250)["nodes"]
    assert len(whole) > 5
    walked = list(backwards(shop, field, last))
    assert [node for found in reversed(walked) for node in found["nodes"]] == whole
    for number, found in enumerate(walked):
        info = found["pageInfo"]
        assert info["hasNextPage"] is (number > 0)
        assert (info["startCursor"], info["endCursor"]) == (
            found["edges"][0]["cursor"],
            found["edges"][-1]["cursor"],
        )
        assert found["totalCount"] == len(whole)


@pytest.mark.parametrize("field", PAGED[:3])
def test_two_cursors_and_a_size_from_either_end_cut_a_page_out_of_what_lies_between(shop: Caller, field: str) -> None:
    whole = page(shop, field, first=250)
    cursors = [edge["cursor"] for edge in whole["edges"]]
    between = {"after": cursors[1], "before": cursors[8]}
    for size, expected, next_, previous in (
        ({"first": 2}, whole["nodes"][2:4], True, True),
        ({"first": 6}, whole["nodes"][2:8], False, True),
        ({"last": 2}, whole["nodes"][6:8], True, True),
        ({"last": 6}, whole["nodes"][2:8], True, False),
        ({}, whole["nodes"][2:8], False, True),
    ):
        found = page(shop, field, **between, **size)
        assert found["nodes"] == expected, size
        assert found["pageInfo"]["hasNextPage"] is next_, size
        assert found["pageInfo"]["hasPreviousPage"] is previous, size
    assert page(shop, field, first=5, after=cursors[8], before=cursors[1])["nodes"] == []


def test_a_page_behind_a_cursor_before_everything_has_no_previous_one(small: Caller) -> None:
    before_all = b'["id", 0]'.hex()
    found = page(small, "products(PAGE) { BODY }", first=2, after=before_all)
    assert found["pageInfo"]["hasPreviousPage"] is False
    found = page(small, "products(PAGE) { BODY }", last=2, before=b'["id", 99]'.hex())
    assert found["pageInfo"]["hasNextPage"] is False
    assert found["pageInfo"]["hasPreviousPage"] is True


def test_first_and_last_together_are_refused(small: Caller) -> None:
    query = "query($first: Int, $last: Int) { products(first: $first, last: $last) { totalCount } }"
    assert "not both" in small.refusal(query, first=1, last=1).message
    assert small.data(query, first=None, last=1)
    assert small.data(query, first=1)
    for last in (-1, 251):
        assert "`last` must be from 0 to 250" in small.refusal(query, last=last).message
    assert "`before` is no cursor" in small.refusal('{ products(before: "zz") { nodes { id } } }').message


def test_levels_that_were_never_counted_come_first_by_quantity_and_have_cursors_like_any_other(small: Caller) -> None:
    by = "stockLevels(orderBy: ON_HAND, PAGE) { BODY }"
    ids = [node["id"].rpartition("/")[2] for node in page(small, by)["nodes"]]
    assert ids == ["22-2", "21-1", "10-2", "10-1", "10-3", "21-2"]
    first = page(small, by, first=1)["pageInfo"]["endCursor"]
    assert [node["id"].rpartition("/")[2] for node in page(small, by, first=2, after=first)["nodes"]] == ids[1:3]
