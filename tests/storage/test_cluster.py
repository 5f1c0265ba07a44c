"""What a cluster needs of us, on what PostgreSQL itself has: levels and ledger in four shards, by hash of the product.

There is no Citus here. What these tests know is which shards a statement reads and writes, which locks a transaction
holds and which counters it turns; storage/README.md says what else Citus asks for.
"""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import literal, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from storage import inventory, reconciliation, stock_levels
from storage.changes import AdjustQuantity
from storage.conditions import on_hand_at
from storage.database import Database
from storage.stock_levels import StockFilter
from storage.tables import LedgerEntry, LedgerOpening, StockLevel
from storage.upsert import table_of
from tests.builders import EPOCH, a_change, a_group, a_product, a_transfer
from tests.storage.reading import ledger_sums, on_hand

pytestmark = pytest.mark.parametrize("template_url", ["postgresql"], indirect=True)
DISTRIBUTED = [table_of(model).name for model in (StockLevel, LedgerEntry, LedgerOpening)]
SHARDS = 4
_entry, _level = table_of(LedgerEntry).c, table_of(StockLevel).c
_TOUCHED = """
    SELECT relname FROM pg_stat_xact_user_tables
    WHERE relname ~ '_shard_' AND seq_scan + coalesce(idx_scan, 0) + n_tup_ins + n_tup_upd + n_tup_del > 0"""

_AS_OF_MANY_ROWS = "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
"""Of few rows PostgreSQL reads all shards, which is quicker; of many it looks each one up by its key."""


@pytest.fixture
async def shards(catalogue: Database) -> Database:
    """The small catalogue and forty products more; all keys and indexes are the ones that there are."""

    async def distribute(session: AsyncSession) -> None:
        session.add_all([a_product(n) for n in range(100, 140)])
        for name in DISTRIBUTED:
            await session.execute(text(f"ALTER TABLE {name} RENAME TO {name}_whole"))
            like = f"(LIKE {name}_whole INCLUDING ALL) PARTITION BY HASH (product_id)"
            await session.execute(text(f"CREATE TABLE {name} {like}"))
            for n in range(SHARDS):
                values = f"FOR VALUES WITH (MODULUS {SHARDS}, REMAINDER {n})"
                await session.execute(text(f"CREATE TABLE {name}_shard_{n} PARTITION OF {name} {values}"))
            if name == "ledger_entry":
                await session.execute(text("ALTER SEQUENCE ledger_entry_sequence_seq OWNED BY ledger_entry.sequence"))
            await session.execute(text(f"DROP TABLE {name}_whole"))

    await catalogue.transact(distribute)
    return catalogue


async def touched(database: Database, operation: Any, *args: Any) -> dict[str, set[str]]:
    """The shards, by table, that an operation reads or writes; it is taken back."""

    async def watched(session: AsyncSession) -> dict[str, set[str]]:
        for setting in _AS_OF_MANY_ROWS.split("; "):
            await session.execute(text(setting))
        before = set((await session.execute(text(_TOUCHED))).scalars())
        assert not before, "the statistics of an earlier transaction were not told yet"
        await operation(session, *args)
        found: dict[str, set[str]] = {}
        for name in (await session.execute(text(_TOUCHED))).scalars():
            table, _, shard = name.partition("_shard_")
            found.setdefault(table, set()).add(shard)
        return found

    await database.engine.dispose()  # each on a connection of its own: nothing is left to tell of another one's
    return await database.rehearse(watched)


