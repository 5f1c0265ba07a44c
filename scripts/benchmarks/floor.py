"""The floor of reading: hand-written SQL on the same driver behind a bare Starlette route, nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from typing import Any

import aiosqlite
import asyncpg
import orjson
from floor_sql import POSTGRES, SQLITE
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from storage import sqlite_library


class _Sqlite:
    """The same number of connections as the gateway has, with the same pragmas."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.idle: asyncio.LifoQueue[aiosqlite.Connection] = asyncio.LifoQueue()

    async def open(self) -> None:
        for _ in range(4):
            connection = await sqlite_library.connection(self.path, isolation_level=None)
            for pragma in ("journal_mode=WAL", "cache_size=-65536", "temp_store=MEMORY", "query_only=ON"):
                await connection.execute_fetchall(f"PRAGMA {pragma}")
            self.idle.put_nowait(connection)

    async def fetch(self, sql: str, *values: Any) -> str:
        connection = await self.idle.get()
        try:
            rows = list(await connection.execute_fetchall(sql, values))
        finally:
            self.idle.put_nowait(connection)
        return str(rows[0][0])


class _Postgres:
    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    async def open(self) -> None:
        async def keep(_connection: Any) -> None:
            return None

        self.pool = await asyncpg.create_pool(
            self.dsn, min_size=1, max_size=10, reset=keep, server_settings={"jit": "off"}
        )

    async def fetch(self, sql: str, *values: Any) -> str:
        async with self.pool.acquire() as connection:
            return str(await connection.fetchval(sql, *values))


def create_app() -> Starlette:
    """`STOCKGATE_BENCH_URL` names the database, as the gateway's URL does."""
    url = os.environ["STOCKGATE_BENCH_URL"]
    is_sqlite = url.startswith("sqlite")
    driver = _Sqlite(url.removeprefix("sqlite:///")) if is_sqlite else _Postgres(url)
    sql = SQLITE if is_sqlite else POSTGRES
    listed: Callable[[list[str]], Any] = (lambda values: orjson.dumps(values).decode()) if is_sqlite else list

    def route(path: str, field: str, given: Callable[[dict[str, Any]], Sequence[Any]]) -> Route:
        async def answer(request: Request) -> Response:
            text = await driver.fetch(sql[path], *given(orjson.loads(await request.body())["variables"]))
            return Response(b'{"data":{"%b":%b}}' % (field.encode(), text.encode()), media_type="application/json")

        return Route(f"/{path}", answer, methods=["POST"])

    async def lifespan(_app: Starlette) -> Any:
        await driver.open()
        yield

    return Starlette(
        routes=[
            route("page", "products", lambda given: [given["first"]]),
            route("single", "product", lambda given: [given["sku"].casefold()]),
            route("cart", "availabilityFor", lambda given: [_cart(given["lines"])]),
            route(
                "low", "lowStock", lambda given: [listed([key["slug"] for key in given["locations"]]), given["first"]]
            ),
        ],
        lifespan=contextlib.asynccontextmanager(lifespan),
    )


def _cart(lines: list[dict[str, Any]]) -> str:
    return orjson.dumps([[line["sku"].casefold(), line["sku"], line["quantity"]] for line in lines]).decode()
