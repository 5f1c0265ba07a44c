"""changes: everything that changes, once and in order, and never past what is still being written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

import schema
from schema.operations import Operation
from storage import change_feed, inventory
from storage.change_feed import Kind
from tests.builders import a_change, a_group, a_location, a_product, an_opening
from tests.schema.caller import Caller

QUERY = """query($after: Int!, $first: Int) { changes(afterSequence: $after, first: $first) { nextSequence hasMore
    changes { sequence kind deleted productId locationId
        entry { sequence delta } product { sku } location { slug } } } }"""


@pytest.fixture
def fresh(new_caller: Callable[..., Caller]) -> Caller:
    """Two locations and two products, and nothing that the feed knows of."""

    async def load(session: Any) -> None:
        session.add_all([a_location(1), a_location(2), a_product(1), a_product(2)])

    return new_caller(load)


def write(caller: Caller, *changes: Any) -> None:
    caller.runner.run(caller.database.transact(inventory.apply, a_group(*changes)))


def record(caller: Caller, **changed: Any) -> None:
    caller.runner.run(caller.database.transact(change_feed.record_catalog, **changed))


def feed(caller: Caller, after: int = 0, visible: Any = None, first: int | None = None) -> Any:
    return caller.data(QUERY, visible, after=after, first=first)["changes"]


def test_stock_and_catalogue_share_one_order_and_deletions_leave_tombstones(fresh: Caller) -> None:
    write(fresh, a_change(1, 1), a_change(1, 2))
    record(fresh, products=[2], locations=[1])
    write(fresh, a_change(2, 2))
    record(fresh, products=[2], kind=Kind.DELETED)
    found = feed(fresh)
    told = [(c["kind"], c["productId"], c["locationId"], c["deleted"]) for c in found["changes"]]
    assert told == [
        ("STOCK", 1, 1, False), ("STOCK", 1, 2, False), ("PRODUCT", 2, None, False), ("LOCATION", None, 1, False),
        ("STOCK", 2, 2, False), ("PRODUCT", 2, None, True),
    ]  # fmt: skip
    sequences = [change["sequence"] for change in found["changes"]]
    assert sequences == sorted(set(sequences))
    assert (found["nextSequence"], found["hasMore"]) == (sequences[-1], False)
    stock, product, location = found["changes"][0], found["changes"][2], found["changes"][3]
    assert stock["entry"] == {"sequence": sequences[0], "delta": 10}
    assert (stock["product"], stock["location"]) == ({"sku": "SKU-1"}, {"slug": "location-1"})
    assert (product["entry"], product["product"], product["location"]) == (None, {"sku": "SKU-2"}, None)
    assert (location["entry"], location["product"], location["location"]) == (None, None, {"slug": "location-1"})
    limited = feed(fresh, visible=[2])["changes"]
    assert [change["sequence"] for change in limited] == [sequences[n] for n in (1, 2, 4, 5)]


@pytest.mark.parametrize("first", [1, 2, 5])
def test_pages_join_to_the_whole_feed(fresh: Caller, first: int) -> None:
    write(fresh, *(a_change(1 + n % 2, 1 + n // 2 % 2) for n in range(4)))
    record(fresh, products=[1])
    whole, after, walked = feed(fresh)["changes"], 0, []
    assert len(whole) == 5
    while True:
        found = feed(fresh, after, first=first)
        walked += found["changes"]
        after = found["nextSequence"]
        if not found["hasMore"]:
            break
    assert walked == whole
    assert feed(fresh, after) == {"changes": [], "nextSequence": after, "hasMore": False}
    assert feed(fresh, 0, first=0) == {"changes": [], "nextSequence": 0, "hasMore": True}


def test_who_comes_too_late_for_what_was_pruned_is_told_from_where_the_feed_goes_on(fresh: Caller) -> None:
    write(fresh, a_change(1, 1), a_change(1, 2))
    [first, second] = [change["sequence"] for change in feed(fresh)["changes"]]

    async def prune(session: AsyncSession) -> None:
        await session.execute(text("DELETE FROM ledger_entry WHERE sequence = :first"), {"first": first})
        session.add(an_opening(first))

    fresh.runner.run(fresh.database.transact(prune))
    for asked in (QUERY, "query($after: Int!) { changes(afterSequence: $after) { nextSequence } }"):
        error = fresh.refusal(asked, after=first - 1)
        assert error.extensions == {"code": "SEQUENCE_PRUNED", "prunedUpTo": first}
        assert f"from {first} on" in error.message
    assert [change["sequence"] for change in feed(fresh, first)["changes"]] == [second]


@pytest.mark.parametrize("new_caller", ["postgresql"], indirect=True)  # on SQLite writers follow one another
def test_the_feed_waits_for_who_drew_a_lower_number_and_then_passes_nothing_over(fresh: Caller) -> None:
    write(fresh, a_change(1, 1))
    last = feed(fresh)["nextSequence"]

    async def slow() -> tuple[Any, Any]:
        async with AsyncSession(fresh.database.engine) as session:
            await inventory.apply(session, a_group(a_change(2, 2)))  # drawn, and not committed yet
            await fresh.database.transact(inventory.apply, a_group(a_change(1, 2)))
            during = await ask(last)
            await session.commit()
        return during, await ask(last)

    async def ask(after: int) -> Any:
        operation = schema.operations.prepare(QUERY, None)
        assert isinstance(operation, Operation)
        answer = await schema.operations.execute(operation, fresh.context(), {"after": after})
        assert isinstance(answer, bytes)
        return orjson.loads(answer)["data"]["changes"]

    during, after = fresh.runner.run(slow())
    assert during == {"changes": [], "nextSequence": last, "hasMore": False}
    assert [change["productId"] for change in after["changes"]] == [2, 1]


@pytest.mark.parametrize(
    ("variables", "word"), [({"after": -1}, "afterSequence"), ({"after": 0, "first": 1001}, "first")]
)
def test_numbers_out_of_range_are_refused(small: Caller, variables: dict[str, int], word: str) -> None:
    error = small.refusal(QUERY, **variables)
    assert error.extensions == {"code": "BAD_USER_INPUT"}
    assert f"`{word}`" in error.message
