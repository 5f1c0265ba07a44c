"""Which products and variations, in which order: what a dialect asks of storage.product_views.page()."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

Path = tuple[str, ...]
"""Where in a product's `extra` something is kept: the dialect's name, then members."""


class Rows(StrEnum):
    """What is listed: products, which have no parent, or variations, which have one, or both."""

    PRODUCTS = "products"
    VARIATIONS = "variations"
    ALL = "all"


class OrderBy(StrEnum):
    """What products are sorted by. Ties are sorted by id, in the same direction."""

    CREATED = "created"
    MODIFIED = "modified"
    ID = "id"
    ASKED = "asked"
    """The order of `ids`, whatever the direction."""
    NAME = "name"
    SKU = "sku"
    PRICE = "price"
    STOCK_STATUS = "stock_status"
    STOCK_QUANTITY = "stock_quantity"
    KEPT = "kept"
    """A number that a dialect keeps with the product, 0 when it has none."""


class Order(NamedTuple):
    """In which order, and for KEPT by what."""

    by: OrderBy = OrderBy.CREATED
    descending: bool = True
    path: Path = ()


class Kept(NamedTuple):
    """That a scalar which a dialect keeps is one of these texts. Booleans are 1 and 0; `default` is what is absent."""

    path: Path
    values: tuple[str, ...]
    default: str = ""


class KeptIds(NamedTuple):
    """That a list of objects which a dialect keeps has one with one of these ids."""

    path: Path
    ids: tuple[int, ...]


class Range(NamedTuple):
    """From one moment up to but without another; None is without a bound."""

    start: datetime | None = None
    end: datetime | None = None


WHENEVER: Final = Range()


@dataclass(frozen=True, slots=True)
class ProductQuery:
    """Which products; hashable, because statements are remembered by it.

    None leaves everything in, and so does what is empty, but for `ids` and `parent_ids`. Without `statuses` it is all
    but the trash. Each of the `words` must be in the name, or whatever else is named in `words_in`: `sku`, `gtin`, or a
    path to a text that a dialect keeps. `attributes` are names with values; it must have all of them. What was deleted
    for good is never found.
    """

    rows: Rows = Rows.PRODUCTS
    ids: tuple[int, ...] | None = None
    excluded_ids: tuple[int, ...] = ()
    parent_ids: tuple[int, ...] | None = None
    excluded_parent_ids: tuple[int, ...] = ()
    statuses: tuple[str, ...] | None = None
    excluded_statuses: tuple[str, ...] = ()
    types: tuple[str, ...] | None = None
    excluded_types: tuple[str, ...] = ()
    skus: tuple[str, ...] | None = None
    gtins: tuple[str, ...] | None = None
    words: tuple[str, ...] = ()
    words_in: tuple[str | Path, ...] = ("name",)
    created: Range = WHENEVER
    modified: Range = WHENEVER
    on_sale: bool | None = None
    has_price: bool | None = None
    price_min: Decimal | None = None
    price_max: Decimal | None = None
    stock_status: str | None = None
    stock_min: int | None = None
    stock_max: int | None = None
    low_stock: bool = False
    attributes: tuple[tuple[str, str], ...] = ()
    kept: tuple[Kept | KeptIds, ...] = ()
    order: Order = field(default_factory=Order)


def after(moment: datetime) -> datetime:
    """The first moment that prints as a later second: lists of changes count whole seconds, as dates print."""
    return moment.replace(microsecond=0) + timedelta(seconds=1)
