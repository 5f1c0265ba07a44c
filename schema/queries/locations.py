"""Root fields for locations."""

from __future__ import annotations

from typing import Any

import strawberry

from schema.conditions import Given, at_one
from schema.filters import LocationFilter
from schema.queries.keys import only, which
from schema.sources import Argument, Rows, many, one
from schema.types import location as location_type
from schema.types.location import Location


@strawberry.type
class LocationQueries:
    """Part of Query."""

    @one(
        Location | None,
        id=Argument(strawberry.ID | None, "Its node id, or its databaseId."),
        slug=Argument(str | None, "Its slug, in any case."),
        code=Argument(str | None, "The code by which tills know it."),
    )
    def location(_: Any, row: Any, **keys: Any) -> Rows:
        """One location, by exactly one of its keys; null when there is none."""
        kind, value = only(("id", "slug", "code"), keys)
        return Rows([at_one(row.id, {kind: value})])

    @many(
        Location,
        active=Argument(bool | None, "Only those that are active, or only those that are not."),
        filter=which(LocationFilter),
    )
    def locations(_: Any, row: Any, *, active: bool | None = None, filter: Given | None = None) -> Rows:
        """The locations, in their order."""
        is_active = [] if active is None else [row.active.is_(active)]
        return Rows([*is_active, *location_type.matching(row, filter or {})], [row.position, row.id])
