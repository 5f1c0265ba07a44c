"""The write operation on thresholds of single levels. Those of products and locations are columns of the catalogue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Integer, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import change_feed, keys
from storage.change_feed import CatalogRow, Kind
from storage.changes import QUANTITY_MAX, GroupRejectedError, ItemKey, LocationKey, Origin, Outcome, Refused
from storage.columns import Id
from storage.errors import ErrorCode
from storage.json_rows import json_text, rows_from
from storage.lines import Item, Place
from storage.tables import StockLevel
from storage.upsert import table_of

Pair = tuple[int, int]
"""A level: its product and location."""
_level: Final = table_of(StockLevel)
_KEY: Final = {"product_id": Id, "location_id": Id}


@dataclass(frozen=True, slots=True)
class LevelThreshold:
    """What low stock shall be at one level; None: what its product or location says."""

    item: ItemKey
    location: LocationKey
    threshold: int | None


async def set_thresholds(session: AsyncSession, lines: Sequence[LevelThreshold], origin: Origin) -> list[Outcome]:
    """Say what low stock is at these levels: at all of them, or at none. Stock and its ledger stay as they are.

    Refuses with: GROUP_REJECTED (as GroupRejectedError) when a line names no level, or one that another line names, or
    one where the caller may not write, or a threshold that is none.
    """
    items = await keys.resolve_items(session, {line.item for line in lines})
    places = await keys.resolve_locations(session, {line.location for line in lines})
    outcomes = [
        _named(index, line, items[line.item], places.get(line.location), origin) for index, line in enumerate(lines)
    ]
    before = await _held(session, [_pair(outcome) for outcome in outcomes if outcome.error is None])
    outcomes = _checked(outcomes, before)
    if any(outcome.error is not None for outcome in outcomes):
        raise GroupRejectedError("Not every threshold could be set; none was.", outcomes)
    wanted = {_pair(outcome): line.threshold for outcome, line in zip(outcomes, lines, strict=True)}
    changed = {pair: threshold for pair, threshold in wanted.items() if before[pair] != threshold}
    await _write(session, changed)
    await change_feed.record(session, [CatalogRow(Kind.THRESHOLDS, *pair) for pair in changed])
    return [
        Outcome(outcome.index, *_pair(outcome), sku=outcome.sku, changed=_pair(outcome) in changed)
        for outcome in outcomes
    ]


def _named(index: int, line: LevelThreshold, item: Item | Refused, place: Place | None, origin: Origin) -> Outcome:
    """Which level a line names, or why it may not be changed so."""
    if isinstance(item, Refused):
        return Outcome(index, error=item)
    if place is None:
        return Outcome(index, error=Refused(ErrorCode.LOCATION_NOT_FOUND, "Location not found.", "location"))
    if origin.locations is not None and place.id not in origin.locations:
        message = "This API key may not write at this location."
        return Outcome(index, error=Refused(ErrorCode.LOCATION_FORBIDDEN, message, "location"))
    error = None
    if line.threshold is not None and not 0 <= line.threshold <= QUANTITY_MAX:
        message = f"A threshold is from 0 to {QUANTITY_MAX:,}; null leaves it to the product or the location."
        error = Refused(ErrorCode.INVALID_VALUE, message, "low_stock_threshold")
    return Outcome(index, item.id, place.id, item.sku, error=error)


def _checked(outcomes: Sequence[Outcome], before: dict[Pair, int | None]) -> list[Outcome]:
    """The outcomes, refused where there is no such level, or where it is named twice."""
    named = Counter(_pair(outcome) for outcome in outcomes if outcome.error is None)
    checked = []
    for outcome in outcomes:
        error = outcome.error
        if error is None and _pair(outcome) not in before:
            message = "This product was never stocked at this location. Count it there first, be it 0."
            error = Refused(ErrorCode.ITEM_NOT_FOUND, message, "product")
        elif error is None and named[_pair(outcome)] > 1:
            error = Refused(ErrorCode.INVALID_VALUE, "Another line names the same product and location.", "product")
        checked.append(Outcome(outcome.index, outcome.product_id, outcome.location_id, outcome.sku, error=error))
    return checked


def _pair(outcome: Outcome) -> Pair:
    return outcome.product_id or 0, outcome.location_id or 0


async def _held(session: AsyncSession, pairs: Sequence[Pair]) -> dict[Pair, int | None]:
    """The thresholds of those levels that there are, held until the transaction ends; locked in the writers' order."""
    key = tuple_(_level.c.product_id, _level.c.location_id)
    found = (
        select(_level.c.product_id, _level.c.location_id, _level.c.low_stock_threshold)
        .where(key.in_(select(*rows_from("rows", _KEY).values())))
        .order_by(_level.c.product_id, _level.c.location_id)
        .with_for_update()
    )
    rows: Any = await session.execute(found, {"rows": json_text(sorted(set(pairs)))})
    return {(product_id, location_id): threshold for product_id, location_id, threshold in rows}


async def _write(session: AsyncSession, changed: dict[Pair, int | None]) -> None:
    if not changed:
        return
    given = select(*rows_from("rows", {**_KEY, "threshold": Integer()}).values()).subquery("given")
    written = (
        update(_level)
        .values(low_stock_threshold=given.c.threshold)
        .where(_level.c.product_id == given.c.product_id, _level.c.location_id == given.c.location_id)
    )
    rows = [(*pair, threshold) for pair, threshold in changed.items()]
    await session.execute(written, {"rows": json_text(rows)})
