"""Write operations on single locations: create, update, archive. What fits a location is said in catalog_planning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import catalog, change_feed, inventory, keys, ownership
from storage.catalog import Row
from storage.catalog_document import Problem
from storage.catalog_lock import hold
from storage.catalog_planning import CatalogPlan
from storage.change_feed import Kind
from storage.changes import (
    Applied,
    ChangeGroup,
    FieldOwnedError,
    ItemKey,
    LocationKey,
    Origin,
    StockLeftError,
    Transfer,
)
from storage.errors import ErrorCode, InventoryError
from storage.keys import CARRIES_STOCK
from storage.source_rules import OwnedField, bound_by
from storage.tables import Location, Product, StockLevel
from storage.upsert import table_of

_LINES_MAX: Final = 5_000
"""Transfers in one change group when all stock of a location moves."""

_location: Final = table_of(Location)


@dataclass(frozen=True, slots=True)
class Archived:
    """A location that was archived, and the change groups that moved its stock."""

    location_id: int
    moved: tuple[Applied, ...] = ()


async def create(session: AsyncSession, columns: Mapping[str, Any], origin: Origin) -> Row:
    """A new location. If it is to be the default, the one that was is no longer.

    Raises CatalogError for values that do not fit, and for a slug or code that another location has.
    Refuses with: LOCATION_FORBIDDEN.
    """
    if origin.locations is not None:
        message = "This API key is limited to some locations: it cannot create others."
        raise InventoryError(ErrorCode.LOCATION_FORBIDDEN, message)
    document = {"locations": [dict(columns), *await _no_longer_default(session, columns, None)]}
    return (await catalog.write_rows(session, document, origin, check=_is_new))["locations[0]"]


def _is_new(plan: CatalogPlan) -> Iterator[Problem]:
    """An import would update the location that a code or slug names; here it is somebody else's."""
    for item in plan.locations:
        if item.row is not None and item.place == "locations[0]" and item.before is not None:
            by_code = item.row.code is not None and item.row.code == item.before["code"]
            column = "code" if by_code else "slug" if item.row.slug else "name"
            message = f"is also that of location {item.id}"
            yield Problem(f"{item.place}.{column}", message, ErrorCode.NOT_UNIQUE)


async def change(session: AsyncSession, key: LocationKey, columns: Mapping[str, Any], origin: Origin) -> Row:
    """Give a location other values; what is left out stays. To make an archived one active brings it back.

    Raises CatalogError for values that do not fit. Refuses with: LOCATION_NOT_FOUND, LOCATION_FORBIDDEN.
    """
    location_id = await _id_of(session, key, origin, "location")
    document = {"locations": [{**columns, "id": location_id}, *await _no_longer_default(session, columns, location_id)]}
    return (await catalog.write_rows(session, document, origin))["locations[0]"]


async def _no_longer_default(
    session: AsyncSession, columns: Mapping[str, Any], location_id: int | None
) -> list[dict[str, Any]]:
    """What becomes of the default location when another is to be it."""
    if columns.get("is_default") is not True:
        return []
    default = await session.scalar(select(_location.c.id).where(_location.c.is_default))
    return [] if default in {None, location_id} else [{"id": default, "is_default": False}]


async def archive(
    session: AsyncSession, key: LocationKey, origin: Origin, *, transfer_to: LocationKey | None = None
) -> Archived:
    """Close a location for good. What is on hand there moves to `transfer_to`, through the write path.

    What the write path would not change stays where it is: stock of products in the trash, and of those whose
    variations carry the stock. Archiving twice is harmless.
    Refuses with: LOCATION_NOT_FOUND, LOCATION_FORBIDDEN, FIELD_OWNED, LOCATION_IS_DEFAULT, STOCK_LEFT (as
    StockLeftError), and as inventory.apply() when what is left cannot be moved.
    """
    await hold(session, Location)
    location_id = await _id_of(session, key, origin, "location")
    row = (await session.execute(select(_location).where(_location.c.id == location_id))).mappings().one()
    if row["archived_at"] is not None:
        return Archived(location_id)
    await _check_owned(session, location_id, origin)
    if row["is_default"]:
        message = "The default location cannot be archived. Make another the default first."
        raise InventoryError(ErrorCode.LOCATION_IS_DEFAULT, message, "location")
    await hold(session, StockLevel)  # writers wait here; when they go on, they see that the location is closed
    left = await _left(session, location_id)
    if left and transfer_to is None:
        raise StockLeftError(len(left), sum(units for _, units in left))
    moved: tuple[Applied, ...] = ()
    if left and transfer_to is not None:
        await _set(session, location_id, active=True)  # nobody sees it: units leave a location that is open
        target_id = await _id_of(session, transfer_to, origin, "transfer_to")
        moved = tuple([await inventory.apply(session, group) for group in _moves(location_id, target_id, left, origin)])
    await _set(session, location_id, active=False, archived_at=datetime.now(UTC), updated_at=datetime.now(UTC))
    await change_feed.record_catalog(session, locations=[location_id], kind=Kind.DELETED)
    return Archived(location_id, moved)


async def _id_of(session: AsyncSession, key: LocationKey, origin: Origin, field: str) -> int:
    place = (await keys.resolve_locations(session, {key})).get(key)
    if place is None:
        raise InventoryError(ErrorCode.LOCATION_NOT_FOUND, "Location not found.", field)
    if origin.locations is not None and place.id not in origin.locations:
        raise InventoryError(ErrorCode.LOCATION_FORBIDDEN, "This API key may not change this location.", field)
    return place.id


async def _check_owned(session: AsyncSession, location_id: int, origin: Origin) -> None:
    """What is archived for somebody who takes it for archived has to be: it is refused in either mode of a rule."""
    rules = (await ownership.read(session)).at(location_id)
    if rule := bound_by(rules, OwnedField.CATALOG, origin.api_key_id):
        raise FieldOwnedError(rule.refusal("location"))


async def _left(session: AsyncSession, location_id: int) -> list[tuple[int, int]]:
    """The products of which there are not 0 units, and how many there are."""
    level, product = table_of(StockLevel), table_of(Product)
    found = await session.execute(
        select(level.c.product_id, level.c.on_hand)
        .join(product, product.c.id == level.c.product_id)
        .where(level.c.location_id == location_id, level.c.on_hand != 0, CARRIES_STOCK)
        .order_by(level.c.product_id)
    )
    return [(row[0], row[1]) for row in found]


def _moves(source: int, target: int, left: Sequence[tuple[int, int]], origin: Origin) -> Iterator[ChangeGroup]:
    """All that is left, as transfers. What is owed moves as well: it is taken back from where it will be owed."""
    here, there = LocationKey("id", source), LocationKey("id", target)
    lines = [
        Transfer((ItemKey("id", item),), here, there, units)
        if units > 0
        else Transfer((ItemKey("id", item),), there, here, -units, below_zero=True)
        for item, units in left
    ]
    for start in range(0, len(lines), _LINES_MAX):
        yield ChangeGroup(lines[start : start + _LINES_MAX], origin, ignorable=False)  # or some would be left behind


async def _set(session: AsyncSession, location_id: int, **columns: Any) -> None:
    await session.execute(update(_location).where(_location.c.id == location_id).values(columns))