async def test_a_change_of_one_product_is_on_one_shard_and_a_bulk_comes_to_the_same(shards: Database) -> None:
    ids = range(100, 140)
    await shards.transact(inventory.apply, a_group(*(a_change(n, 1 + n % 2) for n in ids)))
    assert await on_hand(shards) == {(n, 1 + n % 2): 10 for n in ids} == await ledger_sums(shards)
    used = set()
    for item in (100, 101, 102, 103, 104):
        adjusted = a_change(item, 1 + item % 2, quantity=AdjustQuantity(-1))
        for group in (a_group(adjusted), a_group(a_transfer(item, 1 + item % 2, 2 - item % 2), adjusted)):
            found = await touched(shards, inventory.apply, group)
            assert set(found) == {"stock_level", "ledger_entry"}
            assert found["stock_level"] == found["ledger_entry"], "they are together"
            [shard] = found["stock_level"]
            used.add(shard)
    assert len(used) > 1
    bulk = await touched(shards, inventory.apply, a_group(*(a_change(n, 1) for n in ids)))
    assert {len(where) for where in bulk.values()} == {SHARDS}
    assert await shards.read(reconciliation.drifts) == []


async def test_what_is_read_by_product_is_on_one_shard_and_a_list_or_the_feed_is_not(shards: Database) -> None:
    await shards.transact(inventory.apply, a_group(*(a_change(n, 1) for n in range(100, 140))))

    async def history(session: AsyncSession) -> None:
        found = select(_entry.sequence).where(_entry.product_id == 100, _entry.location_id == 1)
        assert (await session.execute(found.order_by(_entry.sequence.desc()).limit(20))).all()

    async def past(session: AsyncSession) -> None:
        level = select(literal(100).label("product_id"), literal(1).label("location_id")).subquery().c
        await session.execute(select(on_hand_at(level, EPOCH)))

    async def of_level(session: AsyncSession) -> None:
        assert (await session.execute(select(_level.on_hand).where(_level.product_id == 100))).all()

    async def feed(session: AsyncSession) -> None:
        await session.execute(select(_entry.sequence).where(_entry.sequence > 7).order_by(_entry.sequence).limit(20))

    for read in (history, past, of_level):
        assert {len(where) for where in (await touched(shards, read)).values()} == {1}, read.__name__
    items = await touched(shards, stock_levels.of_items, [100], StockFilter([1, 2]))
    assert {len(where) for where in items.values()} == {SHARDS}, "a list is looked up everywhere: the planner sees none"
    assert len((await touched(shards, feed))["ledger_entry"]) == SHARDS, "the feed is of all products"


async def test_a_write_locks_rows_of_its_own_and_turns_two_counters(catalogue: Database) -> None:
    """No lock that a write of another product waits for, and no counter but that of the ledger and that of groups."""
    counters = text("SELECT sequencename, coalesce(last_value, 0) FROM pg_sequences ORDER BY 1")
    locks = text("""
        SELECT locktype, mode, coalesce(relation::regclass::text, '') FROM pg_locks
        WHERE pid = pg_backend_pid() AND locktype NOT IN ('virtualxid', 'transactionid')""")

    async def write(session: AsyncSession) -> tuple[set[Any], set[Any]]:
        before = {tuple(row) for row in await session.execute(counters)}
        await inventory.apply(session, a_group(a_change(1, 1), a_change(2, 2), idempotency_key="a"))
        turned = {row[0] for row in await session.execute(counters) if tuple(row) not in before}
        return turned, {tuple(row) for row in await session.execute(locks)}

    turned, held = await catalogue.transact(write)
    assert turned == {"ledger_entry_sequence_seq", "stock_change_group_id_seq"}
    assert {mode for kind, mode, _ in held if kind == "relation"} <= {
        "AccessShareLock", "RowShareLock", "RowExclusiveLock"
    }  # fmt: skip
    assert {(kind, mode) for kind, mode, _ in held if kind != "relation"} == {("advisory", "ShareLock")}


async def test_every_key_of_what_is_distributed_has_the_product(catalogue: Database) -> None:
    keys = text("""
        SELECT conrelid::regclass::text, array_agg(attname::text) FROM pg_constraint
        JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY(conkey)
        WHERE contype IN ('p', 'u') AND conrelid = ANY (CAST(:names AS text[])::regclass[]) GROUP BY oid, conrelid""")
    async with catalogue.engine.connect() as connection:
        found = (await connection.execute(keys, {"names": DISTRIBUTED})).all()
    assert {name for name, _ in found} == set(DISTRIBUTED)
    assert all("product_id" in columns for _, columns in found), found
