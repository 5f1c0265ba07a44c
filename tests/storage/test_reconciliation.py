"""The ledger explains every level, or reconcile says where it does not."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from storage import inventory, reconciliation
from storage.changes import AdjustQuantity
from storage.database import Database
from tests.builders import a_change, a_group

DRIFTS = {
    "UPDATE stock_level SET on_hand = 25 WHERE product_id = 1 AND location_id = 1": (
        "product 1 at location 1: 25 on hand at version 2, but the ledger says 7 at version 2", 25
    ),
    "UPDATE stock_level SET version = 9 WHERE product_id = 1 AND location_id = 1": (
        "product 1 at location 1: 7 on hand at version 9, but the ledger says 7 at version 2", 7
    ),
    "UPDATE stock_level SET on_hand = NULL WHERE product_id = 1 AND location_id = 1": (
        "product 1 at location 1: None on hand at version 2, but the ledger says 7 at version 2", None
    ),
    "DELETE FROM stock_level WHERE product_id = 1 AND location_id = 1": (
        "product 1 at location 1: no stock level, but the ledger says 7 on hand", 7
    ),
    "DELETE FROM ledger_entry WHERE product_id = 1 AND location_id = 1": (
        "product 1 at location 1: 7 on hand at version 2, but the ledger has no entry and adds up to 0", 7
    ),
    "DELETE FROM ledger_entry WHERE product_id = 1 AND location_id = 1 AND version = 1": (
        "product 1 at location 1: 7 on hand at version 2, but the ledger says 7 at version 2 and adds up to -3", 7
    ),
}  # fmt: skip


@pytest.fixture
async def stocked(catalogue: Database) -> Database:
    """Product 1 went from 10 to 7 at location 1; product 4 has 10 at both."""
    group = a_group(a_change(1, 1), a_change(1, 1, quantity=AdjustQuantity(-3)), a_change(4, 1), a_change(4, 2))
    await catalogue.transact(inventory.apply, group)
    return catalogue


async def execute(session: Any, statement: str) -> Any:
    result = await session.execute(text(statement))
    return result.all() if result.returns_rows else None


async def test_what_the_write_path_wrote_is_explained(stocked: Database) -> None:
    assert await stocked.read(reconciliation.drifts) == []
    assert await stocked.transact(reconciliation.repair) == []


@pytest.mark.parametrize(("statement", "message", "after"), [(key, *value) for key, value in DRIFTS.items()])
async def test_a_drift_is_found_and_repaired_by_one_entry(
    stocked: Database, statement: str, message: str, after: int | None
) -> None:
    await stocked.transact(execute, statement)
    assert list(map(str, await stocked.read(reconciliation.drifts))) == [message]
    count = "SELECT count(*) FROM ledger_entry"
    [(entries,)] = await stocked.read(execute, count)
    assert len(await stocked.transact(reconciliation.repair)) == 1
    assert await stocked.read(reconciliation.drifts) == []
    assert await stocked.read(execute, count) == [(entries + 1,)]
    level = "SELECT on_hand FROM stock_level WHERE product_id = 1 AND location_id = 1"
    assert await stocked.read(execute, level) == [(after,)]
    said = "SELECT dialect FROM stock_change_group ORDER BY id DESC LIMIT 1"
    assert await stocked.read(execute, said) == [("reconcile",)]


async def test_a_deleted_product_leaves_its_history_in_peace(stocked: Database) -> None:
    for table, column in (("stock_level", "product_id"), ("product", "id")):
        await stocked.transact(execute, f"DELETE FROM {table} WHERE {column} = 1")
    assert await stocked.read(reconciliation.drifts) == []
