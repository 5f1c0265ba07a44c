"""Write operations on source rules, and their list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import access, keys
from storage.access import Credential
from storage.catalog_lock import hold
from storage.changes import LocationKey
from storage.errors import ErrorCode, InventoryError
from storage.source_rules import Mode, OwnedField, rule_of
from storage.source_rules import SourceRule as Rule
from storage.tables import ApiKey, Location, SourceRule
from storage.upsert import table_of

_rule: Final = table_of(SourceRule)
_key: Final = table_of(ApiKey)


@dataclass(frozen=True, slots=True)
class Listed:
    """A rule as lists show it: its owners by id and name, and where it holds by the name and slug of its location."""

    id: int
    rule: Rule
    location_slug: str | None
    location_name: str | None
    updated_at: datetime


_LISTED: Final = select(
    _rule.c.field, _rule.c.mode, _rule.c.location_id, _rule.c.owners,
    _rule.c.id, table_of(Location).c.slug, table_of(Location).c.name, _rule.c.updated_at,
).outerjoin_from(_rule, table_of(Location), table_of(Location).c.id == _rule.c.location_id)  # fmt: skip


async def listed(session: AsyncSession) -> list[Listed]:
    """All rules: by their fields, those for everywhere first."""
    found = [
        Listed(id_, rule_of(row), slug, name, updated_at)
        for *row, id_, slug, name, updated_at in await session.execute(_LISTED)
    ]
    order = list(OwnedField)
    return sorted(found, key=lambda each: (order.index(each.rule.field), each.location_slug or ""))


@dataclass(frozen=True, slots=True)
class NewRule:
    """Who may write a field, by the numbers of API keys, and what becomes of others' writes. Without a location it is
    about everywhere."""

    field: OwnedField
    owners: Sequence[int]
    mode: Mode = Mode.REJECT
    location: LocationKey | None = None


async def set_rule(session: AsyncSession, asked: NewRule, granter: Credential) -> Listed:
    """Say who may write a field; the rule that there was gives way.

    Refuses with: LOCATION_NOT_FOUND, INVALID_VALUE (without owners), KEY_NOT_FOUND (an owner is none that is valid),
    NOT_GRANTED.
    """
    await hold(session, SourceRule)
    field, owners, mode = asked.field, asked.owners, asked.mode
    location_id = await _location_id(session, asked.location, granter)
    if not owners:
        message = "Name at least one API key that may write it; sourceRuleRemove (stockgate rules remove) ends a rule."
        raise InventoryError(ErrorCode.INVALID_VALUE, message, "owners")
    valid = await access.valid_api_keys(session, owners)
    names = await session.execute(select(_key.c.id, _key.c.name).where(_key.c.id.in_(valid)).order_by(_key.c.id))
    for index, owner in enumerate(owners):
        if owner not in valid:
            message = f"There is no API key {owner} that is valid."
            raise InventoryError(ErrorCode.KEY_NOT_FOUND, message, f"owners[{index}]")
    now = datetime.now(UTC)
    values: dict[str, Any] = {"mode": str(mode), "owners": [list(row) for row in names], "updated_at": now}
    rule_id = await session.scalar(select(_rule.c.id).where(*_is(field, location_id)))
    if rule_id is None:
        values |= {"field": str(field), "location_id": location_id, "created_at": now}
        rule_id = (await session.execute(insert(_rule).values(values).returning(_rule.c.id))).scalar_one()
    else:
        await session.execute(update(_rule).where(_rule.c.id == rule_id).values(values))
    return next(each for each in await listed(session) if each.id == rule_id)


async def remove_rule(
    session: AsyncSession, field: OwnedField, granter: Credential, location: LocationKey | None = None
) -> Listed | None:
    """Let everybody write a field again, or again whom the rule for everywhere lets; the rule that there was, if there
    was one.

    Refuses with: LOCATION_NOT_FOUND, NOT_GRANTED.
    """
    await hold(session, SourceRule)
    location_id = await _location_id(session, location, granter)
    for each in await listed(session):
        if (each.rule.field, each.rule.location_id) == (field, location_id):
            await session.execute(delete(_rule).where(_rule.c.id == each.id))
            return each
    return None


async def _location_id(session: AsyncSession, location: LocationKey | None, granter: Credential) -> int | None:
    """Where a rule shall hold. An API key that is limited to locations makes rules for these only."""
    if location is None:
        if granter.locations is not None:
            message = "This API key is limited to some locations: it makes rules for one of these, not for everywhere."
            raise InventoryError(ErrorCode.NOT_GRANTED, message, "location")
        return None
    place = (await keys.resolve_locations(session, {location})).get(location)
    if place is None:
        raise InventoryError(ErrorCode.LOCATION_NOT_FOUND, "Location not found.", "location")
    if granter.locations is not None and place.id not in granter.locations:
        message = "This API key is limited to other locations."
        raise InventoryError(ErrorCode.NOT_GRANTED, message, "location")
    return place.id


def _is(field: OwnedField, location_id: int | None) -> tuple[ColumnElement[bool], ...]:
    here = _rule.c.location_id.is_(None) if location_id is None else _rule.c.location_id == location_id
    return _rule.c.field == str(field), here
