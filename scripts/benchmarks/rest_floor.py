"""The floor of the REST dialects: hand-written SQL on the same drivers behind bare Starlette routes, nothing else.

No models, no middleware, no credentials; what is written is written as the gateway writes it: one transaction, blank
levels to lock, the level and its ledger entry together, and an answer that was read before the commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiosqlite
import asyncpg
import orjson
from rest_floor_answers import counted, inventory, product
from rest_floor_sql import POSTGRES, SQLITE
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from write_floor import PRAGMAS

from storage import sqlite_library

WC, STOCK = "/wp-json/wc/v3", "/api/v2/inventory"
Run = Callable[..., Any]
Line = tuple[int, int, int]
"""Product id, location id, quantity."""


class Sqlite:
    """Connections that read, and one that writes: who wants to write waits for it here, as in the gateway."""

    def __init__(self, url: str) -> None:
        self.path = url.removeprefix("sqlite:///")
        self.readers: asyncio.LifoQueue[aiosqlite.Connection] = asyncio.LifoQueue()
        self.writers: asyncio.LifoQueue[aiosqlite.Connection] = asyncio.LifoQueue()

    async def open(self) -> None:
        for idle, count in ((self.readers, 4), (self.writers, 1)):
            for _ in range(count):
                connection = await sqlite_library.connection(self.path, isolation_level=None)
                for pragma in PRAGMAS:
                    await connection.execute_fetchall(f"PRAGMA {pragma}")
                idle.put_nowait(connection)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Run]:
        connection = await self.readers.get()
        try:
            yield self._runner(connection)
        finally:
            self.readers.put_nowait(connection)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Run]:
        connection = await self.writers.get()
        try:
            await connection.execute_fetchall("BEGIN IMMEDIATE")
            yield self._runner(connection)
            await connection.execute_fetchall("COMMIT")
        finally:
            self.writers.put_nowait(connection)

    def _runner(self, connection: aiosqlite.Connection) -> Run:
        async def run(name: str, *values: Any) -> list[Any]:
            return list(await connection.execute_fetchall(SQLITE[name], values))

        return run

    def now(self) -> str:
        return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"

    def listed(self, values: Sequence[Any]) -> str:
        return orjson.dumps(values).decode()


class Postgres:
    """As many connections as the gateway has."""

    def __init__(self, url: str) -> None:
        self.dsn = url

    async def open(self) -> None:
        async def keep(_connection: Any) -> None:
            return None

        self.pool = await asyncpg.create_pool(
            self.dsn, min_size=1, max_size=10, reset=keep, server_settings={"jit": "off"}
        )

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Run]:
        async with self.pool.acquire() as connection:
            yield self._runner(connection)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Run]:
        async with self.pool.acquire() as connection, connection.transaction():
            yield self._runner(connection)

    def _runner(self, connection: Any) -> Run:
        async def run(name: str, *values: Any) -> list[Any]:
            return list(await connection.fetch(POSTGRES[name], *values))

        return run

    def now(self) -> datetime:
        return datetime.now(UTC)

    def listed(self, values: Sequence[Any]) -> Any:
        return values


Driver = Sqlite | Postgres


async def _view(run: Run, driver: Driver, ids: Sequence[int]) -> Any:
    [(text,)] = await run("view", driver.listed(ids))
    return orjson.loads(text)


async def _place(run: Run, kind: str, value: int | str) -> int:
    [(place, active)] = await run(f"place by {kind}", value)
    if not active:
        raise LookupError(value)
    return int(place)


async def _items(run: Run, driver: Driver, kind: str, values: Sequence[int | str]) -> list[Any]:
    rows = await run(f"item by {kind}", driver.listed(values))
    if any(row[5] for row in rows) or len(rows) != len(values):
        raise LookupError(values)
    return rows


async def _write(
    run: Run, driver: Driver, dialect: str, keys: Sequence[tuple[int, int]], after: Callable[[int, int, int], int],
    *, totals: bool = False,
) -> dict[int, tuple[int, int]]:  # fmt: skip
    """Change levels, each by what `after` makes of (index, on hand, elsewhere); by product what was and what is now."""
    now, named = driver.now(), orjson.dumps(sorted(keys)).decode()
    await run("blank", named, now)
    levels = {row[0]: row for row in await run("lock", named)}
    others = {row[0]: row[1] for row in await run("elsewhere", named)} if totals else {}
    changed, entries, became = [], [], {}
    for index, (item, place) in enumerate(keys):
        _, _, on_hand, disabled, version = levels[item]
        wanted = after(index, on_hand or 0, others.get(item, 0))
        if wanted < 0:
            raise ValueError(wanted)
        became[item] = (on_hand or 0, wanted)
        if wanted != on_hand:
            state = (item, place, wanted, bool(disabled), version + 1)
            changed.append(state)
            entries.append((len(entries), item, place, wanted - (on_hand or 0), on_hand, *state[2:]))
    if changed:
        group = (await run("group", dialect, "bench", now))[0][0]
        await run("level", orjson.dumps(changed).decode(), now)
        await run("entry", orjson.dumps(entries).decode(), group, now)
    return became


def _json(value: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(value), headers=headers, media_type="application/json")


def create_app() -> Starlette:
    """`STOCKGATE_BENCH_URL` names the database, as the gateway's URL does."""
    url = os.environ["STOCKGATE_BENCH_URL"]
    driver: Driver = Sqlite(url) if url.startswith("sqlite") else Postgres(url)

    async def products(request: Request) -> Response:
        per_page = int(request.query_params["per_page"])
        page = int(request.query_params.get("page", 1))
        async with driver.reading() as run:
            [(total,)] = await run("count")
            ids = [row[0] for row in await run("page", per_page, (page - 1) * per_page)]
            places, rows, variations = await _view(run, driver, ids)
        by_id = {row[0]: row for row in rows}
        base = str(request.base_url)
        found = [product(by_id[id_], places, variations, base) for id_ in ids]
        return _json(found, {"X-WP-Total": str(total), "X-WP-TotalPages": str(-(-total // per_page))})

    async def totals(updates: Sequence[dict[str, int]], base: str) -> list[dict[str, Any]]:
        async with driver.writing() as run:
            place = await _place(run, "default", "")
            ids = [update["id"] for update in updates]
            await _items(run, driver, "id", ids)
            keys = [(id_, place) for id_ in ids]
            await _write(
                run, driver, "wc/v3", keys, lambda n, _own, others: updates[n]["stock_quantity"] - others, totals=True
            )  # fmt: skip
            places, rows, variations = await _view(run, driver, ids)
        by_id = {row[0]: row for row in rows}
        return [product(by_id[id_], places, variations, base, edit=True) for id_ in ids]

    async def update(request: Request) -> Response:
        body = orjson.loads(await request.body())
        [found] = await totals([{"id": int(request.path_params["id"]), **body}], str(request.base_url))
        return _json(found)

    async def batch(request: Request) -> Response:
        body = orjson.loads(await request.body())
        return _json({"update": await totals(body["update"], str(request.base_url))})

    async def patch(request: Request) -> Response:
        lines = orjson.loads(await request.body())["warehouses"]
        async with driver.writing() as run:
            [item] = await _items(run, driver, "sku", [request.path_params["sku"].casefold()])
            keys = [(item[0], await _place(run, "id", line["id"])) for line in lines]
            await _write(
                run, driver, "stock-api/v2", keys, lambda n, own, _others: own + lines[n]["stock"]["adjust_by"]
            )
            places, [row], _ = await _view(run, driver, [item[0]])
        return _json(inventory(row, places))

    async def count(request: Request) -> Response:
        body = orjson.loads(await request.body())
        async with driver.writing() as run:
            [item] = await _items(run, driver, "gtin", [body["upc"].zfill(14)])
            place = await _place(run, "code", body["store"])
            became = await _write(
                run, driver, "inventory-update", [(item[0], place)], lambda _n, _own, _others: int(body["quantity"])
            )
        return _json(counted(item, body["store"], became[item[0]]))

    async def lifespan(_app: Starlette) -> Any:
        await driver.open()
        yield

    return Starlette(
        routes=[
            Route(f"{WC}/products", products),
            Route(f"{WC}/products/batch", batch, methods=["POST"]),
            Route(f"{WC}/products/{{id:int}}", update, methods=["PUT"]),
            Route(f"{STOCK}/sku/{{sku}}", patch, methods=["PATCH"]),
            Route("/api/product/inventory", count, methods=["POST"]),
        ],
        lifespan=contextlib.asynccontextmanager(lifespan),
    )
