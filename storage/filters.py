"""Named conditions on products, as SQL, for the reads of the dialects."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, Text, and_, bindparam, exists, false, literal, or_
from sqlalchemy.orm import aliased
from sqlmodel import col

from storage.changes import sku_key
from storage.columns import NO_SKU, Timestamp
from storage.conditions import SEARCH_MAX, like_pattern, name_or_sku_like
from storage.json_rows import among, json_text
from storage.tables import Product, StockLevel

_child = aliased(Product, name="child")


def published() -> ColumnElement[bool]:
    """What the shop shows. A variation that is not published is not sold, whatever its parent says."""
    return col(Product.status) == "publish"


def is_variation() -> ColumnElement[bool]:
    """A sellable form of another product."""
    return col(Product.parent_id).is_not(None)


def matches(search: str) -> ColumnElement[bool]:
    """Name or SKU contains the text, whatever its case. One over SEARCH_MAX is in none."""
    return name_or_sku_like(Product, like_pattern(search)) if len(search) <= SEARCH_MAX else false()


def of_sku(sku: str) -> ColumnElement[bool]:
    """The product or the variation with this SKU."""
    return and_(col(Product.sku_key) == sku_key(sku), col(Product.sku_key) != NO_SKU)


def with_item_of_sku(sku: str) -> ColumnElement[bool]:
    """The product with this SKU, or with a published variation of this SKU."""
    variation = exists().where(
        col(_child.parent_id) == col(Product.id),
        col(_child.sku_key) == sku_key(sku),
        col(_child.sku_key) != NO_SKU,
        col(_child.status) == "publish",
    )
    return or_(of_sku(sku), variation)


def with_level_changed_after(moment: datetime, location_ids: Collection[int]) -> ColumnElement[bool]:
    """The product, or a variation of it, has a stock level at one of these locations that changed after the moment."""
    changed = and_(
        col(StockLevel.updated_at) > literal(moment, Timestamp()),
        among(col(StockLevel.location_id), bindparam("locations", json_text(sorted(location_ids)), Text())),
    )
    own = exists().where(col(StockLevel.product_id) == col(Product.id), changed)
    of_variation = exists().where(
        col(StockLevel.product_id) == col(_child.id),
        col(_child.parent_id) == col(Product.id),
        col(_child.status) == "publish",
        changed,
    )
    return or_(own, of_variation)
