"""What is low on stock, with how much is missing and how long the rest lasts.

What lasts how long follows from what went out over the last days: the units that entries of the ledger took away for a
reason by which stock is used up (OUTFLOW). What moved to another location, was counted, corrected, lost or damaged, and
what went back to a supplier tells nothing of demand; nor does what came back, or was taken back, lessen it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Float, Text, bindparam, case, cast, func, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import availability, keys, thresholds
from storage.changes import ID_MAX, ItemKey, LocationKey, Reason, Refused
from storage.columns import Timestamp
from storage.errors import ErrorCode, InventoryError
from storage.json_rows import among, json_text
from storage.tables import LedgerEntry, Location, Product, StockChangeGroup
from storage.upsert import table_of

OUTFLOW: Final = (Reason.SALE, Reason.PROMOTION, Reason.PRODUCTION, Reason.SYNC, Reason.UNSPECIFIED, Reason.OTHER)
"""Reasons of changes by which stock is used up. Many systems give none, or only tell what is left."""
DAYS: Final = 28
"""Over how many days outflow is looked at, where nothing else is said."""
DAYS_MAX: Final = 366


class LowLevel(NamedTuple):
    """A level that is low. `outflow` is how many units went out over the days that were asked for."""

    product_id: int
    sku: str | None
    name: str
    location_id: int
    location: str
    available: int
    threshold: int
    threshold_source: str
    deficit: int
    outflow: int


class Wanted(NamedTuple):
    """Which levels: at these locations (slugs, codes or ids), of these SKUs and their variations; None is all."""

    locations: Sequence[str] | None = None
    skus: Sequence[str] | None = None
    days: int = DAYS
    """Over how many days outflow is looked at."""
    limit: int | None = None


def per_day_of(outflow: int, days: int) -> float:
    """Units that went out a day, to two places."""
    return (outflow * 100 + days // 2) // days / 100


def cover_of(available: int, outflow: int, days: int) -> float | None:
    """For how many days there is enough, to one place; 0 where there is none, and None where none goes out."""
    if outflow <= 0:
        return None
    return max(available, 0) * 10 * days // outflow / 10


# The same in SQL, over rows that have a level's columns as attributes


def outflow(level: Any, since: Any) -> ColumnElement[int]:
    """The units that went out of a level since a time."""
    entry, group = table_of(LedgerEntry).alias("outgoing"), table_of(StockChangeGroup).alias("outgoing_group")
    went = (
        select(func.coalesce(-func.sum(entry.c.delta), _ZERO).cast(BigInteger))
        .select_from(entry.join(group, group.c.id == entry.c.group_id))
        .where(
            entry.c.product_id == level.product_id,
            entry.c.location_id == level.location_id,
            entry.c.created_at >= since,
            entry.c.delta < _ZERO,
            group.c.reason.in_([literal_column(f"'{reason}'", Text()) for reason in OUTFLOW]),
        )
    )
    return went.correlate_except(entry, group).scalar_subquery()


def per_day(outflow: Any, days: Any) -> ColumnElement[float]:
    """per_day_of()."""
    hundredths: ColumnElement[int] = (outflow * _HUNDRED + days // _TWO) // days
    units: ColumnElement[Any] = cast(hundredths, Float) / literal_column("100.0", Float())
    return units


def cover(available: Any, outflow: Any, days: Any) -> ColumnElement[float | None]:
    """cover_of(): NULL where none goes out, and of what was never counted."""
    left = case((available > _ZERO, available), (available <= _ZERO, _ZERO))
    tenths = (left * _TEN * days) // func.nullif(outflow, _ZERO, type_=BigInteger())
    lasts: ColumnElement[Any] = cast(tenths, Float) / literal_column("10.0", Float())
    return lasts


async def read(session: AsyncSession, wanted: Wanted) -> list[LowLevel]:
    """The levels that are low, the shortest cover first; those that nothing goes out of come last. One statement, after
    those that find what is named.

    Refuses with: LOCATION_NOT_FOUND, ITEM_NOT_FOUND, INVALID_VALUE.
    """
    if not 1 <= wanted.days <= DAYS_MAX:
        message = f"Outflow is looked at over 1 to {DAYS_MAX} days, not {wanted.days}."
        raise InventoryError(ErrorCode.INVALID_VALUE, message, "days")
    values: dict[str, Any] = {
        "since": datetime.now(UTC) - timedelta(days=wanted.days),
        "days": wanted.days,
        "limit": ID_MAX if wanted.limit is None else wanted.limit,
    }
    where = []
    if wanted.locations is not None:
        where.append(among(_location.c.id, "locations"))
        values["locations"] = json_text(await _locations(session, wanted.locations))
    if wanted.skus is not None:
        where.append(or_(among(_item.c.id, "products"), among(_item.c.parent_id, "products")))
        values["products"] = json_text(await _products(session, wanted.skus))
    return [LowLevel(*row) for row in await session.execute(_statement(where), values)]


async def count(session: AsyncSession) -> tuple[int, int]:
    """How many levels are low, and how many of these have nothing available."""
    low = availability.low_levels().subquery("low")
    is_out = case((availability.available(low.c) <= _ZERO, literal_column("1", BigInteger())), else_=_ZERO)
    found = (await session.execute(select(func.count(), func.coalesce(func.sum(is_out), _ZERO)).select_from(low))).one()
    return int(found[0]), int(found[1])


async def _locations(session: AsyncSession, names: Sequence[str]) -> list[int]:
    """The locations that these slugs, codes or ids name."""
    spelled = {name: _spellings(name) for name in names}
    found = await keys.resolve_locations(session, {key for each in spelled.values() for key in each})
    ids = []
    for name, each in spelled.items():
        place = next((found[key] for key in each if key in found), None)
        if place is None:
            message = f"There is no location {name!r}. A location is named by its slug, its code or its id."
            raise InventoryError(ErrorCode.LOCATION_NOT_FOUND, message, "location")
        ids.append(place.id)
    return ids


def _spellings(name: str) -> list[LocationKey]:
    is_id = name.isascii() and name.isdigit() and len(name) < 19
    own = [LocationKey("slug", name), LocationKey("code", name)]
    return [*own, LocationKey("id", int(name))] if is_id else own


async def _products(session: AsyncSession, skus: Sequence[str]) -> list[int]:
    found = await keys.resolve_items(session, {ItemKey("sku", sku) for sku in skus})
    ids = []
    for key, item in found.items():
        if isinstance(item, Refused):
            raise InventoryError(ErrorCode.ITEM_NOT_FOUND, f"There is no product with the SKU {key.value!r}.", "sku")
        ids.append(item.id)
    return ids


_ZERO: Final = literal_column("0", BigInteger())
_TWO: Final = literal_column("2", BigInteger())
_TEN: Final = literal_column("10", BigInteger())
_HUNDRED: Final = literal_column("100", BigInteger())
_item: Final = table_of(Product).alias("report_item")
_location: Final = table_of(Location).alias("report_location")


def _statement(where: Sequence[Any]) -> Any:
    low, days = availability.low_levels().subquery("low"), bindparam("days", type_=BigInteger())
    rows = (
        select(
            _item.c.id.label("product_id"),
            _item.c.sku,
            _item.c.name,
            _location.c.id.label("location_id"),
            _location.c.name.label("location"),
            availability.available(low.c).label("available"),
            thresholds.of_level(low.c).label("threshold"),
            thresholds.source_of_level(low.c).label("threshold_source"),
            low.c.deficit,
            outflow(low.c, bindparam("since", type_=Timestamp())).label("outflow"),
        )
        .select_from(
            low.join(_item, _item.c.id == low.c.product_id).join(_location, _location.c.id == low.c.location_id)
        )
        .where(*where)
        .cte("report")
        .prefix_with("MATERIALIZED")  # what went out is added up once
    )
    lasts = cover(rows.c.available, rows.c.outflow, days)
    order: list[ColumnElement[Any]] = [lasts.is_(None), lasts, rows.c.deficit.desc()]
    order += [rows.c.product_id, rows.c.location_id]
    return select(rows).order_by(*order).limit(bindparam("limit", type_=BigInteger()))
