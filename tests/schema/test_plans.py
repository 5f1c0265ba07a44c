"""What an engine does with a statement: where there is an index, it does not read the whole table."""

from __future__ import annotations

import re
from typing import Any

import pytest

import schema
from schema.operations import Operation
from schema.plans import Plan
from tests.schema.caller import Caller

BIG = ("stock_level", "ledger_entry")
QUERIES = [
    "stockLevels(first: 5) { nodes { id } }",
    "stockLevels(first: 5, orderBy: LOCATION, direction: DESC) { nodes { id } }",
    'stockLevels(first: 5, filter: {skus: ["SKU-1"]}) { nodes { id } }',
    'stockLevels(first: 5, filter: {gtins: ["40000001"]}) { nodes { id } }',
    "stockLevels(first: 5, filter: {productIds: [1, 2]}) { nodes { id } }",
    'stockLevels(first: 5, filter: {searchPrefix: "prod"}) { nodes { id } }',
    "stockLevels(first: 5, filter: {locations: [{id: 1}]}) { nodes { id } }",
    "stockLevels(first: 5, filter: {changedSinceSequence: 100}) { nodes { id } }",
    "products(first: 5, filter: {changedSinceSequence: 100}) { nodes { id } }",
    "products(first: 5, filter: {notStockedAt: [{id: 1}]}) { nodes { id } }",
    "lowStock(first: 5, orderBy: AVAILABLE) { nodes { id } }",
    'stockLevelsBySku(skus: ["SKU-1"]) { stockLevels { onHand } }',
    "stockChanges(first: 5) { nodes { id reason counterpart { id } } }",
    "stockChanges(first: 5, filter: {locations: [{id: 1}]}) { nodes { id } }",
    "stockChanges(first: 5, filter: {productIds: [1]}) { nodes { id } }",
    "stockChanges(first: 5, filter: {groupId: 1}) { nodes { id } }",
    "changes(afterSequence: 7) { changes { sequence entry { delta } } }",
    """node(id: "gid://stockgate/StockLevel/1-1") { ... on StockLevel {
        onHandAt(time: "2026-01-01") history { nodes { id } } } }""",
    """node(id: "gid://stockgate/StockChangeGroup/1") { ... on StockChangeGroup { entries { id counterpart { id } }
        reversedBy { id } } }""",
]


def compiled(caller: Caller, field: str) -> Plan:
    """The statement of a query's only field."""
    operation = schema.operations.prepare(f"{{ {field} }}", None)
    assert isinstance(operation, Operation)
    caller.runner.run(schema.operations.execute(operation, caller.context(), {}))
    [[(_, plan)]] = [plans for key, plans in operation.plans.items() if caller.database.name in key]
    assert isinstance(plan, Plan)
    return plan


async def _explained(caller: Caller, sql: str, values: list[Any]) -> str:
    """What the engine says it does; PostgreSQL when it avoids reading whole tables, which are small here."""
    async with caller.database.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        if caller.database.name == "sqlite":
            return "\n".join(row[3] for row in await driver.execute_fetchall(f"EXPLAIN QUERY PLAN {sql}", values))
        await driver.execute("SET enable_seqscan = off")
        try:
            return "\n".join(row[0] for row in await driver.fetch(f"EXPLAIN {sql}", *values))
        finally:
            await driver.execute("RESET enable_seqscan")


@pytest.mark.parametrize("field", QUERIES)
def test_no_big_table_is_read_as_a_whole(large: Caller, field: str) -> None:
    plan, context = compiled(large, field), large.context()
    viewer = {"locations": None, "cap": None, "now": context.clock()}
    values = plan.values({"variables": {}, "viewer": viewer, "feed": {"horizon": 10**6}})
    done = large.runner.run(_explained(large, plan.sql, values))
    if large.database.name == "postgresql":
        assert not [table for table in BIG if re.search(rf"Seq Scan on {table}(_\w+)?\b", done)], done
        return
    names = {alias for table in BIG for alias in (table, *re.findall(rf"\b{table} AS (\w+)", plan.sql))}
    read = {name for name in re.findall(r"^SCAN (\w+)$", done, re.MULTILINE) if name in names}
    newest_first = field.startswith("stockChanges(first: 5)")  # from the end, and no further than the page goes
    assert not read or newest_first, done
