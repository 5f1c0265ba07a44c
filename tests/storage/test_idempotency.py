"""Idempotency keys: one effect, whatever is repeated, and when."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from storage import inventory
from storage.changes import (
    AdjustQuantity,
    Applied,
    ChangeGroup,
    GroupRejectedError,
    ItemKey,
    Origin,
    Policy,
    Refused,
    SetQuantity,
)
from storage.database import Database
from storage.errors import ErrorCode, InventoryError
from storage.tables import IdempotencyRecord, LedgerEntry
from tests.builders import a_change, a_group, a_transfer
from tests.storage.reading import on_hand, rows, written


def once(*changes: Any, **values: Any) -> ChangeGroup:
    changes = changes or (a_change(quantity=AdjustQuantity(5)),)
    return a_group(*changes, **{"idempotency_key": "once", **values})


async def apply(database: Database, group: ChangeGroup) -> Applied:
    return await database.transact(inventory.apply, group)


async def test_a_replay_gives_the_stored_answer_and_writes_nothing(catalogue: Database) -> None:
    first = await apply(catalogue, once())
    before = await written(catalogue)
    again = await apply(catalogue, once())
    assert again == replace(first, replayed=True)
    assert await written(catalogue) == before


async def test_eight_replays_at_once_write_once(catalogue: Database) -> None:
    results = await asyncio.gather(*(apply(catalogue, once()) for _ in range(8)))
    assert sorted(result.replayed for result in results) == [False, *[True] * 7]
    assert all(result.outcomes == results[0].outcomes for result in results)
    assert await on_hand(catalogue) == {(1, 1): 5}
    assert len(await rows(catalogue, LedgerEntry)) == 1


OTHER_REQUESTS = [
    once(a_change(quantity=AdjustQuantity(6))),
    once(a_change(quantity=SetQuantity(5))),
    once(a_change(2, quantity=AdjustQuantity(5))),
    once(a_change(1, 2, quantity=AdjustQuantity(5))),
    once(a_change(quantity=AdjustQuantity(5), expected_quantity=0)),
    once(a_change(quantity=AdjustQuantity(5)), a_change()),
    once(policy=Policy.KEEP_GOING),
    once(refuse_disabled=True),
    once(a_transfer()),
    once(origin=Origin("test", principal="tests", note="another")),
    once(origin=Origin("another", principal="tests")),
]


async def test_a_transfer_is_replayed_with_both_its_ends(catalogue: Database) -> None:
    await apply(catalogue, a_group(a_change()))
    group = once(a_transfer(quantity=4), a_transfer(quantity=9), policy=Policy.KEEP_GOING)
    first = await apply(catalogue, group)
    assert await apply(catalogue, group) == replace(first, replayed=True)
    assert await on_hand(catalogue) == {(1, 1): 6, (1, 2): 4}


async def test_another_request_under_a_used_key_is_refused(catalogue: Database) -> None:
    await apply(catalogue, once())
    before = await written(catalogue)
    for other in OTHER_REQUESTS:
        with pytest.raises(InventoryError) as refusal:
            await apply(catalogue, other)
        assert refusal.value.code == ErrorCode.IDEMPOTENCY_KEY_REUSED
    assert await written(catalogue) == before


async def test_what_only_carries_a_request_makes_no_other_request(catalogue: Database) -> None:
    await apply(catalogue, once(origin=Origin("test", principal="tests", request_id="1")))
    assert (await apply(catalogue, once(origin=Origin("test", principal="tests", request_id="2")))).replayed


async def test_keys_of_different_callers_have_nothing_to_do_with_each_other(catalogue: Database) -> None:
    callers = [
        Origin("test", 1, "tests"),
        Origin("test", 2, "tests"),
        Origin("test", None, "tests"),
        Origin("test", None, "1"),
    ]
    assert not any([(await apply(catalogue, once(origin=origin))).replayed for origin in callers])
    assert await on_hand(catalogue) == {(1, 1): 20}


async def test_a_rejected_group_does_not_use_up_its_key(catalogue: Database) -> None:
    group = once(a_change(quantity=AdjustQuantity(-1)))
    with pytest.raises(GroupRejectedError):
        await apply(catalogue, group)
    assert await rows(catalogue, IdempotencyRecord) == []
    await apply(catalogue, a_group(a_change(quantity=SetQuantity(1))))
    assert not (await apply(catalogue, group)).replayed


async def test_a_group_without_an_accepted_change_is_replayed_too(catalogue: Database) -> None:
    await apply(catalogue, a_group(a_change()))
    unreadable = Refused(ErrorCode.INVALID_LINE, "Invalid data format: \0.")
    lines = [a_change(), a_change(9), a_change(quantity=AdjustQuantity(-11)), unreadable]
    group = once(*lines, policy=Policy.KEEP_GOING)
    first = await apply(catalogue, group)
    assert first.group_id is None
    await apply(catalogue, a_group(a_change(quantity=SetQuantity(99))))
    assert await apply(catalogue, group) == replace(first, replayed=True)
    assert await on_hand(catalogue) == {(1, 1): 99}


async def test_replays_of_a_group_that_is_rejected_at_once_are_all_rejected(catalogue: Database) -> None:
    group = once(a_change(quantity=AdjustQuantity(-1)))
    results = await asyncio.gather(*(apply(catalogue, group) for _ in range(8)), return_exceptions=True)
    assert all(isinstance(result, GroupRejectedError) for result in results)
    assert await rows(catalogue, IdempotencyRecord) == []


async def test_any_printable_key_will_do(catalogue: Database) -> None:
    for key in ("k", "x" * 255, "order 12/3: 'ю' \"%_\\", "💡"):
        assert not (await apply(catalogue, once(idempotency_key=key))).replayed
        assert (await apply(catalogue, once(idempotency_key=key))).replayed


async def test_a_key_that_cannot_be_kept_is_refused(catalogue: Database) -> None:
    for key in ("", " ", "x" * 256, "a\0b", "a\nb", "\x7f", "\ud800", "\u2028"):
        with pytest.raises(InventoryError, match="printable") as refusal:
            await apply(catalogue, once(idempotency_key=key))
        assert refusal.value.field == "idempotency_key"
    assert await on_hand(catalogue) == {}


async def test_the_strangest_texts_in_a_request_are_fingerprinted(catalogue: Database) -> None:
    group = once(a_change(items=(ItemKey("sku", "\ud800\0"),)), policy=Policy.KEEP_GOING)
    await apply(catalogue, group)
    assert (await apply(catalogue, group)).replayed
