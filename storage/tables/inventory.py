"""Locations, products and their stock levels, with the ledger and what else tells of changes."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, Text, false, text
from sqlmodel import Field, SQLModel

from storage.changes import UNCOUNTED
from storage.columns import Document, Id, Key
from storage.tables.fields import flag, moment, price, row_id, units, words


def _unique_when_kept(column: str, given: str) -> Index:
    """What is in the trash does not keep others from having its SKU or GTIN."""
    where = text(f"{given} AND status <> 'trash'")
    return Index(f"uq_product_{column}", column, unique=True, sqlite_where=where, postgresql_where=where)


def _by_quantity(name: str, quantity: str) -> Index:
    """In the order of a quantity: what was never counted comes first."""
    return Index(name, text(f"coalesce({quantity}, {UNCOUNTED})"), "product_id", "location_id")


def _thresholds(name: str) -> Index:
    """Of the few that are set: the highest of all bounds the search for what is low on stock."""
    given = text("low_stock_threshold IS NOT NULL")
    return Index(name, "low_stock_threshold", sqlite_where=given, postgresql_where=given)


class Location(SQLModel, table=True):
    """A place that holds stock. `slug` is lower-case and decoded; `code` is what tills call it.

    `pickup`: customers may collect here. An archived location is inactive, too.
    """

    id: int | None = row_id()
    slug: str = Field(sa_column=Column(Key, nullable=False, unique=True))
    code: str | None = Field(default=None, sa_column=Column(Key, unique=True))
    name: str = Field(sa_column=Column(Key, nullable=False))
    description: str = words()
    kind: str = Field(default="store", sa_column=Column(Text, nullable=False))
    active: bool = flag(default=True)
    is_default: bool = flag(default=False)
    pickup: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=false()))
    position: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    address1: str | None = words(nullable=True)
    address2: str | None = words(nullable=True)
    city: str | None = words(nullable=True)
    region: str | None = words(nullable=True)
    postcode: str | None = words(nullable=True)
    country: str | None = words(nullable=True)
    latitude: float | None = Field(default=None, sa_column=Column(Float))
    longitude: float | None = Field(default=None, sa_column=Column(Float))
    low_stock_threshold: int | None = Field(default=None, sa_column=Column(Integer))
    created_at: datetime = moment()
    updated_at: datetime = moment()
    archived_at: datetime | None = moment(nullable=True)

    __table_args__ = (
        # at most one default location
        Index(
            "uq_location_is_default",
            "is_default",
            unique=True,
            sqlite_where=text("is_default"),
            postgresql_where=text("is_default"),
        ),
        Index("ix_location_position_id", "position", "id"),
    )


class Product(SQLModel, table=True):
    """A product or a variation: one id space, one SKU space.

    `sku_key` and `name_key` are the casefolded text by which they compare; '' is no SKU. `gtin` is 14 digits,
    `gtin_text` as given. `manage_stock` False on a variation means that the parent's setting applies. Prices are in
    the shop's currency; the sale price applies from `sale_starts_at` until `sale_ends_at`, where they are given.

    `stock_status` is what the shop says of an item whose stock is not tracked: instock, outofstock or onbackorder.
    `extra` is what clients of a dialect keep here and no rule looks at, by the dialect's name. An archived product has
    the status `trash`; SKU and GTIN are unique among the others. One that was deleted for good has `deleted_at`, too:
    only its history is left to see.
    """

    id: int | None = row_id()
    parent_id: int | None = Field(default=None, sa_column=Column(Id, ForeignKey("product.id"), index=True))
    type: str = Field(default="simple", sa_column=Column(Key, nullable=False))
    sku: str | None = words(nullable=True)
    sku_key: str = Field(default="", sa_column=Column(Key, nullable=False))
    gtin: str | None = Field(default=None, sa_column=Column(Key))
    gtin_text: str | None = words(nullable=True)
    name: str = words()
    name_key: str = Field(default="", sa_column=Column(Key, nullable=False))
    status: str = Field(default="publish", sa_column=Column(Key, nullable=False))
    attributes: list[dict[str, str]] = Field(default_factory=list, sa_column=Column(Document, nullable=False))
    manage_stock: bool = flag(default=True)
    backorders: str = Field(default="no", sa_column=Column(Text, nullable=False))
    regular_price: Decimal | None = price()
    sale_price: Decimal | None = price()
    sale_starts_at: datetime | None = moment(nullable=True)
    sale_ends_at: datetime | None = moment(nullable=True)
    tax_rate: Decimal | None = price()
    low_stock_threshold: int | None = Field(default=None, sa_column=Column(Integer))
    stock_status: str = Field(default="instock", sa_column=Column(Key, nullable=False, server_default="instock"))
    extra: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Document, nullable=False, server_default="{}"))
    created_at: datetime = moment()
    updated_at: datetime = moment()
    deleted_at: datetime | None = moment(nullable=True)

    __table_args__ = (
        Index("ix_product_name_key_id", "name_key", "id"),
        _thresholds("ix_product_low_stock_threshold"),
        Index("ix_product_created_at_id", "created_at", "id"),
        Index("ix_product_updated_at_id", "updated_at", "id"),
        # finds and sorts by SKU; a product without one has '' and sorts first
        Index("ix_product_sku_key_id", "sku_key", "id"),
        Index("ix_product_gtin", "gtin"),
        _unique_when_kept("sku_key", "sku_key <> ''"),
        _unique_when_kept("gtin", "gtin IS NOT NULL"),
    )


class StockLevel(SQLModel, table=True):
    """One item at one location. `on_hand` NULL: priced here, but never counted. `version` grows with every change.

    Of the units on hand, `reserved` are promised to somebody and `safety_stock` is kept back; the rest is available.
    """

    __tablename__ = "stock_level"

    product_id: int = Field(sa_column=Column(Id, ForeignKey("product.id"), primary_key=True, autoincrement=False))
    location_id: int = Field(sa_column=Column(Id, ForeignKey("location.id"), primary_key=True, autoincrement=False))
    on_hand: int | None = Field(default=None, sa_column=Column(BigInteger))
    regular_price: Decimal | None = price()
    sale_price: Decimal | None = price()
    backorders: str | None = words(nullable=True)
    disabled: bool = flag(default=False)
    reserved: int = units()
    safety_stock: int = units()
    low_stock_threshold: int | None = Field(default=None, sa_column=Column(Integer))
    version: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    updated_at: datetime = moment()

    __table_args__ = (
        Index("ix_stock_level_location_id_product_id", "location_id", "product_id"),
        Index("ix_stock_level_updated_at", "updated_at", "product_id", "location_id"),
        # they sort as storage.conditions.counted() does; the first one finds what is low on stock, too
        _by_quantity("ix_stock_level_available", "(on_hand - reserved - safety_stock)"),
        _by_quantity("ix_stock_level_on_hand", "on_hand"),
        _thresholds("ix_stock_level_low_stock_threshold"),
    )


class StockChangeGroup(SQLModel, table=True):
    """One request that changed something: who asked, through which dialect, and why.

    `reason` is a storage.changes.Reason, `note` is in the caller's words. A group that takes another one back names it
    in `reverses_id`; it can be taken back once.
    """

    __tablename__ = "stock_change_group"

    id: int | None = row_id()
    dialect: str = words()
    api_key_id: int | None = Field(default=None, sa_column=Column(Id))
    principal: str = words()
    reason: str = Field(default="unspecified", sa_column=Column(Key, nullable=False, server_default="unspecified"))
    note: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    reference: str = words()
    request_id: str = words()
    reverses_id: int | None = Field(
        default=None, sa_column=Column(Id, ForeignKey("stock_change_group.id"), unique=True)
    )
    created_at: datetime = moment()

    __table_args__ = (Index("ix_stock_change_group_created_at_id", "created_at", "id"),)


class LedgerEntry(SQLModel, table=True):
    """One immutable record per change of a level.

    `on_hand` and what follows are the level's values after the change; `delta` is in units and 0 when only prices or
    flags changed. The sum of a level's deltas and of its opening's is its quantity. Both halves of a transfer have the
    same group and line. Sequences are shared with catalog_change: storage/change_feed.py.

    On PostgreSQL the table is partitioned by months of `created_at` (storage/ledger_partitions.py). There its primary
    key is (sequence, created_at, product_id): it must hold what tells partitions apart, and in a cluster the shards.
    """

    __tablename__ = "ledger_entry"

    sequence: int | None = row_id()
    group_id: int = Field(sa_column=Column(Id, ForeignKey("stock_change_group.id"), nullable=False))
    line: int = Field(sa_column=Column(Integer, nullable=False))
    product_id: int = Field(sa_column=Column(Id, nullable=False))
    location_id: int = Field(sa_column=Column(Id, nullable=False))
    delta: int = Field(sa_column=Column(BigInteger, nullable=False))
    before: int | None = Field(default=None, sa_column=Column(BigInteger))
    on_hand: int | None = Field(default=None, sa_column=Column(BigInteger))
    regular_price: Decimal | None = price()
    sale_price: Decimal | None = price()
    backorders: str | None = words(nullable=True)
    disabled: bool = flag(default=False)
    reserved: int = units()
    safety_stock: int = units()
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    created_at: datetime = moment()

    __table_args__ = (
        Index("ix_ledger_entry_group_id_line", "group_id", "line"),
        Index("ix_ledger_entry_level", "product_id", "location_id", "sequence"),
        Index("ix_ledger_entry_location_id_sequence", "location_id", "sequence"),
        Index("ix_ledger_entry_created_at", "created_at"),
        {"sqlite_autoincrement": True},  # so that the shared numbers are never given twice
    )


class LedgerOpening(SQLModel, table=True):
    """What the ledger began with for one level: all its entries that were pruned, as one (storage/pruning.py).

    `delta` is the sum of theirs, `entries` how many they were. The rest is what the last of them said. The largest
    sequence of all openings is how far the ledger was pruned. A level that has no opening has all its entries.
    """

    __tablename__ = "ledger_opening"

    product_id: int = Field(sa_column=Column(Id, primary_key=True, autoincrement=False))
    location_id: int = Field(sa_column=Column(Id, primary_key=True, autoincrement=False))
    sequence: int = Field(sa_column=Column(Id, nullable=False))
    entries: int = Field(sa_column=Column(BigInteger, nullable=False))
    delta: int = Field(sa_column=Column(BigInteger, nullable=False))
    on_hand: int | None = Field(default=None, sa_column=Column(BigInteger))
    regular_price: Decimal | None = price()
    sale_price: Decimal | None = price()
    backorders: str | None = words(nullable=True)
    disabled: bool = flag(default=False)
    reserved: int = units()
    safety_stock: int = units()
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    created_at: datetime = moment()

    __table_args__ = (
        Index("ix_ledger_opening_sequence", "sequence"),
        Index("ix_ledger_opening_created_at", "created_at"),
    )


class CatalogChange(SQLModel, table=True):
    """What the change feed tells of besides stock: that a product or a location was created, changed, or archived and
    brought back; that thresholds changed; and what became of the whole, such as that an import was finished.

    `kind` is a storage.change_feed.Kind. An import that was finished has its `import_job_id`.
    """

    __tablename__ = "catalog_change"

    sequence: int = Field(sa_column=Column(Id, primary_key=True, autoincrement=False))
    product_id: int | None = Field(default=None, sa_column=Column(Id))
    location_id: int | None = Field(default=None, sa_column=Column(Id))
    import_job_id: int | None = Field(default=None, sa_column=Column(Id))
    kind: str = Field(default="updated", sa_column=Column(Key, nullable=False, server_default="updated"))
    created_at: datetime = moment()
