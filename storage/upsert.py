"""Bulk inserts: the one place where SQLite's and PostgreSQL's INSERT differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast

from sqlalchemy import Table, bindparam, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from storage.json_rows import json_text, rows_from
from storage.prepared import Prepared

_INSERTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}

Row = Mapping[str, Any]
Rows = Sequence[Row] | Sequence[tuple[Any, ...]]
"""All with the same columns: mappings by column, or tuples in the order of `columns`."""


def table_of(model: type[SQLModel]) -> Table:
    """The table behind a table class."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table


async def insert_rows(
    session: AsyncSession,
    model: type[SQLModel],
    rows: Rows,
    *,
    columns: Sequence[str] = (),
    shared: Row | None = None,
) -> int:
    """Insert rows, in order, and say how many. Prices are Decimals, times are datetimes.

    `shared` are the columns that have one value in all rows: it travels once.
    """
    return await _run(session, model, rows, columns=columns, shared=shared)


async def insert_missing(
    session: AsyncSession,
    model: type[SQLModel],
    rows: Rows,
    *,
    key: tuple[str, ...],
    columns: Sequence[str] = (),
    shared: Row | None = None,
) -> int:
    """Insert the rows whose key is not there yet, leave the others as they are, and say how many were inserted."""
    return await _run(session, model, rows, key=key, columns=columns, shared=shared)


async def upsert_rows(
    session: AsyncSession,
    model: type[SQLModel],
    rows: Rows,
    *,
    key: tuple[str, ...],
    columns: Sequence[str] = (),
    shared: Row | None = None,
) -> int:
    """Insert the rows whose key is not there yet, give the others these values, and say how many rows there were."""
    return await _run(session, model, rows, key=key, columns=columns, shared=shared, updates=True)


class _Shape(NamedTuple):
    """What the text of a statement depends on: never on the number of rows."""

    engine: str
    table: Table
    columns: tuple[str, ...]
    shared: tuple[str, ...]
    key: tuple[str, ...]
    updates: bool


async def _run(
    session: AsyncSession,
    model: type[SQLModel],
    rows: Rows,
    *,
    columns: Sequence[str],
    shared: Row | None,
    key: tuple[str, ...] = (),
    updates: bool = False,
) -> int:
    if not rows:
        return 0
    names, shared = tuple(columns or rows[0]), shared or {}
    values = rows if columns else [[row[name] for name in names] for row in cast("Sequence[Row]", rows)]
    shape = _Shape(session.get_bind().dialect.name, table_of(model), names, tuple(shared), key, updates)
    return await _statement(shape).write(session, {"rows": json_text(values), **shared})


@lru_cache(maxsize=256)
def _statement(shape: _Shape) -> Prepared:
    types = {name: shape.table.c[name].type for name in (*shape.columns, *shape.shared)}
    incoming = rows_from("rows", {name: types[name] for name in shape.columns}).values()
    constants = [bindparam(name, type_=types[name]) for name in shape.shared]
    # SQLite cannot tell the ON of a join from the ON of the conflict clause unless a WHERE stands between them
    rows = select(*incoming, *constants).where(literal_column("1") == literal_column("1"))
    statement: Any = _INSERTS[shape.engine](shape.table).from_select(list(types), rows)
    if shape.updates:
        given = {name: statement.excluded[name] for name in types if name not in shape.key}
        statement = statement.on_conflict_do_update(index_elements=list(shape.key), set_=given)
    elif shape.key:
        statement = statement.on_conflict_do_nothing(index_elements=list(shape.key))
    return Prepared(statement)
