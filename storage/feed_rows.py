"""The rows of the change feed: ledger entries and catalogue changes in their one order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    BindParameter,
    Boolean,
    ColumnElement,
    Select,
    Text,
    and_,
    case,
    literal_column,
    or_,
    select,
    union_all,
)

from storage.change_feed import Kind, is_of_feed
from storage.tables import CatalogChange, LedgerEntry
from storage.upsert import table_of

Bound = Callable[[], BindParameter[int]]


def rows_between(
    after: Bound, horizon: Bound, limit: Bound, sees: Callable[[ColumnElement[Any]], ColumnElement[bool]]
) -> Select[Any]:
    """The first so many changes after one sequence and up to another, of what the caller sees at locations.

    Each arm is limited by itself, so that each reads its index only as far as the page goes.
    """
    entry, change = table_of(LedgerEntry).alias("entry"), table_of(CatalogChange).alias("catalog")
    kind = case((change.c.product_id.is_not(None), _text("PRODUCT")), else_=_text("LOCATION"))
    arms = (
        (entry, _text("STOCK"), literal_column("false", Boolean()), sees(entry.c.location_id)),
        (
            change,
            kind,
            (change.c.kind == _text(Kind.DELETED)).label("deleted"),
            and_(is_of_feed(change.c.kind), or_(change.c.location_id.is_(None), sees(change.c.location_id))),
        ),
    )
    found = [
        select(
            arm.select()
            .with_only_columns(
                arm.c.sequence,
                what.label("kind"),
                arm.c.product_id,
                arm.c.location_id,
                deleted.label("deleted"),
                arm.c.created_at,
            )
            .where(arm.c.sequence > after(), arm.c.sequence <= horizon(), seen)
            .order_by(arm.c.sequence)
            .limit(limit())
            .subquery()
        )
        for arm, what, deleted, seen in arms
    ]
    both = union_all(*found).subquery("both_kinds")
    return select(both).order_by(both.c.sequence).limit(limit())


def _text(word: str) -> ColumnElement[str]:
    return literal_column(f"'{word}'", Text())
