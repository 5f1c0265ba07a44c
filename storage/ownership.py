"""Source rules where they are read: beside what a writer looks up anyway, in the transaction that they bind. So a rule
that is committed binds whatever begins after it, in every process, and costs changes of stock no statement.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, false, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.json_sql import json_aggregate, json_array
from storage.prepared import Prepared
from storage.source_rules import RuleBook
from storage.tables import SourceRule
from storage.upsert import table_of

_table: Final = table_of(SourceRule)
_rule: Final = _table.c
_ROW: Final = (_rule.field, _rule.mode, _rule.location_id, _rule.owners)
_ALL: Final = Prepared(select(*_ROW))


def at(location_id: ColumnElement[Any] | None) -> ColumnElement[Any]:
    """The rules of a location and those for everywhere, as text for rules_of(); None: only those for everywhere.

    Of one table, without a join: through a pooler every statement is planned anew, and a join took longer than all the
    rest of it.
    """
    is_there = false() if location_id is None else _rule.location_id == location_id
    rows = select(json_aggregate(json_array(*_ROW))).where(or_(_rule.location_id.is_(None), is_there))
    return rows.scalar_subquery()


RULES: Final = at(None)
"""The rules for what belongs to no location, such as products."""


async def read(session: AsyncSession) -> RuleBook:
    """All rules, for who writes more than stock."""
    return RuleBook(await _ALL.rows(session))


async def inherit(session: AsyncSession, old_key_id: int, new_key_id: int) -> None:
    """Let a key own what the one owned that it replaces."""
    rules = await session.execute(select(_rule.id, _rule.owners).order_by(_rule.id).with_for_update())
    for rule_id, owners in rules.all():
        names = [name for id_, name in owners if id_ == old_key_id]
        if names:
            inherited = [*owners, [new_key_id, names[0]]]
            await session.execute(update(_table).where(_rule.id == rule_id).values(owners=inherited))
