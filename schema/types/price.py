"""Price: what a product costs, everywhere or at one location."""

from __future__ import annotations

from decimal import Decimal

import strawberry

from schema.sources import leaf, stored
from storage import prices, tables


@stored(tables.Product)
@strawberry.type(description="What a product costs. Location prices go before the product's own.")
class Price:
    """Made of a product's row, and of the location's prices that it is given with."""

    regular: Decimal | None = leaf(prices.regular, "The regular price; null when nobody set one.")
    sale: Decimal | None = leaf(prices.sale, "The reduced price, whether or not it applies now.")
    current: Decimal | None = leaf(
        lambda row, sees: prices.current(row, sees.now),
        "What it costs now: the reduced price while that applies, else the regular one.",
        limited=True,
    )
    on_sale: bool = leaf(
        lambda row, sees: prices.on_sale(row, sees.now),
        "Whether the reduced price applies: it is below the regular one, and the sale has begun and not ended.",
        limited=True,
    )
