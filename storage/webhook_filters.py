"""Which locations and products an endpoint is told of, by their keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from storage import keys
from storage.changes import ItemKey, LocationKey, Refused
from storage.errors import ErrorCode
from storage.webhook_endpoints import EndpointRefusedError


@dataclass(frozen=True, slots=True)
class Filters:
    """What an endpoint is narrowed to; None is everything."""

    locations: Sequence[LocationKey] | None = None
    products: Sequence[ItemKey] | None = None

    async def columns(self, session: AsyncSession) -> dict[str, Any]:
        """The columns of webhook_endpoint that say the same. Raises EndpointRefusedError with every key that names
        nothing."""
        places = await keys.resolve_locations(session, set(self.locations or ()))
        items = await keys.resolve_items(session, set(self.products or ()))
        refused = [
            Refused(ErrorCode.LOCATION_NOT_FOUND, f"There is no location {key.value!r}.", f"locations[{number}]")
            for number, key in enumerate(self.locations or ())
            if key not in places
        ]
        for number, key in enumerate(self.products or ()):
            if isinstance(found := items[key], Refused):
                refused.append(Refused(found.code, found.message, f"products[{number}]"))
        if refused:
            raise EndpointRefusedError(refused)
        ids = sorted({found.id for found in items.values() if not isinstance(found, Refused)})
        return {
            "location_ids": None if self.locations is None else tuple(sorted({place.id for place in places.values()})),
            "product_ids": None if self.products is None else tuple(ids),
        }
