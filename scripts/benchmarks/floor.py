"""The floor of reading: hand-written SQL on the same driver behind a bare Starlette route, nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Any

import aiosqlite
import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_SQLITE_PRICE = (
    "CASE WHEN {0} IS NULL THEN NULL WHEN {0} % 100 = 0 THEN printf('%d.%02d', {0} / 10000, {0} % 10000 / 100) "
    "ELSE printf('%d.%02d', {0} / 10000, {0} % 10000 / 100) || rtrim(printf('%02d', {0} % 100), '0') END"
)
_POSTGRES_PRICE = "to_char({0} / 10000.0, 'FM99999999990.0099')"


def _sqlite() -> tuple[str, str]:
    regular, own, sale = (_SQLITE_PRICE.format(c) for c in ("p.regular_price", "l.regular_price", "l.sale_price"))
    levels = f"""(SELECT json_group_array(json_object('onHand', l.on_hand, 'regularPrice', {own}, 'salePrice', {sale},
        'location', json_object('databaseId', l.lid, 'slug', l.slug, 'name', l.name)))
      FROM (SELECT s.on_hand, s.regular_price, s.sale_price, o.id lid, o.slug, o.name
        FROM stock_level s JOIN location o ON o.id = s.location_id
        WHERE s.product_id = p.id ORDER BY o.position, o.id) l)"""
    node = f"""json_object('databaseId', p.id, 'sku', p.sku, 'name', p.name, 'regularPrice', {regular},
      'stockLevels', {levels})"""
    page = f"""WITH page AS (SELECT id, sku, name, regular_price FROM product ORDER BY id LIMIT ? + 1)
      SELECT json_object('nodes', (SELECT json_group_array({node}) FROM (SELECT * FROM page ORDER BY id LIMIT ?) p),
        'pageInfo', json_object('hasNextPage', json(iif((SELECT count(*) FROM page) > ?, 'true', 'false')),
          'endCursor', (SELECT lower(hex(json_array('id', id)))
            FROM (SELECT id FROM page ORDER BY id LIMIT ?) ORDER BY id DESC LIMIT 1)))"""
    return page, f"SELECT {node} FROM product p WHERE p.sku_key = ?"


def _postgres() -> tuple[str, str]:
    regular, own, sale = (_POSTGRES_PRICE.format(c) for c in ("p.regular_price", "l.regular_price", "l.sale_price"))
    levels = f"""(SELECT coalesce(json_agg(json_build_object('onHand', l.on_hand, 'regularPrice', {own},
        'salePrice', {sale}, 'location', json_build_object('databaseId', o.id, 'slug', o.slug, 'name', o.name))
        ORDER BY o.position, o.id), '[]')
      FROM stock_level l JOIN location o ON o.id = l.location_id WHERE l.product_id = p.id)"""
    node = f"""json_build_object('databaseId', p.id, 'sku', p.sku, 'name', p.name, 'regularPrice', {regular},
      'stockLevels', {levels})"""
    page = f"""WITH page AS (SELECT id, sku, name, regular_price FROM product ORDER BY id LIMIT $1::int + 1)
      SELECT json_build_object('nodes',
          (SELECT json_agg({node} ORDER BY id) FROM (SELECT * FROM page ORDER BY id LIMIT $1) p),
        'pageInfo', json_build_object('hasNextPage', (SELECT count(*) FROM page) > $1,
          'endCursor', (SELECT encode(convert_to(json_build_array('id', id)::text, 'UTF8'), 'hex')
            FROM (SELECT id FROM page ORDER BY id LIMIT $1) w ORDER BY id DESC LIMIT 1)))"""
    return page, f"SELECT {node} FROM product p WHERE p.sku_key = $1"


class _Sqlite:
    """The same number of connections as the gateway has, with the same pragmas."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.idle: asyncio.LifoQueue[aiosqlite.Connection] = asyncio.LifoQueue()

    async def open(self) -> None:
        for _ in range(4):
            connection = await aiosqlite.connect(self.path, isolation_level=None)
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
    page_sql, single_sql = _sqlite() if is_sqlite else _postgres()

    async def page(request: Request) -> Response:
        first = orjson.loads(await request.body())["variables"]["first"]
        text = await driver.fetch(page_sql, *([first] * (4 if is_sqlite else 1)))
        return Response(b'{"data":{"products":' + text.encode() + b"}}", media_type="application/json")

    async def single(request: Request) -> Response:
        sku = orjson.loads(await request.body())["variables"]["sku"]
        text = await driver.fetch(single_sql, sku.casefold())
        return Response(b'{"data":{"product":' + text.encode() + b"}}", media_type="application/json")

    async def lifespan(_app: Starlette) -> Any:
        await driver.open()
        yield

    return Starlette(
        routes=[Route("/page", page, methods=["POST"]), Route("/single", single, methods=["POST"])],
        lifespan=contextlib.asynccontextmanager(lifespan),
    )
