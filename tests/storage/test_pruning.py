"""Pruning the ledger: what is old goes, and everything that the ledger explains stays explained."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import literal, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import (
    feed_entries,
    inventory,
    ledger_partitions,
    openings,
    pruning,
    reconciliation,
    reversals,
    webhook_endpoints,
)
from storage.changes import AdjustQuantity, Origin, Reason, SetQuantity
from storage.columns import Timestamp
from storage.conditions import levels_changed_since, on_hand_at
from storage.database import Database
from storage.errors import ErrorCode, InventoryError, SequencePrunedError
from storage.feed_entries import Wanted
from storage.ledger_partitions import Month
from storage.retention import BATCH, BusyError
from storage.tables import FeedReader, LedgerEntry, LedgerOpening, StockChangeGroup, StockLevel, WebhookEndpoint
from storage.upsert import insert_rows, table_of
from tests.builders import a_change, a_group, a_transfer
from tests.storage.reading import on_hand, rows
from tests.storage.test_webhook_events import an_endpoint

NOW = Month.of(datetime.now(UTC))
_level = table_of(StockLevel)


def ago(months: int, days: int = 0) -> datetime:
    """A time so many months before this one began, and so many days on."""
    return NOW.later(-months).start + timedelta(days=days)


async def apply(database: Database, time: datetime, *changes: Any, **values: Any) -> int:
    """The number of a group that was written at that time."""
    applied = await database.transact(inventory.apply, a_group(*changes, **values))

    async def date(session: AsyncSession) -> None:
        groups, entry = table_of(StockChangeGroup), table_of(LedgerEntry)
        await session.execute(update(groups).where(groups.c.id == applied.group_id).values(created_at=time))
        await session.execute(update(entry).where(entry.c.group_id == applied.group_id).values(created_at=time))

    await database.transact(date)
    assert applied.group_id is not None
    return applied.group_id


async def prune(database: Database, before: datetime, steps: int | None = None) -> int:
    """How many entries went. The ledger explains every level after every step."""
    removed = 0
    old = await database.read(pruning.survey, before)
    pruned = pruning.prune(database, old)
    async for number in pruned:
        removed += number
        assert await database.read(reconciliation.drifts) == []
        if steps is not None and (steps := steps - 1) == 0:
            await pruned.aclose()
            return removed
    assert removed == old.entries
    return removed


async def explained(database: Database) -> dict[tuple[int, int], int]:
    """The sum of each level's deltas and of its opening's."""
    sums: dict[tuple[int, int], int] = {}
    for model in (LedgerEntry, LedgerOpening):
        for row in await rows(database, model):
            key = row["product_id"], row["location_id"]
            sums[key] = sums.get(key, 0) + row["delta"]
    return sums


async def sequences(database: Database) -> Sequence[int]:
    return [row["sequence"] for row in await rows(database, LedgerEntry)]


async def test_what_is_old_goes_and_its_sum_stays(catalogue: Database) -> None:
    await apply(catalogue, ago(9), a_change(1, 1), a_change(1, 2), a_change(2, 1, regular_price=Decimal("7.50")))
    await apply(catalogue, ago(8, 3), a_transfer(1, 1, 2), a_change(1, 1, quantity=AdjustQuantity(-4)))
    kept = await apply(catalogue, ago(5), a_change(1, 1, quantity=AdjustQuantity(2)))
    before, quantities = await rows(catalogue, StockLevel), await on_hand(catalogue)
    assert await prune(catalogue, ago(6)) == 6
    assert (await rows(catalogue, StockLevel), await explained(catalogue)) == (before, quantities)
    assert [row["group_id"] for row in await rows(catalogue, LedgerEntry)] == [kept]
    assert [row["id"] for row in await rows(catalogue, StockChangeGroup)] == [kept]
    shown = ("product_id", "location_id", "sequence", "entries", "delta", "on_hand", "version", "created_at")
    opened = [tuple(row[name] for name in shown) for row in await rows(catalogue, LedgerOpening)]
    assert opened == [
        (1, 1, 6, 3, 5, 5, 3, ago(8, 3)),
        (1, 2, 5, 2, 11, 11, 2, ago(8, 3)),
        (2, 1, 3, 1, 10, 10, 1, ago(9)),
    ]
    assert await prune(catalogue, ago(6)) == 0, "again nothing is old"
    assert await prune(catalogue, ago(4)) == 1
    assert (await rows(catalogue, LedgerEntry), await explained(catalogue)) == ([], quantities)
    assert await catalogue.read(reconciliation.drifts) == []
    [first, *_] = await rows(catalogue, LedgerOpening)
    assert (first["entries"], first["sequence"], first["on_hand"]) == (4, 7, 7)


async def test_readers_of_what_was_know_the_openings(catalogue: Database) -> None:
    await apply(catalogue, ago(9), a_change(1, 1), a_change(2, 1))
    await apply(catalogue, ago(8), a_change(2, 2))
    await apply(catalogue, ago(3), a_change(1, 1, quantity=SetQuantity(4)))

    async def at(time: datetime) -> dict[tuple[int, int], int | None]:
        found = on_hand_at(_level.c, literal(time, Timestamp()))

        async def read(session: AsyncSession) -> Any:
            return (await session.execute(select(_level.c.product_id, _level.c.location_id, found))).all()

        return {(row[0], row[1]): row[2] for row in await catalogue.read(read)}

    async def changed(after: int) -> Any:
        found = select(_level.c.product_id, _level.c.location_id).where(levels_changed_since(_level.c, lambda: after))
        return await catalogue.read(lambda session: _all(session, found.order_by(*_level.primary_key)))

    since = [await changed(n) for n in range(5)]
    assert since[2] == [(1, 1), (2, 2)]
    then = await at(ago(4))
    await prune(catalogue, ago(6))
    assert [await changed(n) for n in range(5)] == since
    assert await at(ago(4)) == then == {(1, 1): 10, (2, 1): 10, (2, 2): 10}
    assert await at(ago(2)) == {**then, (1, 1): 4}
    assert await at(ago(10)) == dict.fromkeys(then)
    assert await catalogue.read(openings.pruned_up_to) == 3
    assert await catalogue.read(feed_entries.stock_page, Wanted(), 3, 99) == [4]
    with pytest.raises(SequencePrunedError, match="up to sequence 3"):
        await catalogue.read(feed_entries.stock_page, Wanted(), 2, 99)


async def _all(session: AsyncSession, statement: Any) -> Any:
    return [tuple(row) for row in (await session.execute(statement)).all()]


async def test_groups_that_others_take_back_stay_as_long_as_these(catalogue: Database) -> None:
    origin = Origin("test", principal="tests", reason=Reason.REVERSAL)
    first = await apply(catalogue, ago(9), a_change(1, 1))
    chain = [await apply(catalogue, ago(9), a_change(2, 1))]
    for _ in range(3):
        back = a_change(2, 1, quantity=AdjustQuantity(-10 if len(chain) % 2 else 10))
        chain.append(await apply(catalogue, ago(9), back, reverses=chain[-1]))
    young = (await catalogue.transact(reversals.reverse, first, origin)).group_id
    assert await prune(catalogue, ago(6)) == 5
    assert [row["id"] for row in await rows(catalogue, StockChangeGroup)] == [first, young]
    for group_id, code in ((first, ErrorCode.GROUP_PRUNED), (chain[0], ErrorCode.GROUP_NOT_FOUND)):
        with pytest.raises(InventoryError) as refused:
            await catalogue.transact(reversals.reverse, group_id, origin)
        assert refused.value.code is code
    assert young is not None
    await catalogue.transact(reversals.reverse, young, origin)


async def test_pruning_may_stop_anywhere_and_go_on_beside_writers(catalogue: Database) -> None:
    """Two and a half batches of one level, of which a month is dropped on PostgreSQL and the rest is in between."""
    if catalogue.name == "postgresql":
        assert await catalogue.transact(ledger_partitions._make, NOW.later(-7))
    for n in range(5):
        lines = [a_change(1, 1, quantity=AdjustQuantity(1))] * (BATCH // 2)
        await apply(catalogue, ago(7 - n // 2, n), *lines)
    stopping = asyncio.Event()

    async def sell() -> int:
        sold = 0
        while not stopping.is_set():
            await catalogue.transact(inventory.apply, a_group(a_change(1, 1, quantity=AdjustQuantity(-1))))
            sold += 1
        return sold

    selling = asyncio.create_task(sell())
    assert await prune(catalogue, ago(4), steps=1) == BATCH
    assert await prune(catalogue, ago(4), steps=1) == BATCH
    assert await prune(catalogue, ago(4)) == BATCH // 2
    stopping.set()
    left = BATCH * 5 // 2 - await selling
    assert await on_hand(catalogue) == {(1, 1): left} == await explained(catalogue)
    if catalogue.name == "postgresql":
        assert NOW.later(-7) not in await catalogue.read(ledger_partitions.months)


async def test_what_drifted_is_repaired_from_openings_too(catalogue: Database) -> None:
    await apply(catalogue, ago(9), a_change(1, 1), a_change(1, 2))
    await prune(catalogue, ago(6))

    async def damage(session: AsyncSession) -> None:
        await session.execute(text("UPDATE stock_level SET on_hand = 12 WHERE location_id = 1"))
        await session.execute(text("DELETE FROM stock_level WHERE location_id = 2"))

    await catalogue.transact(damage)
    found = [str(drift) for drift in await catalogue.transact(reconciliation.repair)]
    assert found[0].endswith("12 on hand at version 1, but the ledger says 10 at version 1")
    assert found[1].endswith("no stock level, but the ledger says 10 on hand")
    assert await on_hand(catalogue) == {(1, 1): 12, (1, 2): 10} == await explained(catalogue)
    assert await catalogue.read(reconciliation.drifts) == []


@pytest.mark.parametrize("template_url", ["postgresql"], indirect=True)  # SQLite has one writer anyway
async def test_one_process_prunes_at_a_time(catalogue: Database) -> None:
    await apply(catalogue, ago(9), a_change(1, 1))
    async with catalogue.engine.begin() as other:
        await other.execute(text("SELECT pg_advisory_xact_lock(7402518937)"))
        with pytest.raises(BusyError):
            await prune(catalogue, ago(6))
    assert await prune(catalogue, ago(6)) == 1


async def test_what_an_endpoint_or_a_reader_has_not_had_yet_stays_however_old(catalogue: Database) -> None:
    async def stand(position: int, model: Any, **where: Any) -> None:
        async def write(session: AsyncSession) -> None:
            table = table_of(model)
            columns = [table.c[name] == value for name, value in where.items()]
            await session.execute(update(table).where(*columns).values(position=position))

        await catalogue.transact(write)

    for time in (ago(9), ago(9, 1), ago(8), ago(8, 1), ago(7)):
        await apply(catalogue, time, a_change(1, 1, quantity=AdjustQuantity(1)))
    stock = await catalogue.transact(webhook_endpoints.create, an_endpoint(name="ERP", topics=("stock.changed",)))
    await catalogue.transact(webhook_endpoints.create, an_endpoint(topics=("product.*",)))
    await stand(0, WebhookEndpoint, name="ERP")
    await catalogue.transact(insert_rows, FeedReader, [{"name": "alerts", "position": 3, "updated_at": ago(0)}])
    assert await prune(catalogue, ago(6)) == 0

    await stand(4, WebhookEndpoint, name="ERP")
    old = await catalogue.read(pruning.survey, ago(6))
    assert (old.last, old.entries, old.kept_for) == (3, 3, (3, "the reader 'alerts'"))
    assert await prune(catalogue, ago(6)) == 3
    await stand(5, FeedReader)
    old = await catalogue.read(pruning.survey, ago(6))
    assert old.kept_for == (4, f"webhook endpoint {stock.id} (ERP)")

    # whoever is resumed between the look and the step is minded, too
    await catalogue.transact(webhook_endpoints.pause, stock.id)
    old = await catalogue.read(pruning.survey, ago(6))
    assert (old.last, old.kept_for) == (5, None)
    await catalogue.transact(webhook_endpoints.resume, stock.id)
    assert sum([number async for number in pruning.prune(catalogue, old)]) == 1
    assert list(await sequences(catalogue)) == [5]
    await catalogue.transact(webhook_endpoints.disable, stock.id, "It answered 410 Gone.")
    assert await prune(catalogue, ago(6)) == 1
