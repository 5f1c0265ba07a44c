"""The write path on both engines."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from storage import inventory
from storage.changes import (
    AdjustQuantity,
    Applied,
    Backorders,
    ChangeGroup,
    GroupRejectedError,
    ItemKey,
    Origin,
    Policy,
    Reason,
    Refused,
    SetQuantity,
)
from storage.database import Database
from storage.errors import ErrorCode
from storage.lines import Item, Place, lines_of
from storage.planning import Level, plan
from storage.tables import LedgerEntry, StockChangeGroup, StockLevel
from tests.builders import a_change, a_group
from tests.storage.reading import ledger_sums, on_hand, rows, written

NOTHING: dict[str, list[Any]] = {
    name: [] for name in ("StockLevel", "StockChangeGroup", "LedgerEntry", "IdempotencyRecord")
}


async def apply(database: Database, *changes: Any, **values: Any) -> Applied:
    return await database.transact(inventory.apply, a_group(*changes, **values))


def codes(applied: Applied) -> list[ErrorCode | None]:
    return [outcome.error.code if outcome.error else None for outcome in applied.outcomes]


async def test_a_set_quantity_reads_back(catalogue: Database) -> None:
    applied = await apply(catalogue, a_change(1, 1))
    assert [(o.before, o.after, o.version) for o in applied.outcomes] == [(None, 10, 1)]
    applied = await apply(catalogue, a_change("sku-1", "location-1", quantity=AdjustQuantity(-3)))
    assert [(o.before, o.after, o.version) for o in applied.outcomes] == [(10, 7, 2)]
    assert await on_hand(catalogue) == {(1, 1): 7}


async def test_every_step_is_in_the_ledger_with_who_and_why(catalogue: Database) -> None:
    origin = Origin("test", 7, "till 3", None, Reason.SALE, "over the counter", "receipt 12", "request-1")
    applied = await apply(
        catalogue, a_change(quantity=SetQuantity(5)), a_change(quantity=AdjustQuantity(-2)), origin=origin
    )
    (group,) = await rows(catalogue, StockChangeGroup)
    assert group == {
        "id": applied.group_id, "dialect": "test", "api_key_id": 7, "principal": "till 3", "reason": "sale",
        "note": "over the counter", "reference": "receipt 12", "request_id": "request-1", "reverses_id": None,
        "created_at": group["created_at"],
    }  # fmt: skip
    entries = await rows(catalogue, LedgerEntry)
    assert [(e["group_id"], e["line"], e["before"], e["delta"], e["on_hand"], e["version"]) for e in entries] == [
        (applied.group_id, 0, None, 5, 5, 1), (applied.group_id, 1, 5, -2, 3, 2),
    ]  # fmt: skip
    (level,) = await rows(catalogue, StockLevel)
    assert (level["on_hand"], level["version"], level["updated_at"]) == (3, 2, group["created_at"])
    assert {entry["created_at"] for entry in entries} == {group["created_at"]}


async def test_prices_and_flags_are_kept_exactly_and_cleared(catalogue: Database) -> None:
    priced = {"regular_price": Decimal("19.9999"), "sale_price": Decimal("0.0001")}
    await apply(catalogue, a_change(quantity=None, backorders=Backorders.NOTIFY, disabled=True, **priced))
    (level,) = await rows(catalogue, StockLevel)
    assert {**level, **priced, "on_hand": None, "backorders": "notify", "disabled": True, "version": 1} == level
    (entry,) = await rows(catalogue, LedgerEntry)
    assert {**entry, **priced, "delta": 0, "on_hand": None, "backorders": "notify", "disabled": True} == entry
    await apply(
        catalogue, a_change(quantity=None, regular_price=None, sale_price=None, backorders=None, disabled=False)
    )
    (level,) = await rows(catalogue, StockLevel)
    cleared = {"regular_price": None, "sale_price": None, "backorders": None, "disabled": False, "version": 2}
    assert {**level, **cleared} == level


async def test_an_unchanged_value_writes_nothing(catalogue: Database) -> None:
    await apply(catalogue, a_change(), a_change(2, 2, regular_price=Decimal(5)))
    before = await written(catalogue)
    applied = await apply(catalogue, a_change(), a_change(2, 2, regular_price=Decimal("5.0000")))
    assert applied.group_id is None
    assert [(o.changed, o.before, o.after, o.version) for o in applied.outcomes] == [(False, 10, 10, 1)] * 2
    assert await written(catalogue) == before


async def test_an_empty_group_and_one_of_unreadable_lines_write_nothing(catalogue: Database) -> None:
    assert (await apply(catalogue)).outcomes == []
    unreadable = Refused(ErrorCode.INVALID_LINE, "Invalid data format.")
    assert codes(await apply(catalogue, unreadable, policy=Policy.KEEP_GOING)) == [ErrorCode.INVALID_LINE]
    assert await written(catalogue) == NOTHING


REFUSED = [
    (a_change("SKU-99", 1), ErrorCode.ITEM_NOT_FOUND),
    (a_change(3, 1), ErrorCode.ITEM_HAS_VARIATIONS),
    (a_change(1, "nowhere"), ErrorCode.LOCATION_NOT_FOUND),
    (a_change(1, 3), ErrorCode.LOCATION_INACTIVE),
    (a_change(1, 1, quantity=SetQuantity(-1)), ErrorCode.INSUFFICIENT_STOCK),
    (a_change(1, 1, expected_quantity=3), ErrorCode.STALE_QUANTITY),
    (a_change(1, 1, sale_price=Decimal(10)), ErrorCode.SALE_PRICE_TOO_HIGH),
    (a_change(1, 1, items=(ItemKey("id", 1), ItemKey("sku", "SKU-2"))), ErrorCode.ITEM_MISMATCH),
    (a_change("NUL\0", 1), ErrorCode.ITEM_NOT_FOUND),
    (a_change("half \ud800", 1), ErrorCode.ITEM_NOT_FOUND),
    (a_change(2**63, 1), ErrorCode.ITEM_NOT_FOUND),
    (a_change(-(2**80), 1), ErrorCode.ITEM_NOT_FOUND),
    (a_change(1, "NUL\0"), ErrorCode.LOCATION_NOT_FOUND),
    (a_change(1, "\udfff"), ErrorCode.LOCATION_NOT_FOUND),
    (a_change(1, 2**64), ErrorCode.LOCATION_NOT_FOUND),
    (a_change(1, 1, quantity=SetQuantity(2**64)), ErrorCode.INVALID_QUANTITY),
    (a_change(1, 1, expected_quantity=2**64), ErrorCode.STALE_QUANTITY),
]


async def test_refused_lines_are_reported_and_leave_no_trace(catalogue: Database) -> None:
    applied = await apply(catalogue, *(change for change, _ in REFUSED), policy=Policy.KEEP_GOING)
    assert codes(applied) == [code for _, code in REFUSED]
    assert await written(catalogue) == NOTHING


async def test_a_rejected_group_leaves_no_trace(catalogue: Database) -> None:
    await apply(catalogue, a_change(1, 1))
    before = await written(catalogue)
    with pytest.raises(GroupRejectedError) as rejection:
        await apply(catalogue, a_change(1, 1, quantity=SetQuantity(3)), a_change(2, 2), a_change(9, 1))
    assert [outcome.error and outcome.error.code for outcome in rejection.value.outcomes] == [
        None, None, ErrorCode.ITEM_NOT_FOUND,
    ]  # fmt: skip
    assert await written(catalogue) == before


async def test_a_group_that_keeps_going_writes_what_was_accepted_and_nothing_else(catalogue: Database) -> None:
    lines = [a_change(1, 1), a_change(2, 1, quantity=SetQuantity(-1)), a_change(9, 1), a_change(2, 2)]
    applied = await apply(catalogue, *lines, policy=Policy.KEEP_GOING, failures_max=2)
    assert codes(applied) == [None, ErrorCode.INSUFFICIENT_STOCK, ErrorCode.ITEM_NOT_FOUND, None]
    assert await on_hand(catalogue) == {(1, 1): 10, (2, 2): 10}  # no blank level where a line was refused
    assert [entry["line"] for entry in await rows(catalogue, LedgerEntry)] == [0, 3]


async def test_more_failures_than_allowed_roll_everything_back(catalogue: Database) -> None:
    with pytest.raises(GroupRejectedError, match="2 of 3 lines"):
        await apply(catalogue, a_change(1, 1), a_change(9, 1), a_change(9, 2), policy=Policy.KEEP_GOING, failures_max=1)
    assert await written(catalogue) == NOTHING


async def test_a_dry_run_tells_the_same_and_leaves_no_trace(catalogue: Database) -> None:
    group = a_group(a_change(1, 1), a_change(1, 1, quantity=AdjustQuantity(-4)), idempotency_key="once")
    rehearsed = await catalogue.rehearse(inventory.apply, group)
    assert await written(catalogue) == NOTHING
    applied = await catalogue.transact(inventory.apply, group)
    assert applied.outcomes == rehearsed.outcomes
    assert not applied.replayed


async def test_stale_and_insufficient_lines_tell_the_current_quantity_and_version(catalogue: Database) -> None:
    await apply(catalogue, a_change(1, 1))
    lines = [a_change(1, 1, expected_version=9), a_change(1, 1, quantity=AdjustQuantity(-11))]
    applied = await apply(catalogue, *lines, policy=Policy.KEEP_GOING)
    assert [
        (o.before, o.error.current_quantity, o.error.current_version) for o in applied.outcomes if o.error
    ] == [(10, 10, 1)] * 2  # fmt: skip


async def test_each_variation_is_its_own_item(catalogue: Database) -> None:
    of_size_34 = a_change(items=(ItemKey("sku", "SKU-3", (("Size", "34"),)),))
    await apply(catalogue, of_size_34, a_change("SKU-5", 1, quantity=SetQuantity(2)))
    assert await on_hand(catalogue) == {(4, 1): 10, (5, 1): 2}


async def test_reasons_that_no_engine_stores_are_mended_not_a_failure(catalogue: Database) -> None:
    await apply(catalogue, a_change(), origin=Origin("test", note="a\0b", reference="\ud800", principal="\udfff"))
    (group,) = await rows(catalogue, StockChangeGroup)
    assert (group["note"], group["reference"], group["principal"]) == ("a\ufffdb", "\ufffd", "\ufffd")


async def test_many_groups_come_to_what_the_rules_say(catalogue: Database) -> None:
    chance = random.Random(2)  # noqa: S311 (examples)
    names = {1: "SKU-1", 2: "SKU-2", 4: "SKU-4"}
    items: Any = {
        ItemKey("id", id_): Item(id_, sku, "no", Decimal(10) if id_ < 3 else None) for id_, sku in names.items()
    }
    places: Any = {a_change(1, location).location: Place(location) for location in (1, 2)}
    levels: dict[Any, Level] = {}
    for _ in range(20):
        group: ChangeGroup = a_group(
            *(
                a_change(
                    chance.choice([1, 2, 4]),
                    chance.choice([1, 2]),
                    quantity=chance.choice([SetQuantity, AdjustQuantity])(chance.randint(-3, 9)),
                    regular_price=Decimal(chance.randint(1, 3)),
                )
                for _ in range(chance.randint(1, 8))
            ),
            policy=Policy.KEEP_GOING,
        )
        expected = plan(group, lines_of(group, items, places), levels)
        applied = await catalogue.transact(inventory.apply, group)
        assert applied.outcomes == expected.outcomes
        levels |= expected.levels
    stored = await rows(catalogue, StockLevel)
    assert {
        (row["product_id"], row["location_id"]): Level(*(row[name] for name in Level._fields)) for row in stored
    } == levels
    assert await ledger_sums(catalogue) == {key: level.on_hand or 0 for key, level in levels.items()}
