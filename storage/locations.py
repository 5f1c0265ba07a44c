"""Reads of locations for the dialects."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from storage.tables import Location


class ListedLocation(NamedTuple):
    """A location as lists of locations show it. `slug` is decoded."""

    id: int
    slug: str
    name: str
    description: str
    active: bool


_LOCATIONS: Final = select(
    col(Location.id), col(Location.slug), col(Location.name), col(Location.description), col(Location.active)
)
_ACTIVE: Final = _LOCATIONS.where(col(Location.active))
_COUNTRY_OF_DEFAULT: Final = select(col(Location.country)).where(col(Location.is_default))


async def by_name(
    session: AsyncSession, *, among: Collection[int] | None = None, inactive: bool = False
) -> list[ListedLocation]:
    """The active locations, or with `inactive` all of them, by name. `among` leaves only these ids; None is all."""
    rows: Sequence[Any] = (await session.execute(_LOCATIONS if inactive else _ACTIVE)).all()
    found = [ListedLocation(*row) for row in rows if among is None or row.id in among]
    return sorted(found, key=lambda location: (location.name.casefold(), location.id))


async def country_of_default(session: AsyncSession) -> str:
    """The country of the default location; '' where there is none, or it says none."""
    found: str | None = (await session.execute(_COUNTRY_OF_DEFAULT)).scalar()
    return found or ""
