"""A total over all locations: the default location absorbs the difference."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from storage import inventory
from storage.changes import DEFAULT_LOCATION, AdjustQuantity, Applied, Policy, SetQuantity, SetTotal
from storage.database import Database
from storage.errors import ErrorCode
from tests.builders import a_change, a_group
from tests.statements import statements
from tests.storage.reading import ledger_sums, on_hand


def a_total(item: int, quantity: int, **values: Any) -> Any:
    return a_change(item, location=DEFAULT_LOCATION, quantity=SetTotal(quantity), **values)


def a_change_there(item: int, location: int, quantity: int) -> Any:
    return a_change(item, location, quantity=SetQuantity(quantity))


async def apply(database: Database, *changes: Any, **values: Any) -> Applied:
    return await database.transact(inventory.apply, a_group(*changes, **values))


async def test_the_default_location_absorbs_the_difference_and_the_others_keep_their_count(catalogue: Database) -> None:
    await apply(catalogue, a_change_there(1, 1, 4), a_change_there(1, 2, 6))
    applied = await apply(catalogue, a_total(1, 15), a_total(2, 3))
    assert [(o.location_id, o.before, o.after) for o in applied.outcomes] == [(1, 4, 9), (1, None, 3)]
    assert await on_hand(catalogue) == {(1, 1): 9, (1, 2): 6, (2, 1): 3} == await ledger_sums(catalogue)


async def test_units_at_inactive_locations_do_not_count(catalogue: Database) -> None:
    await catalogue.transact(lambda session: session.execute(text("UPDATE location SET active = true WHERE id = 3")))
    await apply(catalogue, a_change_there(1, 3, 100))
    await catalogue.transact(lambda session: session.execute(text("UPDATE location SET active = false WHERE id = 3")))
    await apply(catalogue, a_total(1, 15))
    assert await on_hand(catalogue) == {(1, 1): 15, (1, 3): 100}


async def test_lines_of_one_group_see_what_the_lines_before_them_did(catalogue: Database) -> None:
    await apply(catalogue, a_change_there(1, 2, 6))
    lines = [
        a_total(1, 10),  # 4 here
        a_change(1, 2, quantity=AdjustQuantity(-5)),
        a_total(1, 10),  # 9 here
        a_change(1, 1, quantity=AdjustQuantity(7)),  # 16 here, which the next total takes back
        a_total(1, 11),
    ]
    await apply(catalogue, *lines)
    assert await on_hand(catalogue) == {(1, 1): 10, (1, 2): 1} == await ledger_sums(catalogue)


@pytest.mark.parametrize("backorders", ["no", "yes"])
async def test_the_default_location_goes_below_zero_only_with_back_orders(catalogue: Database, backorders: str) -> None:
    await apply(catalogue, a_change_there(1, 1, 4), a_change_there(1, 2, 6))
    allow = text("UPDATE product SET backorders = :backorders")
    await catalogue.transact(lambda session: session.execute(allow, {"backorders": backorders}))
    (outcome,) = (await apply(catalogue, a_total(1, 5), policy=Policy.KEEP_GOING)).outcomes
    if backorders == "yes":
        assert (outcome.error, outcome.after) == (None, -1)
    else:
        assert outcome.error is not None
        assert (outcome.error.code, outcome.error.requested) == (ErrorCode.INSUFFICIENT_STOCK, 5)
        assert "Other locations have 6 units" in outcome.error.message
        assert await on_hand(catalogue) == {(1, 1): 4, (1, 2): 6}


async def test_without_a_default_location_a_total_is_refused(catalogue: Database) -> None:
    await catalogue.transact(lambda session: session.execute(text("UPDATE location SET is_default = false")))
    (outcome,) = (await apply(catalogue, a_total(1, 5), policy=Policy.KEEP_GOING)).outcomes
    assert outcome.error is not None
    assert outcome.error.code is ErrorCode.LOCATION_REQUIRED


async def test_totals_take_one_statement_more_however_many_they_are(catalogue: Database) -> None:
    await apply(catalogue, a_change_there(1, 2, 6), a_change_there(2, 2, 6))
    counts = set()
    for totals in ([a_total(1, 20)], [a_total(1, 30), a_total(2, 30), a_total(4, 30), a_total(5, 30)]):
        with statements(catalogue) as executed:
            await apply(catalogue, *totals)
        counts.add(len(executed))
    assert counts == {8}


async def test_a_total_is_right_whatever_happens_elsewhere_at_the_same_time(catalogue: Database) -> None:
    """Each total is set among changes elsewhere that know nothing of it: as if they had come one after the other."""
    await apply(catalogue, a_change_there(1, 1, 500))
    total = [apply(catalogue, a_total(1, 500 + n)) for n in range(12)]
    elsewhere = [apply(catalogue, a_change(1, 2, quantity=AdjustQuantity(1))) for _ in range(12)]
    await asyncio.gather(*(one for both in zip(total, elsewhere, strict=True) for one in both))
    assert await on_hand(catalogue) == await ledger_sums(catalogue)
    await apply(catalogue, a_total(1, 40))
    assert sum((await on_hand(catalogue)).values()) == 40
