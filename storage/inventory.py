"""The write path. Every transport's changes of stock levels go through apply(), exactly once in the program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import orjson
from sqlalchemy import BigInteger, and_, delete, exists, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import change_feed, idempotency, keys, tally
from storage.changes import (
    AlreadyReversedError,
    Applied,
    ChangeGroup,
    ItemKey,
    LocationKey,
    Refused,
    Transfer,
    storable,
)
from storage.columns import unscaled
from storage.errors import ErrorCode, InventoryError
from storage.json_rows import json_text, rows_from
from storage.json_sql import json_aggregate, json_array, printed, text_of
from storage.lines import Item, LevelKey, level_keys, lines_of, total_keys
from storage.planning import Level, Plan, plan
from storage.prepared import Prepared
from storage.tables import LedgerEntry, Location, StockChangeGroup, StockLevel
from storage.upsert import insert_missing, insert_rows, table_of, upsert_rows

_LEVEL_KEY: Final = ("product_id", "location_id")
_LEVEL_COLUMNS: Final = (*_LEVEL_KEY, *Level._fields)
_ENTRY_COLUMNS: Final = ("line", "delta", "before", *_LEVEL_COLUMNS)


async def apply(session: AsyncSession, group: ChangeGroup, known: Mapping[ItemKey, Item] | None = None) -> Applied:
    """Plan the group against locked levels, then write levels and ledger together.

    The number of statements does not depend on the number of changes. `known` are items that were looked up in this
    transaction already.
    Refuses with: GROUP_REJECTED (as GroupRejectedError, with the outcomes), ALREADY_REVERSED (as AlreadyReversedError),
    GROUP_PRUNED, IDEMPOTENCY_KEY_REUSED, INVALID_IDEMPOTENCY_KEY.
    """
    if earlier := await idempotency.claim(session, group):
        return earlier
    if group.reverses is not None:
        await _check_not_reversed(session, group.reverses)
    item_keys, location_keys = _keys_of(group)
    known = known or {}
    items = {**known, **await keys.resolve_items(session, item_keys - known.keys())}
    places = await keys.resolve_locations(session, location_keys)
    lines = lines_of(group, items, places)
    before, closed = await _lock(session, level_keys(lines))
    if closed:  # since the locations were looked up
        places = {key: place._replace(active=place.active and place.id not in closed) for key, place in places.items()}
        lines = lines_of(group, items, places)
    planned = plan(group, lines, before, await _elsewhere(session, total_keys(lines)))
    group_id = await _write(session, group, planned)
    await _drop_blanks(session, [key for key in before if key not in planned.levels and not before[key].version])
    for outcome in planned.outcomes:
        if outcome.error is not None:
            tally.refused(outcome.error.code)
    applied = Applied(planned.outcomes, group_id)
    await idempotency.record(session, group, applied)
    return applied


async def _check_not_reversed(session: AsyncSession, group_id: int) -> None:
    """A group is taken back once: who would do it at the same time waits here."""
    groups = table_of(StockChangeGroup)
    if await session.scalar(select(groups.c.id).where(groups.c.id == group_id).with_for_update()) is None:
        raise InventoryError(ErrorCode.GROUP_PRUNED, "This change group was pruned from the ledger.", "id")
    by = await session.scalar(select(groups.c.id).where(groups.c.reverses_id == group_id))
    if by is not None:
        raise AlreadyReversedError(by)


def _keys_of(group: ChangeGroup) -> tuple[set[ItemKey], set[LocationKey]]:
    """What the group's lines name."""
    items: set[ItemKey] = set()
    locations: set[LocationKey] = set()
    for change in group.changes:
        if isinstance(change, Refused):
            continue
        items.update(change.items)
        locations.update((change.source, change.target) if isinstance(change, Transfer) else (change.location,))
    return items, locations


_level: Final = table_of(StockLevel).c
_location: Final = table_of(Location).c
_named: Final = select(*rows_from("named", dict.fromkeys(_LEVEL_KEY, BigInteger())).values()).subquery("named")
_is_named: Final = and_(_level.product_id == _named.c.product_id, _level.location_id == _named.c.location_id)
_LOCK: Final = Prepared(
    select(*(_level[name] for name in _LEVEL_COLUMNS), _location.active)
    .join(_named, _is_named)
    .join(table_of(Location), _location.id == _level.location_id)
    .order_by(_level.product_id, _level.location_id)
    .with_for_update(of=table_of(StockLevel))
)
_LEVELS: Final = Prepared(
    select(
        text_of(
            json_aggregate(
                json_array(*(printed(_level[name]) if name == "disabled" else _level[name] for name in _LEVEL_COLUMNS))
            )
        )
    )
    .select_from(table_of(StockLevel))
    .join(_named, _is_named)
)
_ELSEWHERE: Final = Prepared(
    select(_named.c.product_id, _named.c.location_id, func.sum(_level.on_hand).cast(BigInteger))
    .join(
        table_of(StockLevel),
        and_(_level.product_id == _named.c.product_id, _level.location_id != _named.c.location_id),
    )
    .join(table_of(Location), and_(_location.id == _level.location_id, _location.active))
    .where(_level.on_hand.is_not(None))
    .group_by(_named.c.product_id, _named.c.location_id)
)
_DROP_BLANKS: Final = Prepared(
    delete(table_of(StockLevel)).where(_level.version == 0, exists().where(_is_named).correlate(table_of(StockLevel)))
)
_GROUP: Final = Prepared(
    insert(table_of(StockChangeGroup)).returning(table_of(StockChangeGroup).c.id, change_feed.ENTER),
    columns=(
        "dialect", "api_key_id", "principal", "reason", "note", "reference", "request_id", "reverses_id", "created_at"
    ),
)  # fmt: skip


