"""Bulk inserts: the one place where SQLite's and PostgreSQL's INSERT differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Table, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from storage.json_sql import json_text, rows_from

_INSERTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def table_of(model: type[SQLModel]) -> Table:
    """The table behind a table class."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table


async def insert_rows(session: AsyncSession, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, in order. All have the same columns; prices are Decimals, times are datetimes."""
    await _run(session, model, rows, (), ())


async def insert_missing(
    session: AsyncSession, model: type[SQLModel], rows: Sequence[Mapping[str, Any]], *, key: tuple[str, ...]
) -> None:
    """Insert the rows whose key is not there yet; leave the others as they are."""
    await _run(session, model, rows, key, ())


async def upsert_rows(
    session: AsyncSession, model: type[SQLModel], rows: Sequence[Mapping[str, Any]], *, key: tuple[str, ...]
) -> None:
    """Insert the rows whose key is not there yet; give the others these values."""
    await _run(session, model, rows, key, tuple(column for column in rows[0] if column not in key) if rows else ())


async def _run(
    session: AsyncSession,
    model: type[SQLModel],
    rows: Sequence[Mapping[str, Any]],
    key: tuple[str, ...],
    updated: tuple[str, ...],
) -> None:
    if rows:
        engine = session.get_bind().dialect.name
        await session.execute(
            _statement(engine, table_of(model), tuple(rows[0]), key, updated), {"rows": json_text(rows)}
        )


@lru_cache(maxsize=256)
def _statement(
    engine: str, table: Table, columns: tuple[str, ...], key: tuple[str, ...], updated: tuple[str, ...]
) -> Any:
    incoming = rows_from("rows", {name: table.c[name].type for name in columns})
    # SQLite cannot tell the ON of a join from the ON of the conflict clause unless a WHERE stands between them
    rows = select(*incoming.values()).where(literal_column("1") == literal_column("1"))
    statement: Any = _INSERTS[engine](table).from_select(list(columns), rows)
    if updated:
        return statement.on_conflict_do_update(
            index_elements=list(key), set_={name: statement.excluded[name] for name in updated}
        )
    return statement.on_conflict_do_nothing(index_elements=list(key)) if key else statement
