"""What changed, when and why: the ledger of a level, transfers, requests and those that took them back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from storage.access import Credential, Scope, Visibility
from storage.tables import StockChangeGroup
from tests.builders import EPOCH, a_location, a_product
from tests.schema.caller import Caller
from tests.schema.shop import count_on
from tests.schema.small import a_level, an_entry


@pytest.fixture(scope="module")
def told(new_caller: Callable[..., Caller]) -> Caller:
    """A delivery, a transfer of two lines and its reversal, an hour apart from one another."""

    async def load(session: Any) -> None:
        session.add_all([a_location(1), a_location(2), a_product(1), a_product(2)])
        await session.flush()
        for n, reason in enumerate(("receipt", "transfer", "reversal"), start=1):
            session.add(
                StockChangeGroup(
                    id=n, dialect="graphql" if n > 1 else "mulopimfwc/v1", api_key_id=n, principal=f"key {n}",
                    reason=reason, note=f"note {n}", reference=f"#{n}", request_id=f"r{n}",
                    reverses_id=2 if n == 3 else None, created_at=EPOCH + timedelta(hours=n),
                )
            )  # fmt: skip
            await session.flush()
        session.add_all([a_level(1, 1, 10), a_level(1, 2, 0), a_level(2, 1, 5), a_level(2, 2, 5)])
        rows = [  # group, line, product, location, delta, on hand
            (1, 0, 1, 1, 10, 10), (1, 1, 2, 1, 10, 10),
            (2, 0, 1, 1, -4, 6), (2, 0, 1, 2, 4, 4), (2, 1, 2, 1, -5, 5), (2, 1, 2, 2, 5, 5),
            (3, 0, 1, 2, -4, 0), (3, 0, 1, 1, 4, 10),
        ]  # fmt: skip
        session.add_all(
            an_entry(n, product, location, group, line=line, delta=delta, on_hand=on_hand, before=on_hand - delta,
                     created_at=EPOCH + timedelta(hours=group))
            for n, (group, line, product, location, delta, on_hand) in enumerate(rows, start=1)
        )  # fmt: skip
        await session.flush()
        await count_on(session)

    return new_caller(load)


def sequences(connection: Any) -> list[int]:
    return [node["sequence"] for node in connection["nodes"]]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [8, 7, 6, 5, 4, 3, 2, 1]),
        ({"reasons": ["TRANSFER", "RECEIPT"]}, [6, 5, 4, 3, 2, 1]),
        ({"reasons": []}, []),
        ({"dialects": ["mulopimfwc/v1"]}, [2, 1]),
        ({"apiKeyIds": [2, 3, 99]}, [8, 7, 6, 5, 4, 3]),
        ({"groupId": "2"}, [6, 5, 4, 3]),
        ({"createdAfter": "2026-01-02T04:04:05.678901Z"}, [8, 7, 6, 5, 4, 3]),
        ({"createdBefore": "2026-01-02T05:04:05.678901Z"}, [2, 1]),
        ({"sequence": {"gte": 3, "lte": 4}}, [4, 3]),
        ({"reasons": ["TRANSFER"], "locations": [{"id": "2"}], "productIds": ["1"], "apiKeyIds": [2]}, [4]),
    ],
)
def test_changes_are_found_by_why_when_and_who(told: Caller, given: Any, expected: list[int]) -> None:
    query = "query($f: StockChangeFilter) { stockChanges(filter: $f) { totalCount nodes { sequence } } }"
    found = told.data(query, f=given)["stockChanges"]
    assert (sequences(found), found["totalCount"]) == (expected, len(expected))


def test_an_entry_tells_what_its_request_says(told: Caller) -> None:
    query = """{ stockChanges(first: 1) { nodes {
        reason note reference principal apiKeyId dialect requestId group { reason note } } } }"""
    assert told.data(query)["stockChanges"]["nodes"] == [{
        "reason": "REVERSAL", "note": "note 3", "reference": "#3", "principal": "key 3", "apiKeyId": 3,
        "dialect": "graphql", "requestId": "r3", "group": {"reason": "REVERSAL", "note": "note 3"},
    }]  # fmt: skip


def test_each_half_of_a_transfer_leads_to_the_other(told: Caller) -> None:
    query = "{ stockChanges { nodes { sequence counterpart { sequence counterpart { sequence } } } } }"
    found = {node["sequence"]: node["counterpart"] for node in told.data(query)["stockChanges"]["nodes"]}
    assert {n: half and half["sequence"] for n, half in found.items()} == {
        8: 7, 7: 8, 6: 5, 5: 6, 4: 3, 3: 4, 2: None, 1: None,
    }  # fmt: skip
    assert all(half is None or half["counterpart"]["sequence"] == n for n, half in found.items())
    limited = told.data(query, [1])["stockChanges"]["nodes"]
    assert [(node["sequence"], node["counterpart"]) for node in limited] == [(n, None) for n in (8, 5, 3, 2, 1)]


def test_a_level_has_its_history_newest_first(told: Caller) -> None:
    query = """query($first: Int, $after: String) { node(id: "gid://stockgate/StockLevel/1-1") { ... on StockLevel {
        history(first: $first, after: $after) { totalCount nodes { sequence delta } pageInfo { endCursor } } } } }"""
    first = told.data(query, first=2)["node"]["history"]
    assert first["nodes"] == [{"sequence": 8, "delta": 4}, {"sequence": 3, "delta": -4}]
    rest = told.data(query, after=first["pageInfo"]["endCursor"])["node"]["history"]
    assert (rest["totalCount"], rest["nodes"]) == (3, [{"sequence": 1, "delta": 10}])


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-01-02T04:04:05.678900Z", None),
        ("2026-01-02T04:04:05.678901Z", 10),
        ("2026-01-02T05:30:00Z", 6),
        ("2026-01-02T06:04:05.678901Z", 10),
        ("2100-01-01", 10),
    ],
)
def test_what_was_on_hand_at_a_time_is_read_in_the_ledger(told: Caller, time: str, expected: int | None) -> None:
    query = "query($t: DateTime!) { stockLevels(first: 1) { nodes { onHandAt(time: $t) } } }"
    assert told.data(query, t=time)["stockLevels"]["nodes"] == [{"onHandAt": expected}]


def test_a_request_and_the_one_that_took_it_back_lead_to_each_other(told: Caller) -> None:
    query = """query($id: ID!) { stockChangeGroup(id: $id) { entries { sequence }
        reverses { id reversedBy { id } } reversedBy { id reverses { id } } } }"""
    gid = "gid://stockgate/StockChangeGroup/{}".format
    assert told.data(query, id=gid(2))["stockChangeGroup"] == {
        "entries": [{"sequence": n} for n in (3, 4, 5, 6)],
        "reverses": None,
        "reversedBy": {"id": gid(3), "reverses": {"id": gid(2)}},
    }
    assert told.data(query, id=3)["stockChangeGroup"]["reverses"] == {"id": gid(2), "reversedBy": {"id": gid(3)}}
    assert told.data(query, id=9) == {"stockChangeGroup": None}


@pytest.mark.parametrize(
    "query",
    [
        "{ changes { nextSequence } }",
        "{ lowStock { totalCount } }",
        "{ stockChangeGroup(id: 1) { id } }",
        "{ stockLevels { nodes { history { totalCount } } } }",
        "{ stockLevels(orderBy: AVAILABLE) { totalCount } }",
        "{ stockLevels(filter: {available: {gte: 1}}) { totalCount } }",
        "{ products(filter: {belowThreshold: true}) { totalCount } }",
        "{ products(filter: {changedSinceSequence: 1}) { totalCount } }",
    ],
)
def test_history_and_quantities_are_refused_to_who_does_not_see_them_as_they_are(told: Caller, query: str) -> None:
    band = Credential(3, "band", frozenset({Scope.READ}), visibility=Visibility.BAND)
    assert told.refusal(query, band).extensions == {"code": "FORBIDDEN"}
    assert told.data(query)
    level = told.data('{ stockLevels { nodes { onHandAt(time: "2100-01-01") deficit } } }', band)
    assert level["stockLevels"]["nodes"] == [{"onHandAt": None, "deficit": None}] * 4
