"""Source rules where they are read: beside what a writer looks up anyway, in the transaction that they bind. So a rule
that is committed binds whatever begins after it, in every process, and costs changes of stock no statement.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, false, insert, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.json_sql import json_aggregate, json_array
from storage.prepared import Prepared
from storage.source_rules import RuleBook
from storage.tables import ApiKey, SourceRule, SourceRuleOwner
from storage.upsert import table_of

_rule: Final = table_of(SourceRule)
_owner: Final = table_of(SourceRuleOwner)
_key: Final = table_of(ApiKey)
_ROW: Final = (_rule.c.field, _rule.c.mode, _rule.c.location_id, _key.c.id, _key.c.name)
_owned: Final = _rule.join(_owner, _owner.c.source_rule_id == _rule.c.id).join(_key, _key.c.id == _owner.c.api_key_id)
_ALL: Final = Prepared(select(*_ROW).select_from(_owned))


def at(location_id: ColumnElement[Any] | None) -> ColumnElement[Any]:
    """The rules of a location and those for everywhere, as text for rules_of(); None: only those for everywhere."""
    is_there = false() if location_id is None else _rule.c.location_id == location_id
    rows = select(json_aggregate(json_array(*_ROW))).select_from(_owned)
    return rows.where(or_(_rule.c.location_id.is_(None), is_there)).scalar_subquery()


RULES: Final = at(None)
"""The rules for what belongs to no location, such as products."""


async def read(session: AsyncSession) -> RuleBook:
    """All rules, for who writes more than stock."""
    return RuleBook(await _ALL.rows(session))


async def inherit(session: AsyncSession, old_key_id: int, new_key_id: int) -> None:
    """Let a key own what the one owned that it replaces."""
    owned = select(_owner.c.source_rule_id, literal(new_key_id)).where(_owner.c.api_key_id == old_key_id)
    await session.execute(insert(_owner).from_select(["source_rule_id", "api_key_id"], owned))
