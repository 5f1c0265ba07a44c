"""API keys and webhook secrets: issue, verify, rotate, revoke. Only hashes are stored."""

from __future__ import annotations

import hashlib
import secrets
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from storage import forgetting, ownership
from storage.json_rows import among, json_text
from storage.tables import ApiKey, WebhookSecret
from storage.upsert import table_of

API_KEY_PREFIX: Final = "sgk_"
WEBHOOK_SECRET_PREFIX: Final = "sgw_"  # noqa: S105 (how secrets begin, not one)
_HINT_LENGTH: Final = 10


class Scope(StrEnum):
    """What a caller may do. `admin` includes write, and write includes nothing: a till may write without reading.

    `storefront` reads what a shop's customers may see; such a key may be in a web page.
    """

    READ = "read"
    STOREFRONT = "storefront"
    WRITE = "write"
    ADMIN = "admin"
    DELIVER = "webhook:deliver"


class Visibility(StrEnum):
    """How exactly a caller sees quantities: as they are, up to its cap, or only whether there is enough."""

    EXACT = "exact"
    CAPPED = "capped"
    BAND = "band"


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key or secret. The token is shown this once and cannot be had again."""

    id: int
    token: str


@dataclass(frozen=True, slots=True)
class Credential:
    """A valid key or secret, as what its bearer may do. `locations` None is everywhere.

    `cap` is the highest quantity that a `capped` visibility shows. `origins` are the web origins that may present it;
    None is everybody. `cost_per_minute` None is the server's default. `hint` is how the key begins.
    """

    id: int
    name: str
    scopes: frozenset[Scope]
    locations: frozenset[int] | None = None
    expires_at: datetime | None = None
    visibility: Visibility = Visibility.EXACT
    cap: int | None = None
    origins: tuple[str, ...] | None = None
    cost_per_minute: int | None = None
    hint: str = ""

    @property
    def is_public(self) -> bool:
        """Whether it sees only what customers may see: active locations, published products, enabled levels."""
        return Scope.STOREFRONT in self.scopes and not self.scopes & {Scope.READ, Scope.ADMIN}


def new_token(prefix: str) -> str:
    """256 random bits in a form that is easy to recognise: prefix, 43 characters, and a checksum of 8 hex digits."""
    body = secrets.token_urlsafe(32)
    return f"{prefix}{body}{_checksum(prefix + body)}"


def is_well_formed(token: str, prefix: str) -> bool:
    """Whether a token can be one of ours: no lookup is needed for what is mistyped or cut short."""
    return token.startswith(prefix) and token.isascii() and token[-8:] == _checksum(token[:-8])


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"


def hash_of(token: str) -> str:
    """What is stored of a token. It has 256 bits of entropy, so one round of SHA-256 is enough.

    Rows are found by this hash: how long the look-up takes tells nothing about the token.
    """
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


async def issue_api_key(
    session: AsyncSession,
    name: str,
    scopes: Sequence[Scope],
    *,
    location_ids: Sequence[int] | None = None,
    expires_at: datetime | None = None,
    visibility: Visibility | None = None,
    cap: int | None = None,
    origins: Sequence[str] | None = None,
    cost_per_minute: int | None = None,
) -> Issued:
    """A new API key. `location_ids` limits it to those locations; None is everywhere.

    Without `visibility` a key sees quantities as they are; one with the scope `storefront` and no `read` or `admin`
    only whether there is enough.
    """
    is_public = Credential(0, name, frozenset(scopes)).is_public
    token = new_token(API_KEY_PREFIX)
    row = ApiKey(
        name=name,
        hint=token[:_HINT_LENGTH],
        token_hash=hash_of(token),
        scopes=[str(scope) for scope in scopes],
        location_ids=None if location_ids is None else sorted(location_ids),
        visibility=str(visibility or (Visibility.BAND if is_public else Visibility.EXACT)),
        cap=cap,
        origins=None if origins is None else list(origins),
        cost_per_minute=cost_per_minute,
        created_at=datetime.now(UTC),
        expires_at=expires_at,
    )
    session.add(row)
    await session.flush()
    if origins is not None:
        await forgetting.tell_others(session)
    return Issued(row.id or 0, token)


async def issue_webhook_secret(session: AsyncSession, name: str) -> Issued:
    """A new secret that opens the webhook routes and nothing else."""
    token = new_token(WEBHOOK_SECRET_PREFIX)
    row = WebhookSecret(name=name, hint=token[:_HINT_LENGTH], secret_hash=hash_of(token), created_at=datetime.now(UTC))
    session.add(row)
    await session.flush()
    return Issued(row.id or 0, token)


async def verify_api_key(session: AsyncSession, token: str) -> Credential | None:
    """The credential of a valid API key; None for one that is unknown, revoked or expired."""
    if not is_well_formed(token, API_KEY_PREFIX):
        return None
    row = await valid_row(session, hash_of(token))
    return None if row is None else credential_of(row)


async def valid_row(session: AsyncSession, token_hash: str) -> ApiKey | None:
    """The row of a token's hash; None when there is none, or its key is revoked or expired."""
    row = (await session.execute(select(ApiKey).where(col(ApiKey.token_hash) == token_hash))).scalar_one_or_none()
    return row if row is not None and is_valid(row) else None


