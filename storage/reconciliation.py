"""Does the ledger explain every stock level? And what to do where it does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import case, func, insert, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from storage.catalog_lock import hold
from storage.changes import Reason
from storage.planning import Level
from storage.tables import LedgerEntry, LedgerOpening, Location, Product, StockChangeGroup, StockLevel
from storage.upsert import insert_rows, table_of, upsert_rows

_LEVEL_KEY: Final = ("product_id", "location_id")


@dataclass(frozen=True, slots=True)
class Drift:
    """A level that its ledger entries do not explain.

    `level` is None when the row is missing. `ledger_sum` is the sum of the deltas, `last` the level as the last entry
    left it; None when there is no entry.
    """

    product_id: int
    location_id: int
    level: Level | None
    ledger_sum: int
    last: Level | None

    def __str__(self) -> str:
        place = f"product {self.product_id} at location {self.location_id}"
        if self.level is None:
            return f"{place}: no stock level, but the ledger says {self.ledger_sum} on hand"
        said = "has no entry" if self.last is None else f"says {self.last.on_hand} at version {self.last.version}"
        total = (
            "" if self.last and self.ledger_sum == (self.last.on_hand or 0) else f" and adds up to {self.ledger_sum}"
        )
        return f"{place}: {self.level.on_hand} on hand at version {self.level.version}, but the ledger {said}{total}"


_level: Final = table_of(StockLevel)
_entry: Final = table_of(LedgerEntry)
_opening: Final = table_of(LedgerOpening)
_moves: Final = union_all(
    *(
        select(moved.c.product_id, moved.c.location_id, moved.c.delta, moved.c.sequence)
        for moved in (_entry, _opening)  # what was pruned is summed up there
    )
).subquery("moves")
_sums: Final = (
    select(
        _moves.c.product_id,
        _moves.c.location_id,
        func.sum(_moves.c.delta).label("total"),
        func.max(_moves.c.sequence).label("last"),
    )
    .group_by(_moves.c.product_id, _moves.c.location_id)
    .subquery("sums")
)
_of_sums: Final = (_level.c.product_id == _sums.c.product_id) & (_level.c.location_id == _sums.c.location_id)
_opened: Final = (_opening.c.product_id == _sums.c.product_id) & (_opening.c.location_id == _sums.c.location_id)
_last: Final = {
    name: case((_entry.c.sequence.is_not(None), _entry.c[name]), else_=_opening.c[name]).label(f"last_{name}")
    for name in Level._fields
}
"""The level as its last entry left it, or where all of them were pruned, its opening."""

_UNEXPLAINED: Final = (
    select(
        _level.c.product_id,
        _level.c.location_id,
        func.coalesce(_sums.c.total, 0),
        *(_level.c[name] for name in Level._fields),
        *_last.values(),
    )
    .outerjoin_from(_level, _sums, _of_sums)
    .outerjoin(_entry, _entry.c.sequence == _sums.c.last)
    .outerjoin(_opening, _opened)
    .where(
        or_(
            func.coalesce(_level.c.on_hand, 0) != func.coalesce(_sums.c.total, 0),
            func.coalesce(_last["version"], 0) != _level.c.version,
            _last["on_hand"].is_distinct_from(_level.c.on_hand) & _last["version"].is_not(None),
        )
    )
    .order_by(_level.c.product_id, _level.c.location_id)
)
_MISSING: Final = (
    select(_sums.c.product_id, _sums.c.location_id, _sums.c.total, *_last.values())
    .outerjoin_from(_sums, _entry, _entry.c.sequence == _sums.c.last)
    .outerjoin(_opening, _opened)
    # who deleted a product or location deleted its levels with it; the ledger keeps their history
    .join(table_of(Product), table_of(Product).c.id == _sums.c.product_id)
    .join(table_of(Location), table_of(Location).c.id == _sums.c.location_id)
    .outerjoin(_level, _of_sums)
    .where(_level.c.product_id.is_(None))
    .order_by(_sums.c.product_id, _sums.c.location_id)
)


async def drifts(session: AsyncSession) -> list[Drift]:
    """Every level that its ledger does not explain: run on one snapshot, it finds none that is only in progress."""
    width = len(Level._fields)
    found = [
        Drift(product_id, location_id, Level(*values[:width]), int(total), _last_of(values[width:]))
        for product_id, location_id, total, *values in await session.execute(_UNEXPLAINED)
    ]
    missing = [
        Drift(product_id, location_id, None, int(total), Level(*values))
        for product_id, location_id, total, *values in await session.execute(_MISSING)
    ]
    return found + missing


def _last_of(values: list[Any]) -> Level | None:
    return None if values[-1] is None else Level(*values)  # a version is never NULL in an entry


async def repair(session: AsyncSession) -> list[Drift]:
    """Write one correcting ledger entry for every level that drifted, and say which those were.

    The level keeps its quantity: it is what every client has seen, sold and counted against since, and a quantity that
    jumps back unasked can oversell. The ledger is never rewritten, either; as in any book, the difference becomes an
    entry of its own, which names itself and can be asked about. Only a level that is missing altogether is taken from
    its last entry. The version grows, so that nobody's compare-and-set passes over the repair.
    """
    await hold(session, StockLevel, LedgerEntry)
    found = await drifts(session)
    if not found:
        return []
    now = datetime.now(UTC)
    group = {
        "dialect": "reconcile", "principal": "stockgate reconcile", "reason": Reason.CORRECTION,
        "note": "The ledger did not explain the level.", "reference": "", "request_id": "", "created_at": now,
    }  # fmt: skip
    inserted = await session.execute(
        insert(table_of(StockChangeGroup)).returning(table_of(StockChangeGroup).c.id), group
    )
    rows = [
        {**dict(zip(_LEVEL_KEY, (drift.product_id, drift.location_id), strict=True)), **_repaired(drift)._asdict()}
        for drift in found
    ]
    await upsert_rows(session, StockLevel, rows, key=_LEVEL_KEY, shared={"updated_at": now})
    entries = [
        {**row, "line": line, "before": drift.ledger_sum, "delta": (row["on_hand"] or 0) - drift.ledger_sum}
        for line, (row, drift) in enumerate(zip(rows, found, strict=True))
    ]
    await insert_rows(session, LedgerEntry, entries, shared={"group_id": inserted.scalar_one(), "created_at": now})
    return found


def _repaired(drift: Drift) -> Level:
    level = drift.level or drift.last or Level()
    return level._replace(version=max(level.version, drift.last.version if drift.last else 0) + 1)
