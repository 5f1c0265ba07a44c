"""Root fields for stock levels."""

from __future__ import annotations

from typing import Any

import strawberry
from sqlalchemy import Text

from schema.conditions import Given, at
from schema.connections import page
from schema.errors import bad_input
from schema.filters import StockLevelFilter
from schema.inputs import LocationKeyInput
from schema.queries.keys import which
from schema.selection import Slot
from schema.sources import Argument, Over, Rows, each
from schema.types import stock_level
from schema.types.choices import LowStockOrder, OrderDirection, StockLevelOrder
from schema.types.sku_stock import SkuStock
from schema.types.stock_level import StockLevel
from storage.availability import low_levels
from storage.changes import is_storable, sku_key
from storage.columns import NO_SKU
from storage.conditions import is_named_by
from storage.json_rows import json_text, member

SKUS_MAX = 250


_TELLING = frozenset({StockLevelOrder.ON_HAND, StockLevelOrder.AVAILABLE})


def _elements(skus: list[str]) -> str:
    if len(skus) > SKUS_MAX:
        raise bad_input(f"Too many SKUs: {len(skus)}. Ask for at most {SKUS_MAX} at once.")
    return json_text([{"n": n, "sku": sku_key(sku) if is_storable(sku) else ""} for n, sku in enumerate(skus)])


@strawberry.type
class StockQueries:
    """Part of Query."""

    @page(
        StockLevel,
        filter=which(StockLevelFilter),
        order_by=Argument(StockLevelOrder, "In which order.", StockLevelOrder.PRODUCT, exact=_TELLING),
        direction=Argument(OrderDirection, "Which way.", OrderDirection.ASC),
    )
    def stock_levels(
        _: Any,
        row: Any,
        filter: Given | None = None,
        order_by: StockLevelOrder = StockLevelOrder.PRODUCT,
        direction: OrderDirection = OrderDirection.ASC,
    ) -> Rows:
        """Stock levels."""
        order = stock_level.order_of(row, order_by)
        return Rows(stock_level.matching(row, filter or {}), order, descending=direction is OrderDirection.DESC)

    @page(
        StockLevel,
        exact=True,
        locations=Argument(list[LocationKeyInput] | None, "Only at these locations."),
        order_by=Argument(LowStockOrder, "In which order.", LowStockOrder.DEFICIT),
        direction=Argument(OrderDirection, "Which way.", OrderDirection.DESC),
    )
    def low_stock(
        _: Any,
        row: Any,
        locations: Slot | None = None,
        order_by: LowStockOrder = LowStockOrder.DEFICIT,
        direction: OrderDirection = OrderDirection.DESC,
    ) -> Rows:
        """Stock levels on offer of which no more than the threshold of low stock is available, the shortest first."""
        named = [] if locations is None else [at(row.location_id, locations)]
        order = stock_level.order_of_low(row, order_by)
        return Rows(named, order, descending=direction is OrderDirection.DESC, of=low_levels())

    @each(
        SkuStock,
        Over("skus", _elements),
        skus=Argument(list[str], f"SKUs in any case; at most {SKUS_MAX}."),
        locations=Argument(list[LocationKeyInput] | None, "Only at these locations."),
    )
    def stock_levels_by_sku(_: Any, row: Any, element: Any, locations: Slot | None = None) -> Rows:
        """The stock of many products at once: for each SKU in the order given, or null where it names none."""
        is_same = row.sku_key == member(element.value, "sku", Text())
        return Rows([is_same, row.sku_key != NO_SKU, is_named_by(row, "sku_key")])
