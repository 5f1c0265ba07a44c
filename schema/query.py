"""Query: the root fields. Each says which rows; the compiler makes one SQL statement of it and of all below it."""

from __future__ import annotations

from typing import Any

import strawberry
from strawberry import Info

from schema.conditions import Given, at_one, sku_is
from schema.connections import page
from schema.context import Context
from schema.errors import bad_input
from schema.ids import database_id
from schema.inputs import LedgerEntryFilter, ProductFilter, StockLevelFilter
from schema.selection import Slot
from schema.sources import Argument, Rows, Sees, many, one
from schema.types import ledger_entry, product, stock_level
from schema.types.availability import CART, AvailabilityFor, of_cart
from schema.types.choices import ProductOrder
from schema.types.ledger_entry import LedgerEntry
from schema.types.location import Location
from schema.types.product import Product
from schema.types.stock_level import StockLevel
from schema.types.viewer import Viewer
from storage.changes import gtin14


def _which(filter_type: Any) -> Argument:
    return Argument(filter_type | None, "Which ones; all without it.")


@strawberry.type(description="What can be asked. Every field is one SQL statement, whatever is selected below it.")
class Query:
    """The root of all reads."""

    @one(
        Product | None,
        id=Argument(strawberry.ID | None, "Its node id, or its databaseId."),
        sku=Argument(str | None, "Its SKU, in any case."),
        gtin=Argument(str | None, "Its GTIN (EAN, UPC), of 8 to 14 digits."),
    )
    def product(_: Any, row: Any, **keys: Any) -> Rows:
        """One product or variation, by exactly one of its keys; null when there is none."""
        kind, value = _only(("id", "sku", "gtin"), keys)
        if kind == "id":
            return Rows([row.id == value.bind(database_id("Product"))])
        if kind == "sku":
            return Rows([sku_is(row, value)])
        return Rows([row.gtin == value.bind(gtin14)])

    @page(
        Product,
        limited=True,
        filter=_which(ProductFilter),
        order_by=Argument(ProductOrder, "In which order.", ProductOrder.ID),
    )
    def products(
        _: Any, row: Any, sees: Sees, filter: Given | None = None, order_by: ProductOrder = ProductOrder.ID
    ) -> Rows:
        """Products and variations."""
        order = [row.id] if order_by is ProductOrder.ID else [getattr(row, order_by.value), row.id]
        return Rows(product.matching(row, filter or {}, sees), order)

    @one(
        Location | None,
        id=Argument(strawberry.ID | None, "Its node id, or its databaseId."),
        slug=Argument(str | None, "Its slug, in any case."),
        code=Argument(str | None, "The code by which tills know it."),
    )
    def location(_: Any, row: Any, **keys: Any) -> Rows:
        """One location, by exactly one of its keys; null when there is none."""
        kind, value = _only(("id", "slug", "code"), keys)
        return Rows([at_one(row.id, {kind: value})])

    @many(Location, active=Argument(bool | None, "Only those that are active, or only those that are not."))
    def locations(_: Any, row: Any, *, active: bool | None = None) -> Rows:
        """The locations, in their order."""
        return Rows([] if active is None else [row.active.is_(active)], [row.position, row.id])

    @page(StockLevel, filter=_which(StockLevelFilter))
    def stock_levels(_: Any, row: Any, filter: Given | None = None) -> Rows:
        """Stock levels, by product and location."""
        return Rows(stock_level.matching(row, filter or {}), [row.product_id, row.location_id])

    @page(LedgerEntry, exact=True, filter=_which(LedgerEntryFilter))
    def ledger_entries(_: Any, row: Any, filter: Given | None = None) -> Rows:
        """What changed, newest first."""
        return Rows(ledger_entry.matching(row, filter or {}), [row.sequence], descending=True)

    @strawberry.field(description="What this API key is and may do.")  # type: ignore[untyped-decorator]
    def viewer(self, info: Info[Context, None]) -> Viewer:
        """Told by the Context."""
        return Viewer.of(info.context)

    @one(AvailabilityFor, limited=True, derives=True, **CART)
    def availability_for(
        _: Any,
        _row: Any,
        sees: Sees,
        new_name: Any,
        lines: Slot,
        locations: Slot | None = None,
        near: Given | None = None,
    ) -> Rows:
        """What may be promised of a whole cart: line by line, and the locations that can serve all of it.

        Whether a line can be served is answered to every key, however exactly it sees quantities.
        """
        return of_cart(sees, new_name, lines, locations, near)


def _only(kinds: tuple[str, ...], keys: Given) -> tuple[str, Slot]:
    """The one key that was given."""
    given = [(kind, keys[kind]) for kind in kinds if keys.get(kind) is not None]
    if len(given) != 1:
        raise bad_input(f"Give exactly one of {', '.join(kinds)}.")
    return given[0]
