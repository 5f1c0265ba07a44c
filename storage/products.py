"""Reads of products for the dialects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from storage import filters
from storage.tables import Product
from storage.upsert import table_of


class ListedProduct(NamedTuple):
    """A product as lists of products show it."""

    id: int
    sku: str | None
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class ProductFilter:
    """Which published products: name or SKU contains `search`, the one with this `sku`, of one `type`.

    Variations only on request; they are products of their own then. Empty texts leave everything in.
    """

    search: str = ""
    sku: str = ""
    type: str = ""
    variations: bool = False


async def page(session: AsyncSession, wanted: ProductFilter, *, page: int, per_page: int) -> list[ListedProduct]:
    """One page of products, newest first. Pages count from 1; one past the end is empty."""
    conditions = [filters.published()]
    if not wanted.variations:
        conditions.append(~filters.is_variation())
    if wanted.search:
        conditions.append(filters.matches(wanted.search))
    if wanted.sku:
        conditions.append(filters.of_sku(wanted.sku))
    if wanted.type:
        conditions.append(col(Product.type) == wanted.type)
    statement = (
        select(col(Product.id), col(Product.sku), col(Product.name), col(Product.type))
        .where(*conditions)
        .order_by(col(Product.created_at).desc(), col(Product.id).desc())
        .offset((page - 1) * per_page)
        .limit(per_page)
    )
    rows: Sequence[Any] = (await session.execute(statement)).all()
    return [ListedProduct(*row) for row in rows]


async def gtin_text(session: AsyncSession, product_id: int | None) -> str | None:
    """A product's GTIN as it was given; None when it has none."""
    columns = table_of(Product).c
    text: str | None = await session.scalar(select(columns.gtin_text).where(columns.id == product_id))
    return text
