"""What the engines say they would do with a statement: which big tables they read whole, which indexes they use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncConnection

BIG: Final = frozenset(
    {"product", "stock_level", "ledger_entry", "stock_change_group", "catalog_change", "stock_alert"}
)
_STOPS: Final = frozenset({"Sort", "Aggregate", "Hash", "Materialize", "Unique"})
"""Nodes that take all rows before they give one."""


@dataclass
class Explained:
    """`walks` are big tables that are read from one end, in the order of an index or of the table, until somebody has
    seen enough; `wholes` those that are read to the end, whatever is wanted of them."""

    walks: set[str] = field(default_factory=set)
    wholes: set[str] = field(default_factory=set)
    indexes: set[str] = field(default_factory=set)


_PARTS: Final = """SELECT part.relname, whole.relname FROM pg_inherits
    JOIN pg_class part ON part.oid = inhrelid JOIN pg_class whole ON whole.oid = inhparent"""


async def explained(connection: AsyncConnection, sql: str, values: Sequence[Any]) -> Explained:
    """What would be done with a statement as the driver gets it. Partitions and their indexes are what they are of."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    if connection.dialect.name == "sqlite":
        return _of_sqlite(sql, await driver.execute_fetchall(f"EXPLAIN QUERY PLAN {sql}", values))
    found = await driver.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *values)
    [top] = json.loads(found) if isinstance(found, str) else found
    told = Explained()
    _of_postgres(top["Plan"], told, {row[0]: row[1] for row in await driver.fetch(_PARTS)}, bounded=False)
    return told


def as_sent(connection: AsyncConnection, statement: Executable, values: dict[str, Any]) -> tuple[str, list[Any]]:
    """A statement's text and values, as SQLAlchemy gives them to the driver."""
    compiled: Any = statement.compile(dialect=connection.dialect)  # type: ignore[attr-defined]
    expanded = compiled._process_parameters_for_postcompile(compiled.construct_params(values))
    processors = {**compiled._bind_processors, **expanded.processors}
    parameters = {**compiled.construct_params(values), **expanded.additional_parameters}
    names = expanded.positiontup or compiled.positiontup or ()
    return expanded.statement, [
        processors[name](parameters[name]) if name in processors else parameters[name] for name in names
    ]


def _of_sqlite(sql: str, rows: Sequence[Sequence[Any]]) -> Explained:
    """Rows have their own number and that of the step they belong to. A table's step that is followed by a sort in the
    same select is read to its end."""
    aliases = {**{name: name for name in BIG}, **dict(_aliases(sql))}
    sorted_ = {parent for _, parent, _, text in rows if text.endswith("ORDER BY")}
    told = Explained()
    for _, parent, _, text in rows:
        told.indexes.update(re.findall(r"INDEX (\w+)", text))
        scan = re.match(r"SCAN (\w+)", text)
        if scan and (table := aliases.get(scan[1])):
            (told.wholes if parent in sorted_ else told.walks).add(table)
    return told


def _aliases(sql: str) -> Iterator[tuple[str, str]]:
    return ((alias, table) for table, alias in re.findall(rf"\b({'|'.join(BIG)}) AS \"?(\w+)", sql))


def _of_postgres(node: dict[str, Any], told: Explained, parts: Mapping[str, str], *, bounded: bool) -> None:
    """`bounded`: whoever takes its rows stops when it has enough."""
    kind = node["Node Type"]
    if index := node.get("Index Name"):
        told.indexes.add(parts.get(index, index))
    name = node.get("Relation Name", "")
    table = parts.get(name, name)
    reads_all = kind == "Seq Scan" or (kind in {"Index Scan", "Index Only Scan"} and "Index Cond" not in node)
    if table in BIG and reads_all and node["Plan Rows"] > 1:  # it takes empty partitions for a row each
        (told.walks if bounded and kind != "Seq Scan" else told.wholes).add(table)
    for child in node.get("Plans", ()):
        relation = child.get("Parent Relationship")
        apart = relation in {"InitPlan", "SubPlan"} or (kind == "Nested Loop" and relation == "Inner")
        if kind == "Limit" and node["Plan Rows"] == 1 and "Filter" not in child:
            told.indexes.update({child["Index Name"]} if "Index Name" in child else ())
            continue  # the least or the greatest there is
        inherits = (bounded or kind == "Limit") and kind not in _STOPS and not apart
        _of_postgres(child, told, parts, bounded=inherits)
