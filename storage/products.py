"""Reads of products for the dialects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from storage import filters
from storage.prepared import Prepared
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
    text: str | None = await _GTIN_TEXT.scalar(session, {"product_id": product_id})
    return text


_product: Final = table_of(Product).c
_GTIN_TEXT: Final = Prepared(select(_product.gtin_text).where(_product.id == bindparam("product_id")))
