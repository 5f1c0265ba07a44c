"""Consumer pairs, `ck_…` and `cs_…`: API keys in the form that clients of WooCommerce know. Issue, verify, rotate.

A secret that signs requests must be had again to verify them. It is not kept, not even encrypted: it is derived from
the server's own secret and the hash of its key, so that the database alone opens nothing.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from storage import access
from storage.access import Credential
from storage.key_settings import KeySettings
from storage.tables import ApiKey

_HEX_LENGTH: Final = 40
_WELL_FORMED: Final = re.compile(rf"ck_[0-9a-f]{{{_HEX_LENGTH}}}")
_SHOWN_LENGTH: Final = 7


@dataclass(frozen=True, slots=True)
class IssuedPair:
    """A new consumer pair. It is shown this once and cannot be had again."""

    id: int
    consumer_key: str
    consumer_secret: str

    def __repr__(self) -> str:
        return f"IssuedPair({self.id})"  # a secret is in no log


@dataclass(frozen=True, slots=True)
class ConsumerPair:
    """A valid consumer pair, as what its bearer may do and what proves that it is the bearer."""

    credential: Credential
    key_hash: str
    secret_hash: str

    def __repr__(self) -> str:
        return f"ConsumerPair({self.credential.id})"

    def has_secret(self, secret: str) -> bool:
        """Whether this is its secret; how long it takes tells nothing about it."""
        return hmac.compare_digest(access.hash_of(secret), self.secret_hash)


def is_well_formed(consumer_key: str) -> bool:
    """Whether this can be a consumer key of ours: no look-up is needed for anything else."""
    return _WELL_FORMED.fullmatch(consumer_key) is not None


def key_hash_of(consumer_key: str) -> str:
    """What is stored of a consumer key, by the same rule as WooCommerce's, and found by."""
    return hmac.digest(b"wc-api", consumer_key.encode(), "sha256").hex()


def secret_of(server_secret: str, key_hash: str) -> str:
    """The consumer secret that belongs to a consumer key on a server with this secret."""
    derived = hmac.digest(server_secret.encode(), f"consumer-secret:{key_hash}".encode(), "sha256")
    return f"cs_{derived.hex()[:_HEX_LENGTH]}"


def shown(consumer_key: str) -> str:
    """A consumer key as lists show it: by its end, as WooCommerce does, because all begin alike."""
    return f"…{consumer_key[-_SHOWN_LENGTH:]}"


def is_pair(row: ApiKey) -> bool:
    """Whether an API key is a consumer pair."""
    return row.secret_hash is not None


async def issue(session: AsyncSession, asked: KeySettings, server_secret: str) -> IssuedPair:
    """A new consumer pair."""
    issued = await access.issue_api_key(
        session,
        asked.name,
        asked.scopes,
        location_ids=asked.location_ids,
        expires_at=asked.expires_at,
        visibility=asked.visibility,
        cap=asked.cap,
        origins=asked.origins,
        cost_per_minute=asked.cost_per_minute,
    )
    return await _as_pair(session, issued.id, server_secret)


async def rotate(session: AsyncSession, key_id: int, server_secret: str, *, overlap: timedelta) -> IssuedPair | None:
    """A new consumer pair with the settings of another, which stays valid for the overlap: access.rotate_api_key()."""
    issued = await access.rotate_api_key(session, key_id, overlap=overlap)
    return None if issued is None else await _as_pair(session, issued.id, server_secret)


async def verify(session: AsyncSession, consumer_key: str) -> ConsumerPair | None:
    """The pair of a consumer key; None for one that is unknown, revoked or expired."""
    if not is_well_formed(consumer_key):
        return None
    row = await access.valid_row(session, key_hash_of(consumer_key))
    if row is None or row.secret_hash is None:
        return None
    return ConsumerPair(access.credential_of(row), row.token_hash, row.secret_hash)


async def _as_pair(session: AsyncSession, key_id: int, server_secret: str) -> IssuedPair:
    """Give a new API key, whose token nobody was told, the hashes of a pair."""
    consumer_key = f"ck_{secrets.token_hex(_HEX_LENGTH // 2)}"
    key_hash = key_hash_of(consumer_key)
    consumer_secret = secret_of(server_secret, key_hash)
    row = await session.get_one(ApiKey, key_id)
    row.hint, row.token_hash, row.secret_hash = shown(consumer_key), key_hash, access.hash_of(consumer_secret)
    await session.flush()
    return IssuedPair(key_id, consumer_key, consumer_secret)
