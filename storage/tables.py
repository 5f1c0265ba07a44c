"""The shape of the database, nothing more. Rows are read through these classes; they validate nothing."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, Text, false, text
from sqlmodel import Field, SQLModel

from storage.changes import UNCOUNTED
from storage.columns import Document, Id, Key, Price, Timestamp

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def _id() -> Any:
    return Field(default=None, sa_column=Column(Id, primary_key=True, autoincrement=True))


def _text(*, nullable: bool = False, unique: bool = False) -> Any:
    return Field(default=None if nullable else "", sa_column=Column(Text, nullable=nullable, unique=unique))


def _count() -> Any:
    return Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))


def _flag(*, default: bool) -> Any:
    return Field(default=default, sa_column=Column(Boolean, nullable=False))


def _time(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(Timestamp, nullable=nullable))


def _price() -> Any:
    return Field(default=None, sa_column=Column(Price))


def _unique_when_kept(column: str, given: str) -> Index:
    """What is in the trash does not keep others from having its SKU or GTIN."""
    where = text(f"{given} AND status <> 'trash'")
    return Index(f"uq_product_{column}", column, unique=True, sqlite_where=where, postgresql_where=where)


def _by_quantity(name: str, quantity: str) -> Index:
    """In the order of a quantity: what was never counted comes first."""
    return Index(name, text(f"coalesce({quantity}, {UNCOUNTED})"), "product_id", "location_id")


class Location(SQLModel, table=True):
    """A place that holds stock. `slug` is lower-case and decoded; `code` is what tills call it.

    `pickup`: customers may collect here. An archived location is inactive, too.
    """

    id: int | None = _id()
    slug: str = Field(sa_column=Column(Key, nullable=False, unique=True))
    code: str | None = Field(default=None, sa_column=Column(Key, unique=True))
    name: str = Field(sa_column=Column(Key, nullable=False))
    description: str = _text()
    kind: str = Field(default="store", sa_column=Column(Text, nullable=False))
    active: bool = _flag(default=True)
    is_default: bool = _flag(default=False)
    pickup: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=false()))
    position: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    address1: str | None = _text(nullable=True)
    address2: str | None = _text(nullable=True)
    city: str | None = _text(nullable=True)
    region: str | None = _text(nullable=True)
    postcode: str | None = _text(nullable=True)
    country: str | None = _text(nullable=True)
    latitude: float | None = Field(default=None, sa_column=Column(Float))
    longitude: float | None = Field(default=None, sa_column=Column(Float))
    created_at: datetime = _time()
    updated_at: datetime = _time()
    archived_at: datetime | None = _time(nullable=True)

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

    id: int | None = _id()
    parent_id: int | None = Field(default=None, sa_column=Column(Id, ForeignKey("product.id"), index=True))
    type: str = Field(default="simple", sa_column=Column(Key, nullable=False))
    sku: str | None = _text(nullable=True)
    sku_key: str = Field(default="", sa_column=Column(Key, nullable=False))
    gtin: str | None = Field(default=None, sa_column=Column(Key))
    gtin_text: str | None = _text(nullable=True)
    name: str = _text()
    name_key: str = Field(default="", sa_column=Column(Key, nullable=False))
    status: str = Field(default="publish", sa_column=Column(Key, nullable=False))
    attributes: list[dict[str, str]] = Field(default_factory=list, sa_column=Column(Document, nullable=False))
    manage_stock: bool = _flag(default=True)
    backorders: str = Field(default="no", sa_column=Column(Text, nullable=False))
    regular_price: Decimal | None = _price()
    sale_price: Decimal | None = _price()
    sale_starts_at: datetime | None = _time(nullable=True)
    sale_ends_at: datetime | None = _time(nullable=True)
    tax_rate: Decimal | None = _price()
    low_stock_threshold: int | None = Field(default=None, sa_column=Column(Integer))
    stock_status: str = Field(default="instock", sa_column=Column(Key, nullable=False, server_default="instock"))
    extra: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Document, nullable=False, server_default="{}"))
    created_at: datetime = _time()
    updated_at: datetime = _time()
    deleted_at: datetime | None = _time(nullable=True)

    __table_args__ = (
        Index("ix_product_name_key_id", "name_key", "id"),
        # the highest threshold of all bounds the search for what is low on stock
        Index(
            "ix_product_low_stock_threshold",
            "low_stock_threshold",
            sqlite_where=text("low_stock_threshold IS NOT NULL"),
            postgresql_where=text("low_stock_threshold IS NOT NULL"),
        ),
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
    regular_price: Decimal | None = _price()
    sale_price: Decimal | None = _price()
    backorders: str | None = _text(nullable=True)
    disabled: bool = _flag(default=False)
    reserved: int = _count()
    safety_stock: int = _count()
    version: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    updated_at: datetime = _time()

    __table_args__ = (
        Index("ix_stock_level_location_id_product_id", "location_id", "product_id"),
        Index("ix_stock_level_updated_at", "updated_at", "product_id", "location_id"),
        # they sort as storage.conditions.counted() does; the first one finds what is low on stock, too
        _by_quantity("ix_stock_level_available", "(on_hand - reserved - safety_stock)"),
        _by_quantity("ix_stock_level_on_hand", "on_hand"),
    )


class StockChangeGroup(SQLModel, table=True):
    """One request that changed something: who asked, through which dialect, and why.

    `reason` is a storage.changes.Reason, `note` is in the caller's words. A group that takes another one back names it
    in `reverses_id`; it can be taken back once.
    """

    __tablename__ = "stock_change_group"

    id: int | None = _id()
    dialect: str = _text()
    api_key_id: int | None = Field(default=None, sa_column=Column(Id))
    principal: str = _text()
    reason: str = Field(default="unspecified", sa_column=Column(Key, nullable=False, server_default="unspecified"))
    note: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    reference: str = _text()
    request_id: str = _text()
    reverses_id: int | None = Field(
        default=None, sa_column=Column(Id, ForeignKey("stock_change_group.id"), unique=True)
    )
    created_at: datetime = _time()

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

    sequence: int | None = _id()
    group_id: int = Field(sa_column=Column(Id, ForeignKey("stock_change_group.id"), nullable=False))
    line: int = Field(sa_column=Column(Integer, nullable=False))
    product_id: int = Field(sa_column=Column(Id, nullable=False))
    location_id: int = Field(sa_column=Column(Id, nullable=False))
    delta: int = Field(sa_column=Column(BigInteger, nullable=False))
    before: int | None = Field(default=None, sa_column=Column(BigInteger))
    on_hand: int | None = Field(default=None, sa_column=Column(BigInteger))
    regular_price: Decimal | None = _price()
    sale_price: Decimal | None = _price()
    backorders: str | None = _text(nullable=True)
    disabled: bool = _flag(default=False)
    reserved: int = _count()
    safety_stock: int = _count()
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    created_at: datetime = _time()

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
    regular_price: Decimal | None = _price()
    sale_price: Decimal | None = _price()
    backorders: str | None = _text(nullable=True)
    disabled: bool = _flag(default=False)
    reserved: int = _count()
    safety_stock: int = _count()
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    created_at: datetime = _time()

    __table_args__ = (
        Index("ix_ledger_opening_sequence", "sequence"),
        Index("ix_ledger_opening_created_at", "created_at"),
    )


class CatalogChange(SQLModel, table=True):
    """That a product or a location was created, changed or archived (`deleted`): what the change feed tells of it."""

    __tablename__ = "catalog_change"

    sequence: int = Field(sa_column=Column(Id, primary_key=True, autoincrement=False))
    product_id: int | None = Field(default=None, sa_column=Column(Id))
    location_id: int | None = Field(default=None, sa_column=Column(Id))
    deleted: bool = _flag(default=False)
    created_at: datetime = _time()


class PersistedOperation(SQLModel, table=True):
    """A GraphQL document by its SHA-256. `listed` ones are on the allow-list; the others were sent by clients."""

    __tablename__ = "persisted_operation"

    sha256: str = Field(sa_column=Column(Key, primary_key=True))
    document: str = _text()
    listed: bool = _flag(default=False)
    created_at: datetime = _time()


class IdempotencyRecord(SQLModel, table=True):
    """What became of a request with an idempotency key, to answer its replays. `caller` keeps keys of callers apart."""

    __tablename__ = "idempotency_record"

    caller: str = Field(sa_column=Column(Key, primary_key=True))
    key: str = Field(sa_column=Column(Key, primary_key=True))
    fingerprint: str = _text()
    answer: str = _text()
    created_at: datetime = _time()

    __table_args__ = (Index("ix_idempotency_record_created_at", "created_at"),)


class ApiKey(SQLModel, table=True):
    """Who may call. Only the token's SHA-256 is kept; `hint` is its beginning, to recognise it in a list.

    `secret_hash` makes it a consumer pair, as wc/v3 has them: then the hash of the token is that of the consumer key,
    and this is the SHA-256 of the consumer secret.

    `visibility` says how exactly it sees quantities: storage.access.Visibility; `cap` goes with `capped`. `origins` are
    the web pages that may use it (NULL: any caller), `cost_per_minute` its budget (NULL: the server's default).
    """

    __tablename__ = "api_key"

    id: int | None = _id()
    name: str = _text()
    hint: str = _text()
    token_hash: str = Field(sa_column=Column(Key, nullable=False, unique=True))
    secret_hash: str | None = _text(nullable=True)
    scopes: list[str] = Field(default_factory=list, sa_column=Column(Document, nullable=False))
    location_ids: list[int] | None = Field(default=None, sa_column=Column(Document))
    visibility: str = Field(default="exact", sa_column=Column(Key, nullable=False, server_default="exact"))
    cap: int | None = Field(default=None, sa_column=Column(Integer))
    origins: list[str] | None = Field(default=None, sa_column=Column(Document))
    cost_per_minute: int | None = Field(default=None, sa_column=Column(Integer))
    created_at: datetime = _time()
    expires_at: datetime | None = _time(nullable=True)
    revoked_at: datetime | None = _time(nullable=True)
    last_used_at: datetime | None = _time(nullable=True)


class OauthNonce(SQLModel, table=True):
    """That a consumer pair signed a request with this nonce, good for one request, at this time in Unix seconds."""

    __tablename__ = "oauth_nonce"

    api_key_id: int = Field(sa_column=Column(Id, primary_key=True, autoincrement=False))
    nonce: str = Field(sa_column=Column(Key, primary_key=True))
    timestamp: int = Field(sa_column=Column(BigInteger, nullable=False))

    __table_args__ = (Index("ix_oauth_nonce_timestamp", "timestamp"),)


class WebhookSecret(SQLModel, table=True):
    """What a system that pushes webhooks presents. Only its SHA-256 is kept."""

    __tablename__ = "webhook_secret"

    id: int | None = _id()
    name: str = _text()
    hint: str = _text()
    secret_hash: str = Field(sa_column=Column(Key, nullable=False, unique=True))
    created_at: datetime = _time()
    revoked_at: datetime | None = _time(nullable=True)
