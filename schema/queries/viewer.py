"""Root fields for who asks, and for what a shop asks of a whole cart."""

from __future__ import annotations

from typing import Any

import strawberry
from strawberry import Info

from schema.conditions import Given
from schema.context import Context
from schema.selection import Slot
from schema.sources import Rows, Sees, one
from schema.types.availability import CART, AvailabilityFor, of_cart
from schema.types.viewer import Viewer


@strawberry.type
class ViewerQueries:
    """Part of Query."""

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
