"""What customers may see, and how exactly a caller sees quantities.

Conditions and values in SQL, over rows that have a table's columns as attributes.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from sqlalchemy import BigInteger, ColumnElement, Text, and_, case, false, literal_column, not_, or_, select, true

from storage import availability
from storage.access import Visibility
from storage.tables import Product
from storage.upsert import table_of

Condition = ColumnElement[bool]
_PUBLISHED: Final[ColumnElement[str]] = literal_column("'publish'", Text())

_ZERO: Final[ColumnElement[int]] = literal_column("0", BigInteger())


def is_open(location: Any) -> Condition:
    """Locations that are active and not archived."""
    return and_(location.active, location.archived_at.is_(None))


def published(product: Any) -> Condition:
    """Published products, and published variations of published products."""
    parent = table_of(Product).alias("published_parent")
    hidden = select(parent.c.id).where(parent.c.id == product.parent_id, parent.c.status != _PUBLISHED)
    return and_(product.status == _PUBLISHED, not_(hidden.correlate_except(parent).exists()))


def on_offer(level: Any) -> Condition:
    """Levels that are not disabled, at open locations, of published products."""
    item, parent = table_of(Product).alias("published_item"), table_of(Product).alias("published_parent")
    # Joined, not published(): SQLite's parser takes only so many levels, and this stands below every other list
    shown = or_(parent.c.id.is_(None), parent.c.status == _PUBLISHED)
    of_item = (
        select(item.c.id)
        .select_from(item.outerjoin(parent, parent.c.id == item.c.parent_id))
        .where(item.c.id == level.product_id, item.c.status == _PUBLISHED, shown)
        .correlate_except(item, parent)
    )
    return and_(not_(level.disabled), availability.is_open(level.location_id), of_item.exists())


class _Cap(Protocol):
    """Who has a cap."""

    @property
    def cap(self) -> Any:
        """The highest quantity that it is shown."""


def shown_quantity(quantity: Any, visibility: Visibility, caller: _Cap) -> ColumnElement[int | None]:
    """A quantity as a caller sees it: as it is, up to its cap, or only that there is none."""
    match visibility:
        case Visibility.EXACT:
            return quantity  # type: ignore[no-any-return]
        case Visibility.CAPPED:
            return case((quantity > caller.cap, caller.cap), else_=quantity)
        case Visibility.BAND:
            return case((quantity == _ZERO, _ZERO))


def is_capped(quantity: Any, visibility: Visibility, caller: _Cap) -> Condition:
    """Whether there is more than the caller sees."""
    if visibility is not Visibility.CAPPED:
        return false()
    return case((quantity > caller.cap, true()), else_=false())
