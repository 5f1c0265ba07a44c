"""Effective prices in SQL: the location's, else the product's; the reduced one while it applies.

Over rows with a product's prices and sale window, and with `own_regular_price` and `own_sale_price` of a location.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, false, func, literal_column, or_, true

from storage.columns import Price

NO_PRICE: Final[ColumnElement[Decimal | None]] = literal_column("NULL", Price())
"""What is carried where there is no location."""


def regular(row: Any) -> ColumnElement[Decimal | None]:
    """The regular price."""
    return func.coalesce(row.own_regular_price, row.regular_price)


def sale(row: Any) -> ColumnElement[Decimal | None]:
    """The reduced price, whether or not it applies."""
    return func.coalesce(row.own_sale_price, row.sale_price)


def on_sale(row: Any, now: Any) -> ColumnElement[bool]:
    """Whether the reduced price applies: it is below the regular one, and `now` is in the window of the sale."""
    has_begun = or_(row.sale_starts_at.is_(None), row.sale_starts_at <= now)
    has_not_ended = or_(row.sale_ends_at.is_(None), row.sale_ends_at > now)
    return case((and_(sale(row) < regular(row), has_begun, has_not_ended), true()), else_=false())


def current(row: Any, now: Any) -> ColumnElement[Decimal | None]:
    """What it costs."""
    return case((on_sale(row, now), sale(row)), else_=regular(row))
