"""What customers may see: as SQL conditions over rows that have a table's columns as attributes."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Text, and_, literal_column, not_, or_, select

from storage import availability
from storage.tables import Product
from storage.upsert import table_of

Condition = ColumnElement[bool]
_PUBLISHED: Final[ColumnElement[str]] = literal_column("'publish'", Text())


def is_open(location: Any) -> Condition:
    """Locations that are active and not archived."""
    return and_(location.active, location.archived_at.is_(None))


def published(product: Any) -> Condition:
    """Published products, and published variations of published products."""
    parent = table_of(Product).alias("published_parent")
    by_parent = select(parent.c.id).where(parent.c.id == product.parent_id, parent.c.status == _PUBLISHED)
    shown = or_(product.parent_id.is_(None), by_parent.correlate_except(parent).exists())
    return and_(product.status == _PUBLISHED, shown)


def on_offer(level: Any) -> Condition:
    """Levels that are not disabled, at open locations, of published products."""
    item = table_of(Product).alias("published_item")
    of_item = select(item.c.id).where(item.c.id == level.product_id, published(item.c)).correlate_except(item)
    return and_(not_(level.disabled), availability.is_open(level.location_id), of_item.exists())
