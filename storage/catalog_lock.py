"""What PostgreSQL must be told when rows bring their own ids: nobody else writes meanwhile, and where to count on.

SQLite has one writer at a time and numbers rows from the largest id there is, so there it is nothing to do.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from storage.upsert import table_of


async def hold(session: AsyncSession, *models: type[SQLModel]) -> None:
    """Let nobody else write these tables until the transaction ends. Everybody may go on reading them.

    Rows that only refer to them, as stock levels do to products, can be written meanwhile.
    """
    if session.get_bind().dialect.name == "postgresql":
        names = ", ".join(sorted(table_of(model).name for model in models))
        await session.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))


async def largest_id(session: AsyncSession, model: type[SQLModel]) -> int:
    """The largest id that was ever given, as far as the engine remembers; 0 when there was none."""
    table = table_of(model).name
    sequence = _SEQUENCE.format(table=table) if session.get_bind().dialect.name == "postgresql" else "0"
    found = await session.execute(text(f"SELECT coalesce(max(id), 0), coalesce({sequence}, 0) FROM {table}"))  # noqa: S608 (our tables)
    largest: int = max(found.one())
    return largest


async def count_on(session: AsyncSession, *models: type[SQLModel]) -> None:
    """Number the next rows after the largest id there is."""
    if session.get_bind().dialect.name == "postgresql":
        for model in models:
            await session.execute(text(_COUNT_ON.format(table=table_of(model).name)))


_SEQUENCE: Final = "pg_sequence_last_value(pg_get_serial_sequence('{table}', 'id')::regclass)"
_COUNT_ON: Final = (
    f"SELECT setval(pg_get_serial_sequence('{{table}}', 'id'), greatest(max(id), {_SEQUENCE})) "  # noqa: S608 (our tables)
    "FROM {table} HAVING max(id) IS NOT NULL"
)
