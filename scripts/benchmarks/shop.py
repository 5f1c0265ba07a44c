"""A seeded database with a key, which benchmarks ask or write to."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from servers import database_url, stockgate
from sqlalchemy import text

from storage.database import Database

SCOPES = ("--scope", "read", "--scope", "write")


@dataclass(frozen=True, slots=True)
class Shop:
    """Where it is, and what opens it."""

    url: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"X-API-Key": self.token}


@contextlib.contextmanager
def empty_shop(engine: str) -> Iterator[Shop]:
    """A migrated database with a key and nothing else."""
    with database_url(engine) as url:
        if engine == "postgresql":
            stockgate(url, "migrate")
        yield Shop(url, key(url))


def key(url: str) -> str:
    """A new API key of a database."""
    token: str = json.loads(stockgate(url, "key", "create", "--name", "bench", *SCOPES, "--json"))["token"]
    return token


@contextlib.contextmanager
def seeded_shop(engine: str, products: int, locations: int) -> Iterator[Shop]:
    """Products in stock at every location. PostgreSQL counts its rows, as it does by itself later."""
    with empty_shop(engine) as shop:
        stockgate(shop.url, "seed", "--products", str(products), "--locations", str(locations))
        if engine == "postgresql":
            run(shop.url, "ANALYZE")
        yield shop


def run(url: str, statement: str) -> list[Any]:
    """The rows of one statement, in a transaction of its own."""

    async def execute() -> list[Any]:
        database = Database(url)
        result = await database.transact(lambda session: session.execute(text(statement)))
        rows = list(result) if result.returns_rows else []
        await database.close()
        return rows

    return asyncio.run(execute())
