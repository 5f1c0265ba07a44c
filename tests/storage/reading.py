"""What tests look at in a database, past the program."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from storage.database import Database
from storage.tables import IdempotencyRecord, LedgerEntry, StockChangeGroup, StockLevel
from storage.upsert import table_of

WRITTEN = (StockLevel, StockChangeGroup, LedgerEntry, IdempotencyRecord)
"""What the write path writes."""


async def rows(database: Database, model: type[SQLModel]) -> list[dict[str, Any]]:
    """All rows of a table, by primary key."""

    async def read(session: AsyncSession) -> list[dict[str, Any]]:
        table = table_of(model)
        return [dict(row) for row in (await session.execute(select(table).order_by(*table.primary_key))).mappings()]

    return await database.read(read)


async def written(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Everything that the write path writes."""
    return {model.__name__: await rows(database, model) for model in WRITTEN}


async def on_hand(database: Database) -> dict[tuple[int, int], int | None]:
    """The quantity of every level."""
    return {(row["product_id"], row["location_id"]): row["on_hand"] for row in await rows(database, StockLevel)}


async def ledger_sums(database: Database) -> dict[tuple[int, int], int]:
    """The sum of the deltas of every level."""
    sums: dict[tuple[int, int], int] = {}
    for entry in await rows(database, LedgerEntry):
        key = (entry["product_id"], entry["location_id"])
        sums[key] = sums.get(key, 0) + entry["delta"]
    return sums
