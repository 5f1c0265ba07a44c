"""The version of a product: a text that is another one whenever its row or one of its stock levels changed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import BigInteger, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.json_rows import among, json_text
from storage.prepared import Prepared
from storage.tables import Product, StockLevel
from storage.upsert import table_of

_product: Final = table_of(Product).c
_level: Final = table_of(StockLevel).c
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
LEVEL_VERSIONS: Final = (
    select(func.coalesce(func.sum(_level.version), 0).cast(BigInteger))
    .where(_level.product_id == _product.id)
    .correlate(table_of(Product))
    .scalar_subquery()
)
"""The sum of the versions of all levels of a row of the table of products. Each of them only ever grows."""
_VERSIONS: Final = Prepared(select(_product.id, _product.updated_at, LEVEL_VERSIONS).where(among(_product.id, "ids")))
_LOCK_PRODUCTS: Final = Prepared(
    select(_product.id).where(among(_product.id, "ids")).order_by(_product.id).with_for_update()
)
_LOCK_LEVELS: Final = Prepared(
    select(_level.version)
    .where(among(_level.product_id, "ids"))
    .order_by(_level.product_id, _level.location_id)
    .with_for_update()
)


def version_of(updated_at: datetime, level_versions: int) -> str:
    """The version of a product, by its own time and the LEVEL_VERSIONS of its levels."""
    return f"{(updated_at - _EPOCH) // _MICROSECOND:x}-{level_versions:x}"


async def locked(session: AsyncSession, product_ids: Collection[int]) -> dict[int, str]:
    """The versions of products, which stay what they are until the transaction ends.

    Their rows are locked as well, so that nobody stocks them at another location meanwhile. Levels are locked in the
    one order in which everybody locks them. On SQLite the transaction holds the only write lock already.
    """
    ids = {"ids": json_text(sorted(product_ids))}
    await _LOCK_PRODUCTS.rows(session, ids)
    await _LOCK_LEVELS.rows(session, ids)
    return {row[0]: version_of(row[1], row[2]) for row in await _VERSIONS.rows(session, ids)}
