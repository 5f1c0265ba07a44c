"""What the reader that finds alerts asks the database: constant statements, each compiled once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import (
    Integer,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    not_,
    or_,
    select,
    true,
    tuple_,
    union,
)
from sqlalchemy.types import TypeEngine

from storage import availability, change_feed, thresholds
from storage.columns import Id, Key, Timestamp
from storage.json_rows import among, rows_from
from storage.prepared import Prepared
from storage.tables import (
    CatalogChange,
    LedgerEntry,
    LedgerOpening,
    Location,
    Product,
    StockAlert,
    StockLevel,
    StockWatch,
)
from storage.upsert import table_of

_watch: Final = table_of(StockWatch)
_alert: Final = table_of(StockAlert)
_entry: Final = table_of(LedgerEntry)
_change: Final = table_of(CatalogChange)
_level: Final = table_of(StockLevel).alias("alert_level")
_item: Final = table_of(Product).alias("alert_item")
_parent: Final = table_of(Product).alias("alert_parent")
_location: Final = table_of(Location).alias("alert_location")

# Conditions over a level's item and location, as they are now

_COUNTS: Final = and_(
    or_(_item.c.manage_stock, _parent.c.manage_stock.is_(true())), _item.c.status != literal_column("'trash'")
)
_IS_OPEN: Final = and_(_location.c.active, _location.c.archived_at.is_(None))
_THRESHOLD: Final = thresholds.first(
    _level.c.low_stock_threshold,
    func.coalesce(_item.c.low_stock_threshold, _parent.c.low_stock_threshold),
    _location.c.low_stock_threshold,
)
_FALSE: Final = literal_column("0", Integer())
_TRUE: Final = literal_column("1", Integer())


def _as_number(condition: Any) -> Any:
    """1 or 0, so that both engines compare it, and NULL is 0."""
    return case((condition, _TRUE), else_=_FALSE)


def _with_what_applies(levels: Any) -> Any:
    """Rows of levels with what says of them what applies, and with what was last said of them."""
    of_level, of_watch = (
        and_(table.c.product_id == levels.c.product_id, table.c.location_id == levels.c.location_id)
        for table in (_level, _watch)
    )
    found = levels.join(_item, _item.c.id == levels.c.product_id).outerjoin(_parent, _parent.c.id == _item.c.parent_id)
    return (
        found.join(_location, _location.c.id == levels.c.location_id)
        .outerjoin(_level, of_level)
        .outerjoin(_watch, of_watch)
    )


def _between(columns: Any) -> Any:
    return and_(columns.sequence > bindparam("after", type_=Id), columns.sequence <= bindparam("up_to", type_=Id))


_first_entries: Final = (
    select(_entry)
    .where(_between(_entry.c))
    .order_by(_entry.c.sequence)
    .limit(bindparam("limit", type_=Id))
    .subquery("first_entries")
)
ENTRIES: Final = Prepared(
    select(
        *(
            _first_entries.c[name]
            for name in (
                "sequence",
                "product_id",
                "location_id",
                "before",
                "on_hand",
                "reserved",
                "safety_stock",
                "disabled",
            )
        ),
        _THRESHOLD,
        _as_number(_COUNTS),
        _as_number(_IS_OPEN),
        _watch.c.low,
        _watch.c.out,
    )
    .select_from(_with_what_applies(_first_entries))
    .order_by(_first_entries.c.sequence)
)
CHANGES: Final = Prepared(
    select(_change.c.sequence, _change.c.product_id, _change.c.location_id)
    .where(_between(_change.c))
    .order_by(_change.c.sequence)
    .limit(bindparam("limit", type_=Id))
)


def _concerned() -> Any:
    """The levels that some changes concern, as the ledger says that they were then, where that is news."""
    one = table_of(StockLevel).alias("one_level")
    family = table_of(Product).alias("family")
    listed = rows_from("levels", {"product_id": Id, "location_id": Id})
    pair = (one.c.product_id, one.c.location_id)
    named = union(
        select(*pair).where(among(one.c.product_id, "products")),
        select(*pair)
        .join_from(family, one, one.c.product_id == family.c.id)
        .where(among(family.c.parent_id, "products")),
        select(*pair).where(among(one.c.location_id, "locations")),
        select(*listed.values()),
    ).subquery("named")
    then = (
        select(
            named.c.product_id,
            named.c.location_id,
            _then(named.c, availability.available).label("available"),
            _then(named.c, lambda entry: entry.disabled).label("disabled"),
        )
        .cte("then_there")
        .prefix_with("MATERIALIZED")  # looked up once
    )
    counts = and_(_COUNTS, then.c.available.is_not(None))
    offered = and_(_IS_OPEN, not_(then.c.disabled))
    was_low, was_out = _as_number(_watch.c.low), _as_number(_watch.c.out)
    is_out = _as_number(and_(counts, or_(not_(offered), then.c.available <= _FALSE)))
    is_low = case((not_(counts), _FALSE), (offered, _as_number(then.c.available <= _THRESHOLD)), else_=was_low)
    return (
        select(
            then.c.product_id,
            _item.c.parent_id,
            then.c.location_id,
            then.c.available,
            then.c.disabled,
            _THRESHOLD,
            _as_number(_COUNTS),
            _as_number(_IS_OPEN),
            _watch.c.low,
            _watch.c.out,
        )
        .select_from(_with_what_applies(then))
        .where(or_(is_out != was_out, is_low != was_low))
        .order_by(then.c.product_id, then.c.location_id)
    )


def _then(level: Any, value: Callable[[Any], Any]) -> Any:
    """A value of the last entry of a level up to `up_to`, be it one that was pruned; NULL where there was none."""
    entry, opening = table_of(LedgerEntry).alias("past"), table_of(LedgerOpening).alias("opening")
    last, before = (
        select(value(rows.c)).where(rows.c.product_id == level.product_id, rows.c.location_id == level.location_id)
        for rows in (entry, opening)
    )
    last = last.where(entry.c.sequence <= bindparam("up_to", type_=Id)).order_by(entry.c.sequence.desc()).limit(1)
    return func.coalesce(
        last.correlate_except(entry).scalar_subquery(), before.correlate_except(opening).scalar_subquery()
    )


def _note_all() -> Any:
    """Of all levels those that are low or out now."""
    available = availability.available(_level.c)
    is_low = available <= _THRESHOLD
    is_out = or_(_level.c.disabled, not_(_IS_OPEN), available <= _FALSE)
    found = (
        select(_level.c.product_id, _level.c.location_id, is_low, is_out)
        .select_from(
            _level.join(_item, _item.c.id == _level.c.product_id)
            .outerjoin(_parent, _parent.c.id == _item.c.parent_id)
            .join(_location, _location.c.id == _level.c.location_id)
        )
        .where(available.is_not(None), _COUNTS, or_(is_low, is_out))
    )
    return insert(_watch).from_select(["product_id", "location_id", "low", "out"], found)


CONCERNED: Final = Prepared(_concerned())
NOTE_ALL: Final = Prepared(_note_all())
LATER: Final = Prepared(
    select(_entry.c.product_id, _entry.c.location_id).where(_entry.c.sequence > bindparam("after", type_=Id)).distinct()
)
_FORGOTTEN: Final = rows_from("rows", {"product_id": Id, "location_id": Id}).values()
FORGET: Final = Prepared(
    delete(_watch).where(tuple_(_watch.c.product_id, _watch.c.location_id).in_(select(*_FORGOTTEN)))
)
_FOUND: Final[dict[str, TypeEngine[Any]]] = {
    "product_id": Id,
    "location_id": Id,
    "kind": Key,
    "available": Id,
    "threshold": Id,
    "cause": Id,
}
ALERTS: Final = Prepared(
    insert(_alert).from_select(
        ["sequence", *_FOUND, "created_at"],
        select(change_feed.NEXT_SEQUENCE, *rows_from("rows", _FOUND).values(), bindparam("now", type_=Timestamp)).where(
            literal_column("1") == literal_column("1")
        ),
    )
)
