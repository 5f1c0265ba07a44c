"""Webhooks out: who wants to hear of what, how far each has heard, and what became of each delivery."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Integer, text
from sqlmodel import Field, SQLModel

from storage.columns import Document, Id, Key
from storage.tables.fields import flag, moment, row_id, units, words


class WebhookEndpoint(SQLModel, table=True):
    """An address that events are sent to, and how far it has got.

    The ledger is the outbox: an endpoint is a reader of the change feed, and `position` the sequence up to which all
    that it wants was delivered, given up, or waits in webhook_delivery. `topics` may end in `.*`. `location_ids` and
    `product_ids` narrow what it wants (NULL: all). Secrets are encrypted with the server's; the previous one
    signs, too, until `previous_until`. `status` is active, paused or disabled (by itself: `disabled_reason`).

    `failures` counts those in a row, since `failing_since`; before `retry_at` nothing is tried. The process that sends
    is `leased_by`, until `leased_until`. An endpoint of wc/v3 has the format `woocommerce`, and `ping_pending` until
    its address answered a ping; `extra` is what clients of a dialect keep here, by its name.
    """

    __tablename__ = "webhook_endpoint"

    id: int | None = row_id()
    name: str = words()
    url: str = words()
    format: str = Field(default="standard", sa_column=Column(Key, nullable=False))
    topics: list[str] = Field(default_factory=list, sa_column=Column(Document, nullable=False))
    location_ids: list[int] | None = Field(default=None, sa_column=Column(Document))
    product_ids: list[int] | None = Field(default=None, sa_column=Column(Document))
    secret: str = words()
    previous_secret: str | None = words(nullable=True)
    previous_until: datetime | None = moment(nullable=True)
    status: str = Field(default="active", sa_column=Column(Key, nullable=False))
    disabled_reason: str | None = words(nullable=True)
    api_key_id: int | None = Field(default=None, sa_column=Column(Id))
    position: int = Field(sa_column=Column(Id, nullable=False))
    failures: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    failing_since: datetime | None = moment(nullable=True)
    retry_at: datetime | None = moment(nullable=True)
    ping_pending: bool = flag(default=False)
    extra: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Document, nullable=False, server_default="{}"))
    leased_by: str | None = words(nullable=True)
    leased_until: datetime | None = moment(nullable=True)
    created_at: datetime = moment()
    updated_at: datetime = moment()


class WebhookDelivery(SQLModel, table=True):
    """One event for one endpoint: waiting for its next attempt, delivered, or given up. Kept for a time.

    `event_id` is what receivers know it by, the same at each attempt. Later events of the same level wait behind it.
    `payload` is the text that is sent, of what waits or was given up: what was delivered can be told again from the
    feed. It was first tried at `first_at`. There is one row for an event and an endpoint.
    """

    __tablename__ = "webhook_delivery"

    id: int | None = row_id()
    endpoint_id: int = Field(
        sa_column=Column(Id, ForeignKey("webhook_endpoint.id", ondelete="CASCADE"), nullable=False)
    )
    event_id: str = Field(sa_column=Column(Key, nullable=False))
    topic: str = Field(sa_column=Column(Key, nullable=False))
    sequence: int = Field(sa_column=Column(Id, nullable=False))
    product_id: int | None = Field(default=None, sa_column=Column(Id))
    location_id: int | None = Field(default=None, sa_column=Column(Id))
    status: str = Field(sa_column=Column(Key, nullable=False))
    attempts: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    first_at: datetime | None = moment(nullable=True)
    next_at: datetime | None = moment(nullable=True)
    response_status: int | None = Field(default=None, sa_column=Column(Integer))
    error: str | None = words(nullable=True)
    duration_ms: int | None = Field(default=None, sa_column=Column(Integer))
    payload: str | None = words(nullable=True)
    created_at: datetime = moment()
    updated_at: datetime = moment()

    __table_args__ = (
        Index("uq_webhook_delivery_endpoint_id_sequence", "endpoint_id", "sequence", unique=True),
        Index("ix_webhook_delivery_updated_at", "updated_at"),
        Index(
            "ix_webhook_delivery_waiting",
            "endpoint_id",
            "sequence",
            sqlite_where=text("status = 'waiting'"),
            postgresql_where=text("status = 'waiting'"),
        ),
    )


class StockAlert(SQLModel, table=True):
    """That what is available of a level crossed a line: out, back, low or recovered. Its sequence is the feed's."""

    __tablename__ = "stock_alert"

    sequence: int = Field(sa_column=Column(Id, primary_key=True, autoincrement=False))
    product_id: int = Field(sa_column=Column(Id, nullable=False))
    location_id: int = Field(sa_column=Column(Id, nullable=False))
    kind: str = Field(sa_column=Column(Key, nullable=False))
    available: int | None = Field(default=None, sa_column=Column(Id))
    threshold: int | None = Field(default=None, sa_column=Column(Id))
    cause: int = Field(sa_column=Column(Id, nullable=False))
    created_at: datetime = moment()


class StockWatch(SQLModel, table=True):
    """A level that was low or out when the feed was last looked through; the others are not here."""

    __tablename__ = "stock_watch"

    product_id: int = Field(sa_column=Column(Id, primary_key=True, autoincrement=False))
    location_id: int = Field(sa_column=Column(Id, primary_key=True, autoincrement=False))
    low: bool = flag(default=False)
    out: bool = flag(default=False)


class FeedReader(SQLModel, table=True):
    """How far one reader of the change feed has got, such as the one that finds alerts. No row: it reads nothing."""

    __tablename__ = "feed_reader"

    name: str = Field(sa_column=Column(Key, primary_key=True))
    position: int = units()
    updated_at: datetime = moment()