async def _lock(session: AsyncSession, named: Sequence[LevelKey]) -> tuple[Mapping[LevelKey, Level], set[int]]:
    """The levels as they are, locked until the transaction ends; and the locations among theirs that are inactive.

    A level that does not exist is inserted first, blank, at version 0, so that there is something to lock: two writers
    of a new level queue on it. Levels are named in one order by everybody, so groups that name the same ones in any
    order do not deadlock. Who archives a location locks all levels out, so that whoever waited for that sees here that
    it is closed. On SQLite the transaction holds the only write lock already; the statements are the same.
    """
    if not named:
        return {}, set()
    blank = {"disabled": False, "version": 0, "updated_at": datetime.now(UTC)}
    await insert_missing(session, StockLevel, named, key=_LEVEL_KEY, columns=_LEVEL_KEY, shared=blank)
    rows = await _LOCK.rows(session, {"named": json_text(named)})
    return {(row[0], row[1]): Level(*row[2:-1]) for row in rows}, {row[1] for row in rows if not row[-1]}


async def levels(session: AsyncSession, named: Sequence[LevelKey]) -> Mapping[LevelKey, Level]:
    """The levels as they are, for who only wants to know what a group would come to: nothing is locked.

    They come as one JSON document, which costs half of what as many rows do.
    """
    if not named:
        return {}
    rows = orjson.loads(await _LEVELS.scalar(session, {"named": json_text(named)}))
    return {
        (row[0], row[1]): Level(row[2], unscaled(row[3]), unscaled(row[4]), row[5], bool(row[6]), *row[7:])
        for row in rows
    }


async def _elsewhere(session: AsyncSession, named: Sequence[LevelKey]) -> Mapping[LevelKey, int]:
    """For each of these levels, which are locked: units of its item at the other active locations.

    Those levels are not locked. Who changes one of them now comes after this group, as if it had waited: what decides
    here is what was committed when the level that absorbs the difference was locked.
    """
    if not named:
        return {}
    rows = await _ELSEWHERE.rows(session, {"named": json_text(named)})
    return {(row[0], row[1]): row[2] for row in rows}


async def _drop_blanks(session: AsyncSession, unused: Sequence[LevelKey]) -> None:
    """Take back the levels that were inserted only to be locked."""
    if unused:
        await _DROP_BLANKS.write(session, {"named": json_text(unused)})


async def _write(session: AsyncSession, group: ChangeGroup, planned: Plan) -> int | None:
    """The group, each changed level's last state, one ledger entry per step; nothing at all when nothing changed.

    Whoever follows the ledger sees it in the order of its sequences: inserting the group enters the change feed, before
    the entries draw theirs.
    """
    if not planned.entries:
        return None
    now = datetime.now(UTC)  # taken under the locks, so that a level's times follow its versions
    group_id = await _insert_group(session, group, now)
    levels = [(*key, *level) for key, level in sorted(planned.levels.items())]
    await upsert_rows(session, StockLevel, levels, key=_LEVEL_KEY, columns=_LEVEL_COLUMNS, shared={"updated_at": now})
    entries = [(entry.line, entry.delta, entry.before, *entry.key, *entry.level) for entry in planned.entries]
    await insert_rows(
        session, LedgerEntry, entries, columns=_ENTRY_COLUMNS, shared={"group_id": group_id, "created_at": now}
    )
    return group_id


async def _insert_group(session: AsyncSession, group: ChangeGroup, now: datetime) -> int:
    origin = group.origin
    values = {
        "dialect": origin.dialect,
        "api_key_id": origin.api_key_id,
        "principal": storable(origin.principal),
        "reason": origin.reason,
        "note": storable(origin.note),
        "reference": storable(origin.reference),
        "request_id": origin.request_id,
        "reverses_id": group.reverses,
        "created_at": now,
    }
    group_id: int = await _GROUP.scalar(session, values)
    return group_id
