"""SkuStock: the stock of the product that one SKU of a list names."""

from __future__ import annotations

from typing import Any

import strawberry

from schema.selection import Slot
from schema.sources import Rows, column, many, one, stored
from schema.types.product import Product, levels_of
from schema.types.stock_level import StockLevel
from storage import tables
from storage.visibility import published


@stored(tables.Product, shown=published)
@strawberry.type(description="What one SKU of a list names, and its stock.")
class SkuStock:
    """A row of `product`."""

    sku: str = column("sku", "The SKU as the product has it.")

    @one(Product)
    def product(row: Any, product: Any) -> Rows:
        """The product or variation."""
        return Rows([product.id == row.id])

    @many(StockLevel, inherits=("locations",))
    def stock_levels(row: Any, level: Any, locations: Slot | None = None) -> Rows:
        """What there is of it and where, in the locations' order; only at the `locations` that were asked for."""
        return levels_of(row, level, locations)
