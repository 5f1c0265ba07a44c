"""How many products there are of each type."""

from __future__ import annotations

from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.tables import Product
from storage.upsert import table_of

_product: Final = table_of(Product).c
_BY_TYPE: Final = (
    select(_product.type, func.count().label("products"))
    .where(_product.parent_id.is_(None), _product.status != "trash")
    .group_by(_product.type)
)


async def by_type(session: AsyncSession) -> dict[str, int]:
    """The number of products of each type that has any, variations and the trash left out."""
    return {row.type: row.products for row in (await session.execute(_BY_TYPE)).all()}
