"""Root fields for products."""

from __future__ import annotations

from typing import Any

import strawberry

from schema.conditions import Given, gtin_is, sku_is
from schema.connections import page
from schema.filters import ProductFilter
from schema.ids import database_id
from schema.queries.keys import only, which
from schema.sources import Argument, Rows, Sees, one
from schema.types import product
from schema.types.choices import OrderDirection, ProductOrder
from schema.types.product import Product


@strawberry.type
class ProductQueries:
    """Part of Query."""

    @one(
        Product | None,
        id=Argument(strawberry.ID | None, "Its node id, or its databaseId."),
        sku=Argument(str | None, "Its SKU, in any case."),
        gtin=Argument(str | None, "Its GTIN (EAN, UPC), of 8 to 14 digits."),
    )
    def product(_: Any, row: Any, **keys: Any) -> Rows:
        """One product or variation, by exactly one of its keys; null when there is none."""
        kind, value = only(("id", "sku", "gtin"), keys)
        if kind == "id":
            return Rows([row.id == value.bind(database_id("Product"))])
        if kind == "sku":
            return Rows([sku_is(row, value)])
        return Rows([gtin_is(row, value)])

    @page(
        Product,
        limited=True,
        filter=which(ProductFilter),
        order_by=Argument(ProductOrder, "In which order.", ProductOrder.ID),
        direction=Argument(OrderDirection, "Which way.", OrderDirection.ASC),
    )
    def products(
        _: Any,
        row: Any,
        sees: Sees,
        filter: Given | None = None,
        order_by: ProductOrder = ProductOrder.ID,
        direction: OrderDirection = OrderDirection.ASC,
    ) -> Rows:
        """Products and variations."""
        order = [row.id] if order_by is ProductOrder.ID else [getattr(row, order_by.value), row.id]
        return Rows(product.matching(row, filter or {}, sees), order, descending=direction is OrderDirection.DESC)