def is_valid(row: ApiKey) -> bool:
    """Whether a key is neither revoked nor expired."""
    return row.revoked_at is None and (row.expires_at is None or row.expires_at > datetime.now(UTC))


def credential_of(row: ApiKey) -> Credential:
    """What the bearer of a key may do."""
    locations = None if row.location_ids is None else frozenset(row.location_ids)
    return Credential(
        row.id or 0,
        row.name,
        frozenset(map(Scope, row.scopes)),
        locations,
        row.expires_at,
        Visibility(row.visibility),
        row.cap,
        None if row.origins is None else tuple(row.origins),
        row.cost_per_minute,
        row.hint,
    )


async def valid_api_keys(session: AsyncSession, ids: Collection[int]) -> set[int]:
    """Which of these API keys are still valid."""
    keys = table_of(ApiKey).c
    unexpired = or_(keys.expires_at.is_(None), keys.expires_at > datetime.now(UTC))
    valid = select(keys.id).where(among(keys.id, "ids"), keys.revoked_at.is_(None), unexpired)
    return set((await session.execute(valid, {"ids": json_text(sorted(ids))})).scalars())


async def verify_webhook_secret(session: AsyncSession, secret: str) -> Credential | None:
    """The credential of a valid webhook secret; None for one that is unknown or revoked."""
    if not is_well_formed(secret, WEBHOOK_SECRET_PREFIX):
        return None
    found = select(WebhookSecret).where(col(WebhookSecret.secret_hash) == hash_of(secret))
    row = (await session.execute(found)).scalar_one_or_none()
    if row is None or row.revoked_at is not None:
        return None
    return Credential(row.id or 0, row.name, frozenset({Scope.DELIVER}))


async def list_api_keys(session: AsyncSession) -> Sequence[ApiKey]:
    """Every API key, oldest first."""
    return (await session.execute(select(ApiKey).order_by(col(ApiKey.id)))).scalars().all()


async def origins(session: AsyncSession) -> set[str]:
    """Every web origin that some valid API key lists."""
    listed = select(col(ApiKey.origins)).where(col(ApiKey.revoked_at).is_(None))
    return {origin for row in (await session.execute(listed)).scalars() for origin in row or ()}


async def revoke_api_key(session: AsyncSession, key_id: int) -> bool:
    """Make an API key invalid from now on. False when there is no such key; revoking twice is harmless."""
    row = await session.get(ApiKey, key_id)
    if row is None:
        return False
    row.revoked_at = row.revoked_at or datetime.now(UTC)
    await session.flush()
    await forgetting.tell_others(session)
    return True


async def rotate_api_key(session: AsyncSession, key_id: int, *, overlap: timedelta) -> Issued | None:
    """A new key with the same settings, which owns the same fields; the old one stays valid for the overlap, and no
    longer than it would have been.

    None when there is no such key that is still valid.
    """
    old = (await session.execute(select(ApiKey).where(col(ApiKey.id) == key_id).with_for_update())).scalar_one_or_none()
    now = datetime.now(UTC)
    if old is None or not is_valid(old):
        return None
    issued = await issue_api_key(
        session,
        old.name,
        [Scope(scope) for scope in old.scopes],
        location_ids=old.location_ids,
        expires_at=old.expires_at,
        visibility=Visibility(old.visibility),
        cap=old.cap,
        origins=old.origins,
        cost_per_minute=old.cost_per_minute,
    )
    await ownership.inherit(session, key_id, issued.id)
    if overlap:
        old.expires_at = min(now + overlap, old.expires_at or datetime.max.replace(tzinfo=UTC))
    else:
        old.revoked_at = now
    await session.flush()
    await forgetting.tell_others(session)
    return issued


async def revoke_webhook_secret(session: AsyncSession, secret_id: int) -> bool:
    """Make a webhook secret invalid from now on. False when there is no such secret; revoking twice is harmless."""
    row = await session.get(WebhookSecret, secret_id)
    if row is None:
        return False
    row.revoked_at = row.revoked_at or datetime.now(UTC)
    await session.flush()
    await forgetting.tell_others(session)
    return True


async def record_use(session: AsyncSession, used: Mapping[int, datetime]) -> None:
    """Note when API keys were last used: many at once, every now and then."""
    keys = table_of(ApiKey)
    noted = update(keys).where(keys.c.id == bindparam("key_id")).values(last_used_at=bindparam("used_at"))
    await session.execute(noted, [{"key_id": key_id, "used_at": used[key_id]} for key_id in sorted(used)])
