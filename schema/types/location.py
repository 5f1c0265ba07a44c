"""Location: a place that holds stock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry
from sqlalchemy import func, or_

from schema.conditions import Given, Makes, after, at, meeting, since, slug_contains
from schema.connections import page
from schema.ids import node_id
from schema.nodes import Node
from schema.sources import Condition, Rows, column, elsewhere, embedded, leaf, stored
from schema.types.choices import LocationKind
from storage import conditions as sql
from storage import tables
from storage.visibility import is_open

_StockLevel = elsewhere("StockLevel", "schema.types.stock_level")


@strawberry.type(description="Where a location is.")
class Address:
    """Part of a location's row."""

    address1: str | None = column("address1", "Street and number.")
    address2: str | None = column("address2", "What else is needed to find the door.")
    city: str | None = column("city", "City or town.")
    region: str | None = column("region", "State, province or county.")
    postcode: str | None = column("postcode", "Postal code.")
    country: str | None = column("country", "Country, as ISO 3166-1 alpha-2: `UA`.")


def _has_address(row: Any) -> Any:
    return or_(*(getattr(row, name).is_not(None) for name in Address.__annotations__))


@stored(tables.Location, location_of=lambda row: row.id, shown=is_open)
@strawberry.type(description="A place that holds stock: a store or a warehouse.")
class Location(Node):
    """A row of `location`."""

    id: strawberry.ID = leaf(lambda row: node_id("Location", row.id), "Its id over all types. Opaque.")
    database_id: int = column("id", "The number by which legacy systems know it.")
    slug: str = column("slug", "Its name in URLs: lower case, decoded. `lviv-sklad`.")
    code: str | None = column("code", "The code by which tills know it.")
    name: str = column("name", "Its name.")
    description: str = column("description", "What there is to say about it; empty when nothing is.")
    kind: LocationKind = leaf(lambda row: func.upper(row.kind), "Store or warehouse.")
    active: bool = column("active", "Whether its stock can be changed and sold.")
    pickup: bool = column("pickup", "Whether customers may collect here.")
    archived_at: datetime | None = column("archived_at", "When it was closed for good; null while it was not.")
    is_default: bool = column("is_default", "Whether it is the one that takes what names no location.")
    low_stock_threshold: int | None = column(
        "low_stock_threshold",
        "Up to how many units stock is low here, of products that have no threshold of their own; null for 2.",
    )
    address: Address | None = embedded(_has_address, "Where it is; null when no part of it is known.")
    latitude: float | None = column("latitude", "Degrees north.")
    longitude: float | None = column("longitude", "Degrees east.")

    @page(_StockLevel)
    def stock_levels(row: Any, level: Any) -> Rows:
        """What is stocked here, by product."""
        return Rows([level.location_id == row.id], [level.product_id, level.location_id])


_MAKES: Makes = {
    "keys": lambda location, keys: at(location.id, keys),
    "search": slug_contains,
    "kind": lambda location, kind: location.kind == kind.value,
    "pickup": lambda location, pickup: location.pickup.is_(pickup),
    "updated_after": lambda location, time: after(location.updated_at, time),
    "changed_since_sequence": lambda location, sequence: sql.locations_changed_since(location.id, since(sequence)),
}


def matching(location: Any, given: Given) -> list[Condition]:
    """The conditions of a LocationFilter."""
    return meeting(location, given, _MAKES)
