"""Write operations on source rules, and their list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import access, keys
from storage.access import Credential
from storage.catalog_lock import hold
from storage.changes import LocationKey
from storage.errors import ErrorCode, InventoryError
from storage.source_rules import Mode, OwnedField, Owner
from storage.source_rules import SourceRule as Rule
from storage.tables import ApiKey, Location, SourceRule, SourceRuleOwner
from storage.upsert import table_of

_rule: Final = table_of(SourceRule)
_owner: Final = table_of(SourceRuleOwner)
_key: Final = table_of(ApiKey)


@dataclass(frozen=True, slots=True)
class Listed:
    """A rule as lists show it: its owners by id and name, and where it holds by the name and slug of its location."""

    id: int
    rule: Rule
    location_slug: str | None
    location_name: str | None
    updated_at: datetime


_LISTED: Final = (
    select(
        _rule.c.id, _rule.c.field, _rule.c.mode, _rule.c.location_id, _rule.c.updated_at,
        table_of(Location).c.slug, table_of(Location).c.name, _key.c.id, _key.c.name,
    )
    .select_from(_rule)
    .join(_owner, _owner.c.source_rule_id == _rule.c.id)
    .join(_key, _key.c.id == _owner.c.api_key_id)
    .outerjoin(table_of(Location), table_of(Location).c.id == _rule.c.location_id)
    .order_by(_rule.c.id, _key.c.id)
)  # fmt: skip


async def listed(session: AsyncSession) -> list[Listed]:
    """All rules: by their fields, those for everywhere first."""
    found: list[Listed] = []
    for _, rows in groupby((await session.execute(_LISTED)).all(), key=lambda row: row[0]):
        of_rule = list(rows)
        id_, field, mode, location_id, updated_at, slug, name, *_ = of_rule[0]
        owners = tuple(Owner(*row[-2:]) for row in of_rule)
        rule = Rule(OwnedField(field), Mode(mode), owners, location_id)
        found.append(Listed(id_, rule, slug, name, updated_at))
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
    for index, owner in enumerate(owners):
        if owner not in valid:
            message = f"There is no API key {owner} that is valid."
            raise InventoryError(ErrorCode.KEY_NOT_FOUND, message, f"owners[{index}]")
    now = datetime.now(UTC)
    rule_id = await session.scalar(select(_rule.c.id).where(*_is(field, location_id)))
    if rule_id is None:
        values = {"field": str(field), "location_id": location_id, "created_at": now}
        statement = insert(_rule).values(**values, mode=str(mode), updated_at=now).returning(_rule.c.id)
        rule_id = (await session.execute(statement)).scalar_one()
    else:
        await session.execute(update(_rule).where(_rule.c.id == rule_id).values(mode=str(mode), updated_at=now))
        await session.execute(delete(_owner).where(_owner.c.source_rule_id == rule_id))
    pairs = [{"source_rule_id": rule_id, "api_key_id": owner} for owner in sorted(set(owners))]
    await session.execute(insert(_owner), pairs)
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
            await session.execute(delete(_owner).where(_owner.c.source_rule_id == each.id))
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
