"""Everything there is, as rows for files: products, locations, stock levels and the ledger, each from one snapshot.

What lies up to the sequence that goes with an export is in it; what comes after it is told by the change feed. Rows
come page by page, in the order of their keys, so that no more than a page is ever held.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, bindparam, exists, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from storage import change_feed, freshness
from storage.catalog_rows import LocationRow, ProductRow, StockRow
from storage.columns import Id
from storage.database import Database
from storage.json_rows import among, json_text
from storage.tables import LedgerEntry, Location, Product, StockChangeGroup, StockLevel
from storage.upsert import table_of

PAGE: Final = 2_000
_TRASH: Final = "trash"

_product: Final = table_of(Product)
_location: Final = table_of(Location)
_level: Final = table_of(StockLevel)
_entry: Final = table_of(LedgerEntry)
_group: Final = table_of(StockChangeGroup)


class Kind(StrEnum):
    """What is exported."""

    INVENTORY = "inventory"
    PRODUCTS = "products"
    LOCATIONS = "locations"
    LEDGER = "ledger"


@dataclass(frozen=True, slots=True)
class Exported:
    """An export that was begun: `total` rows, which rows() reads. `sequence` is the last one that is in it."""

    kind: Kind
    columns: Sequence[str]
    sequence: int
    total: int
    _session: AsyncSession
    _values: dict[str, Any]

    async def rows(self) -> AsyncGenerator[Sequence[Sequence[Any]]]:
        """All rows, PAGE at a time."""
        query = _QUERIES[self.kind]
        statement = query.page(limited="locations" in self._values)
        after: Sequence[Any] = [0] * len(query.key)
        while True:
            bound = {f"after_{number}": value for number, value in enumerate(after)}
            found = (await self._session.execute(statement, {**self._values, **bound})).all()
            if not found:
                return
            width = len(self.columns)
            yield [row[:width] for row in found]
            after = found[-1][width:]


@asynccontextmanager
async def begun(
    database: Database, kind: Kind, *, among_locations: Collection[int] | None = None
) -> AsyncIterator[Exported]:
    """An export, as long as its snapshot is held. `among_locations` leaves only these; None is all.

    Archived locations and what was deleted for good are left out, and so is stock that nobody can change: at
    locations that are closed, of products in the trash, and of those whose variations have it.
    """
    freshness.insist()  # a replica may not have all that lies before the sequence
    sequence = None
    if database.name != "sqlite":  # a snapshot may lack what is committed while the horizon is looked for
        sequence = await database.read(change_feed.horizon)
    async with database.reading() as session:
        if sequence is None:
            sequence = await change_feed.horizon(session)
        values: dict[str, Any] = {"up_to": sequence} if kind is Kind.LEDGER else {}
        if among_locations is not None and kind is not Kind.PRODUCTS:
            values["locations"] = json_text(sorted(among_locations))
        query = _QUERIES[kind]
        total = (await session.execute(query.count(limited="locations" in values), values)).scalar_one()
        yield Exported(kind, list(query.columns), sequence, total, session, values)


@dataclass(frozen=True, slots=True)
class _Query:
    """The columns of an export by their names, from where, and by which key they are paged."""

    columns: Mapping[str, ColumnElement[Any]]
    source: Any
    key: Sequence[ColumnElement[Any]]
    location_id: ColumnElement[Any] | None
    where: Sequence[ColumnElement[bool]] = ()

    def page(self, *, limited: bool) -> Select[Any]:
        """What comes after a key."""
        after = [bindparam(f"after_{number}", type_=Id) for number in range(len(self.key))]
        is_next = self.key[0] > after[0] if len(self.key) == 1 else tuple_(*self.key) > tuple_(*after)
        named = (column.label(name) for name, column in self.columns.items())
        keys = (column.label(f"key_{number}") for number, column in enumerate(self.key))
        query = select(*named, *keys).select_from(self.source).where(is_next, *self._conditions(limited=limited))
        return query.order_by(*self.key).limit(PAGE)

    def count(self, *, limited: bool) -> Select[Any]:
        """How many rows there are."""
        return select(func.count()).select_from(self.source).where(*self._conditions(limited=limited))

    def _conditions(self, *, limited: bool) -> list[ColumnElement[bool]]:
        held = [among(self.location_id, "locations")] if limited and self.location_id is not None else []
        return [*self.where, *held]


def _inventory() -> _Query:
    variation = _product.alias("tracked_variation").c
    tracks_variations = exists().where(
        variation.parent_id == _product.c.id, variation.manage_stock, variation.status != _TRASH
    )
    # the columns of the export of mulopimfwc/v1, and then what it does not know
    known: dict[str, ColumnElement[Any]] = {
        "product_id": _product.c.id,
        "sku": _product.c.sku,
        "product_name": _product.c.name,
        "location_id": _location.c.id,
        "location_slug": _location.c.slug,
        "location_name": _location.c.name,
        "stock": _level.c.on_hand,
        **{name: _level.c[name] for name in ("regular_price", "sale_price", "backorders", "disabled")},
    }
    beside = [name for name in StockRow.model_fields if name in _level.c and name not in {*known, "on_hand"}]
    return _Query(
        known | {name: _level.c[name] for name in beside},
        _level.join(_product, _product.c.id == _level.c.product_id).join(
            _location, _location.c.id == _level.c.location_id
        ),
        (_level.c.product_id, _level.c.location_id),
        _level.c.location_id,
        (_product.c.status != _TRASH, _location.c.active, _location.c.archived_at.is_(None), ~tracks_variations),
    )


def _products() -> _Query:
    names = [name for name in ProductRow.model_fields if name != "parent_sku"]
    columns = {name: _product.c["gtin_text" if name == "gtin" else name] for name in names}
    return _Query(columns, _product, (_product.c.id,), None, (_product.c.deleted_at.is_(None),))


def _locations() -> _Query:
    columns = {name: _location.c[name] for name in LocationRow.model_fields}
    return _Query(columns, _location, (_location.c.id,), _location.c.id, (_location.c.archived_at.is_(None),))


def _ledger() -> _Query:
    after = ("on_hand", "regular_price", "sale_price", "backorders", "disabled", "reserved", "safety_stock", "version")
    of_group = ("dialect", "principal", "reason", "note", "reference", "request_id", "reverses_id")
    columns = {
        "sequence": _entry.c.sequence,
        "created_at": _entry.c.created_at,
        "product_id": _entry.c.product_id,
        "sku": _product.c.sku,
        "location_id": _entry.c.location_id,
        "location_slug": _location.c.slug,
        "delta": _entry.c.delta,
        "before": _entry.c.before,
        **{name: _entry.c[name] for name in after},
        "group_id": _entry.c.group_id,
        "line": _entry.c.line,
        **{name: _group.c[name] for name in of_group},
    }
    source = (
        _entry.join(_group, _group.c.id == _entry.c.group_id)
        .outerjoin(_product, _product.c.id == _entry.c.product_id)
        .outerjoin(_location, _location.c.id == _entry.c.location_id)
    )
    up_to = _entry.c.sequence <= bindparam("up_to", type_=Id)
    return _Query(columns, source, (_entry.c.sequence,), _entry.c.location_id, (up_to,))


_QUERIES: Final = {
    Kind.INVENTORY: _inventory(),
    Kind.PRODUCTS: _products(),
    Kind.LOCATIONS: _locations(),
    Kind.LEDGER: _ledger(),
}
