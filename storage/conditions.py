"""Named filters as SQL conditions over any row that has a table's columns as attributes: an alias, a subquery.

Values are bind parameters; lists are JSON text (storage.json_rows.json_text).
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, func, or_, select, tuple_

from storage.json_rows import among, members_of, rows_of
from storage.tables import Location, Product, StockLevel
from storage.upsert import table_of

_ESCAPE = "\\"
_LEVEL_KEYS = {"product_id": BigInteger(), "location_id": BigInteger()}
Condition = ColumnElement[bool]


SEARCH_MAX: Final = 1000
"""Characters of a search. SQLite takes no LIKE pattern of over 50,000 bytes, and escaping and case may lengthen it."""


def like_pattern(text: str) -> str:
    """The LIKE pattern of texts that contain this one, in the form in which names and SKUs compare."""
    escaped = text.casefold().replace(_ESCAPE, _ESCAPE * 2).replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"


def name_or_sku_like(product: Any, pattern: Any) -> Condition:
    """Products whose name or SKU matches a like_pattern()."""
    return or_(product.name_key.like(pattern, escape=_ESCAPE), product.sku_key.like(pattern, escape=_ESCAPE))


def stocked_where(product: Any, *conditions: Condition) -> Condition:
    """Products with a level that meets conditions over level_columns()."""
    level = table_of(StockLevel)
    stocked: Condition = product.id.in_(select(level.c.product_id).where(level.c.on_hand.is_not(None), *conditions))
    return stocked


def level_columns() -> Any:
    """The columns on which stocked_where() puts conditions."""
    return table_of(StockLevel).c


def at_locations(location_id: Any, *, ids: Any, slugs: Any, codes: Any) -> Condition:
    """Rows at one of the locations that these keys name."""
    location = table_of(Location).alias("named_location")
    keys = (among(location.c.id, ids), among(location.c.slug, slugs), among(location.c.code, codes))
    named: Condition = location_id.in_(select(location.c.id).where(or_(*keys)))
    return named


def of_skus(product_id: Any, skus: Any) -> Condition:
    """Rows of the products with these SKUs, casefolded."""
    product = table_of(Product).alias("named_product")
    named: Condition = product_id.in_(select(product.c.id).where(among(product.c.sku_key, skus)))
    return named


def these_levels(level: Any, keys: Any) -> Condition:
    """The levels that a JSON list of {product_id, location_id} names."""
    return tuple_(level.product_id, level.location_id).in_(select(*members_of(rows_of(keys), _LEVEL_KEYS).values()))


def on_hand_total(product_id: Any, level_seen: Any) -> ColumnElement[int | None]:
    """Units on hand of a product and of its variations, over the levels at active locations that may be seen."""
    level, item = table_of(StockLevel).alias("counted"), table_of(Product).alias("counted_item")
    location = table_of(Location).alias("counted_at")
    items = select(item.c.id).where(or_(item.c.id == product_id, item.c.parent_id == product_id))
    return (
        select(func.sum(level.c.on_hand).cast(BigInteger))
        .select_from(level.join(location, location.c.id == level.c.location_id))
        .where(level.c.product_id.in_(items), location.c.active, level_seen(level.c))
        .scalar_subquery()
    )
