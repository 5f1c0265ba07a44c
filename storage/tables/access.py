"""Who may call, with what, and what is remembered of their requests."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Column, Index, Integer
from sqlmodel import Field, SQLModel

from storage.columns import Document, Id, Key
from storage.tables.fields import flag, moment, row_id, units, words


class IdempotencyRecord(SQLModel, table=True):
    """What became of a request with an idempotency key, to answer its replays. `caller` keeps keys of callers apart."""

    __tablename__ = "idempotency_record"

    caller: str = Field(sa_column=Column(Key, primary_key=True))
    key: str = Field(sa_column=Column(Key, primary_key=True))
    fingerprint: str = words()
    answer: str = words()
    created_at: datetime = moment()

    __table_args__ = (Index("ix_idempotency_record_created_at", "created_at"),)


class ApiKey(SQLModel, table=True):
    """Who may call. Only the token's SHA-256 is kept; `hint` is its beginning, to recognise it in a list.

    `secret_hash` makes it a consumer pair, as wc/v3 has them: then the hash of the token is that of the consumer key,
    and this is the SHA-256 of the consumer secret.

    `visibility` says how exactly it sees quantities: storage.access.Visibility; `cap` goes with `capped`. `origins` are
    the web pages that may use it (NULL: any caller), `cost_per_minute` its budget (NULL: the server's default).
    """

    __tablename__ = "api_key"

    id: int | None = row_id()
    name: str = words()
    hint: str = words()
    token_hash: str = Field(sa_column=Column(Key, nullable=False, unique=True))
    secret_hash: str | None = words(nullable=True)
    scopes: list[str] = Field(default_factory=list, sa_column=Column(Document, nullable=False))
    location_ids: list[int] | None = Field(default=None, sa_column=Column(Document))
    visibility: str = Field(default="exact", sa_column=Column(Key, nullable=False, server_default="exact"))
    cap: int | None = Field(default=None, sa_column=Column(Integer))
    origins: list[str] | None = Field(default=None, sa_column=Column(Document))
    cost_per_minute: int | None = Field(default=None, sa_column=Column(Integer))
    created_at: datetime = moment()
    expires_at: datetime | None = moment(nullable=True)
    revoked_at: datetime | None = moment(nullable=True)
    last_used_at: datetime | None = moment(nullable=True)


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

    id: int | None = row_id()
    name: str = words()
    hint: str = words()
    secret_hash: str = Field(sa_column=Column(Key, nullable=False, unique=True))
    created_at: datetime = moment()
    revoked_at: datetime | None = moment(nullable=True)


class PersistedOperation(SQLModel, table=True):
    """A GraphQL document by its SHA-256. `listed` ones are on the allow-list; the others were sent by clients."""

    __tablename__ = "persisted_operation"

    sha256: str = Field(sa_column=Column(Key, primary_key=True))
    document: str = words()
    listed: bool = flag(default=False)
    created_at: datetime = moment()


class KeyUse(SQLModel, table=True):
    """How often an API key called a route of a dialect on one day, for `stockgate key report`."""

    __tablename__ = "key_use"

    api_key_id: int = Field(sa_column=Column(Id, primary_key=True, autoincrement=False))
    day: str = Field(sa_column=Column(Key, primary_key=True))
    dialect: str = Field(sa_column=Column(Key, primary_key=True))
    route: str = Field(sa_column=Column(Key, primary_key=True))
    calls: int = units()
    writes: int = units()
    refused: int = units()
    last_at: datetime = moment()
