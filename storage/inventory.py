"""The write path. Every transport's changes of stock levels go through apply(), exactly once in the program."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import BigInteger, and_, delete, exists, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from storage import idempotency, keys
from storage.changes import Applied, Change, ChangeGroup
from storage.json_sql import json_text, rows_from
from storage.planning import Level, LevelKey, Plan, level_keys, plan
from storage.tables import LedgerEntry, StockChangeGroup, StockLevel
from storage.upsert import insert_missing, insert_rows, upsert_rows


async def apply(session: AsyncSession, group: ChangeGroup) -> Applied:
    """Plan the group against locked levels, then write levels and ledger together.

    The number of statements does not depend on the number of changes.
    Refuses with: GROUP_REJECTED (as GroupRejectedError, with the outcomes), IDEMPOTENCY_KEY_REUSED.
    """
    now = datetime.now(UTC)
    if earlier := await idempotency.claim(session, group, now):
        return earlier
    changes = [change for change in group.changes if isinstance(change, Change)]
    items = await keys.resolve_items(session, {key for change in changes for key in change.items})
    places = await keys.resolve_locations(session, {change.location for change in changes})
    locked = level_keys(group, items, places)
    planned = plan(group, items, places, await _lock_levels(session, locked, now))
    group_id = await _write(session, group, planned, now)
    if len(planned.levels) < len(locked):
        await _drop_placeholders(session, locked)
    applied = Applied(planned.outcomes, group_id)
    await idempotency.record(session, group, applied)
    return applied


_LEVEL_KEYS: Final = {"product_id": BigInteger(), "location_id": BigInteger()}
_named = select(*rows_from("levels", _LEVEL_KEYS).values()).subquery("named")
_is_named = and_(col(StockLevel.product_id) == _named.c.product_id, col(StockLevel.location_id) == _named.c.location_id)
_LOCK: Final = (
    select(
        col(StockLevel.product_id), col(StockLevel.location_id), col(StockLevel.on_hand), col(StockLevel.regular_price),
        col(StockLevel.sale_price), col(StockLevel.backorders), col(StockLevel.disabled), col(StockLevel.version),
    )
    .join(_named, _is_named)
    .order_by(col(StockLevel.product_id), col(StockLevel.location_id))
    .with_for_update(of=StockLevel)
)  # fmt: skip
_DROP_PLACEHOLDERS: Final = delete(StockLevel).where(
    col(StockLevel.version) == 0, exists().where(_is_named).correlate(StockLevel)
)


async def _lock_levels(session: AsyncSession, locked: Sequence[LevelKey], now: datetime) -> dict[LevelKey, Level]:
    """The levels as they are, locked until the transaction ends.

    A level that does not exist is inserted first, at version 0, so that there is something to lock: two writers of a
    new level queue on it. Levels are named in one order by everybody, so groups that name the same ones in any order
    do not deadlock. On SQLite the transaction holds the only write lock already; the statements are the same.
    """
    if not locked:
        return {}
    blank = {"disabled": False, "version": 0, "updated_at": now}
    placeholders = [
        {"product_id": product_id, "location_id": location_id, **blank} for product_id, location_id in locked
    ]
    await insert_missing(session, StockLevel, placeholders, key=("product_id", "location_id"))
    rows = (await session.execute(_LOCK, {"levels": _named_levels(locked)})).all()
    return {(row[0], row[1]): Level(*row[2:]) for row in rows}


async def _write(session: AsyncSession, group: ChangeGroup, planned: Plan, now: datetime) -> int | None:
    """The group, each changed level's last state, one ledger entry per step; nothing at all when nothing changed."""
    if not planned.entries:
        return None
    origin = group.origin
    inserted = await session.execute(
        insert(StockChangeGroup).returning(col(StockChangeGroup.id)),
        {
            "dialect": origin.dialect, "api_key_id": origin.api_key_id, "principal": origin.principal,
            "reason": origin.reason, "reference": origin.reference, "request_id": origin.request_id, "created_at": now,
        },
    )  # fmt: skip
    group_id = inserted.scalar_one()
    levels = [
        {"product_id": key[0], "location_id": key[1], **_columns(planned.levels[key]), "updated_at": now}
        for key in sorted(planned.levels)
    ]
    await upsert_rows(session, StockLevel, levels, key=("product_id", "location_id"))
    entries = [
        {
            "group_id": group_id, "line": entry.line, "product_id": entry.product_id, "location_id": entry.location_id,
            "delta": entry.delta, "before": entry.before, **_columns(entry.level), "created_at": now,
        }
        for entry in planned.entries
    ]  # fmt: skip
    await insert_rows(session, LedgerEntry, entries)
    return group_id


async def _drop_placeholders(session: AsyncSession, locked: Sequence[LevelKey]) -> None:
    """Take back the levels that were inserted only to be locked."""
    await session.execute(_DROP_PLACEHOLDERS, {"levels": _named_levels(locked)})


def _named_levels(locked: Sequence[LevelKey]) -> str:
    return json_text([{"product_id": product_id, "location_id": location_id} for product_id, location_id in locked])


def _columns(level: Level) -> dict[str, object]:
    return {
        "on_hand": level.on_hand, "regular_price": level.regular_price, "sale_price": level.sale_price,
        "backorders": level.backorders, "disabled": level.disabled, "version": level.version,
    }  # fmt: skip
