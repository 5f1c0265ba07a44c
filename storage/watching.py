"""Watching what may be promised of some SKUs: which of them to look at again, at most every tenth of a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.columns import NO_SKU
from storage.conditions import is_named_by
from storage.feed_entries import FeedEntry
from storage.hub import Hub
from storage.json_rows import among, json_text
from storage.tables import Product
from storage.upsert import table_of

_TICK_S: Final = 0.1
_product: Final = table_of(Product).c
_IDS: Final = select(_product.sku_key, _product.id).where(
    among(_product.sku_key, "keys"), _product.sku_key != NO_SKU, is_named_by(_product, "sku_key")
)


class _Watched:
    """Some SKUs, casefolded, the products that have them, and which of them something happened to."""

    def __init__(self, skus: Collection[str]) -> None:
        self._skus = frozenset(skus)
        self._ids: dict[str, int] = {}
        self._by_id: dict[int, str] = {}
        self._touched = set(skus)
        self._resolves = True
        self._some = asyncio.Event()
        self._some.set()

    def offer(self, entries: Sequence[FeedEntry]) -> None:
        for entry in entries:
            self._note(entry)
        if self._touched:
            self._some.set()

    def _note(self, entry: FeedEntry) -> None:
        if entry.product_id is None:  # a location: whatever is there may be on offer now, or no more
            self._touched.update(self._skus)
            return
        for product_id in (entry.product_id, entry.parent_id):  # a product has what its variations have
            if product_id in self._by_id:
                self._touched.add(self._by_id[product_id])
                self._resolves |= not entry.is_of_stock
        if not entry.is_of_stock and len(self._ids) < len(self._skus):  # a product may have got one of the SKUs
            self._touched.update(self._skus - self._ids.keys())
            self._resolves = True

    async def take(self, hub: Hub) -> dict[str, int | None]:
        """The SKUs that something happened to, once there are some, with their products' ids."""
        await self._some.wait()
        self._some.clear()
        touched, self._touched = self._touched, set()
        if self._resolves:
            self._resolves = False
            self._ids = await hub.database.read(_ids, self._skus)
            self._by_id = {product_id: sku for sku, product_id in self._ids.items()}
        return {sku: self._ids.get(sku) for sku in sorted(touched)}


async def watch(hub: Hub, skus: Collection[str]) -> AsyncGenerator[dict[str, int | None], None]:
    """The SKUs, casefolded, to look at now: first all, then those that something happened to.

    Each with its product's id, None when there is none. All watchers tick at the same time, so that they read together.
    Raises StorageUnavailableError when the database cannot be read now.
    """
    watched = _Watched(skus)
    loop = asyncio.get_running_loop()
    try:
        await hub.join(watched)
        while True:
            yield await watched.take(hub)
            await asyncio.sleep(_TICK_S - loop.time() % _TICK_S)
    finally:
        hub.leave(watched)


async def _ids(session: AsyncSession, skus: Collection[str]) -> dict[str, int]:
    """The products with these SKUs."""
    rows = (await session.execute(_IDS, {"keys": json_text(sorted(skus))})).all()
    return {sku: product_id for sku, product_id in rows}  # noqa: C416 (rows are no pairs to mypy)
