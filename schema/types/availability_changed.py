"""AvailabilityChangedEvent: what a subscriber to availability gets."""

from __future__ import annotations

from typing import Any

import strawberry

from schema.conditions import Given
from schema.selection import Slot
from schema.sources import Rows, Sees, column, embedded, one, stored
from schema.types.availability import PLACES, Availability, of_product
from schema.types.product import Product
from storage import tables
from storage.visibility import published


@stored(tables.Product, shown=published)
@strawberry.type(
    description="What may be promised of a product as it is now: the first event of a SKU, or one that differs from "
    "the event before it."
)
class AvailabilityChangedEvent:
    """A row of `product`, or a SKU that no product has."""

    sku: str = column("sku", "The SKU; as you asked for it when there is no such product.")
    product: Product | None = embedded(None, "The product; null when there is none, or none that you may see.")

    @one(Availability | None, limited=True, derives=True, **PLACES)
    def availability(
        row: Any, _: Any, sees: Sees, new_name: Any, locations: Slot | None = None, near: Given | None = None
    ) -> Rows:
        """What may be promised of it, in all and by location; null when there is no product that you may see."""
        return of_product(row, sees, new_name, locations, near)
