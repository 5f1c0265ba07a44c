"""The peer: the same page through ordinary Strawberry resolvers with DataLoaders and an ORM session per request."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import strawberry
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from starlette.applications import Starlette
from starlette.requests import Request
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, SchemaExtension, ValidationCache

from storage import tables
from storage.columns import price_text
from storage.database import Database

database = Database(os.environ["STOCKGATE_BENCH_URL"])


@strawberry.type
class Location:
    database_id: int
    slug: str
    name: str


@strawberry.type
class StockLevel:
    row: strawberry.Private[tables.StockLevel]

    @strawberry.field
    def on_hand(self) -> int | None:
        return self.row.on_hand

    @strawberry.field
    def regular_price(self) -> str | None:
        return price_text(self.row.regular_price)

    @strawberry.field
    def sale_price(self) -> str | None:
        return price_text(self.row.sale_price)

    @strawberry.field
    async def location(self, info: strawberry.Info) -> Location:
        return await info.context["locations"].load(self.row.location_id)


@strawberry.type
class Product:
    row: strawberry.Private[tables.Product]

    @strawberry.field
    def database_id(self) -> int:
        return self.row.id or 0

    @strawberry.field
    def sku(self) -> str | None:
        return self.row.sku

    @strawberry.field
    def name(self) -> str:
        return self.row.name

    @strawberry.field
    def regular_price(self) -> str | None:
        return price_text(self.row.regular_price)

    @strawberry.field
    async def stock_levels(self, info: strawberry.Info) -> list[StockLevel]:
        return await info.context["levels"].load(self.row.id)


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str


@strawberry.type
class Products:
    nodes: list[Product]
    page_info: PageInfo


@strawberry.type
class Query:
    @strawberry.field
    async def products(self, info: strawberry.Info, first: int) -> Products:
        rows = await info.context["session"].execute(
            select(tables.Product).order_by(col(tables.Product.id)).limit(first + 1)
        )
        products = list(rows.scalars())
        page = products[:first]
        return Products(
            nodes=[Product(row=row) for row in page],
            page_info=PageInfo(has_next_page=len(products) > first, end_cursor=str(page[-1].id)),
        )


class CloseSession(SchemaExtension):
    async def on_operation(self) -> AsyncIterator[None]:
        yield
        await self.execution_context.context["session"].close()


class App(GraphQL[Any, Any]):
    async def get_context(self, request: Request, response: Any) -> dict[str, Any]:  # noqa: ARG002 (Strawberry's signature)
        session = AsyncSession(database.engine)

        async def levels(product_ids: list[int]) -> list[list[StockLevel]]:
            level = tables.StockLevel
            rows = await session.execute(
                select(level)
                .join(tables.Location, col(tables.Location.id) == col(level.location_id))
                .where(col(level.product_id).in_(product_ids))
                .order_by(col(tables.Location.position), col(tables.Location.id))
            )
            of: dict[int, list[StockLevel]] = defaultdict(list)
            for row in rows.scalars():
                of[row.product_id].append(StockLevel(row=row))
            return [of[product_id] for product_id in product_ids]

        async def locations(ids: list[int]) -> list[Location]:
            rows = await session.execute(select(tables.Location).where(col(tables.Location.id).in_(ids)))
            of = {r.id: Location(database_id=r.id or 0, slug=r.slug, name=r.name) for r in rows.scalars()}
            return [of[id_] for id_ in ids]

        return {"session": session, "levels": DataLoader(levels), "locations": DataLoader(locations)}


def create_app() -> Starlette:
    app = Starlette()
    app.mount("/graphql", App(strawberry.Schema(Query, extensions=[CloseSession, ParserCache, ValidationCache])))
    return app
