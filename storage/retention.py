"""What is kept for a time only goes in batches: each a transaction of its own, so small that no writer waits long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, cast

from sqlalchemy import ColumnElement, CursorResult, delete, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from storage.database import Database
from storage.upsert import table_of

P = ParamSpec("P")
T = TypeVar("T")
BATCH: Final = 1_000
"""Rows that one transaction removes."""
LOCK: Final = 7_402_518_937
"""The advisory lock of PostgreSQL that whoever removes what is old holds."""
_REST_S_MAX: Final = 1.0


class BusyError(Exception):
    """Another process is at it now."""


async def alone(session: AsyncSession) -> None:
    """Be the only process that removes what is old until the transaction ends. Raises BusyError when there is another.

    A lock of the transaction, not of the session: it works through PgBouncer, and whoever dies lets go of it.
    """
    if session.get_bind().dialect.name == "sqlite":  # it has one writer anyway
        return
    if not await session.scalar(text(f"SELECT pg_try_advisory_xact_lock({LOCK})")):
        raise BusyError("Another process removes what is old now. Try again when it is done.")
    await unhurried(session)


async def unhurried(session: AsyncSession) -> None:
    """Let the statements of this transaction take longer than those of a request may: nobody waits for them."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text("SET LOCAL statement_timeout = 0"))


async def restful(step: Callable[[], Awaitable[T]]) -> T:
    """Rest as long as a step worked: others get at the database in between."""
    began = time.monotonic()
    result = await step()
    await asyncio.sleep(min(time.monotonic() - began, _REST_S_MAX))
    return result


async def in_batches(
    database: Database,
    remove: Callable[Concatenate[AsyncSession, P], Awaitable[int]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> int:
    """Remove batch after batch until one is not full, and say how many rows that were. Raises BusyError."""

    async def one(session: AsyncSession) -> int:
        await alone(session)
        return await remove(session, *args, **kwargs)

    total = 0
    while True:
        removed = await restful(lambda: database.transact(one))
        total += removed
        if removed < BATCH:
            return total


async def remove_first(session: AsyncSession, model: type[SQLModel], by: str, before: Any) -> int:
    """Delete the first rows, at most BATCH, of which a column is below a value. Those that others hold stay."""
    table = table_of(model)
    key, column = tuple_(*table.primary_key), table.c[by]
    first = select(*table.primary_key).where(column < before).order_by(column).limit(BATCH)
    is_old: ColumnElement[bool] = key.in_(first.with_for_update(skip_locked=True))
    return cast("CursorResult[Any]", await session.execute(delete(table).where(is_old))).rowcount
