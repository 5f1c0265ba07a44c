"""Who calls: the Principal, and the schemes several transports share."""

from __future__ import annotations

import base64
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.authentication import AuthCredentials, BaseUser
from starlette.requests import HTTPConnection

from gateway import calls
from gateway.remembered import Remembered
from storage import access, consumer_pairs, freshness
from storage.access import Credential, Scope, Visibility
from storage.changes import Origin
from storage.consumer_pairs import ConsumerPair
from storage.database import Database

_CACHED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Principal(BaseUser):
    """An authenticated caller: an API key, also one in the form of a consumer pair, or a webhook secret."""

    credential: Credential
    is_webhook: bool = False
    is_consumer: bool = False

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def display_name(self) -> str:
        return self.credential.name

    @property
    def principal(self) -> Principal:
        """Itself: a dialect's user may be another object, which names its principal by this property."""
        return self

    @property
    def sees_exactly(self) -> bool:
        """Whether it sees quantities as they are."""
        return self.credential.visibility is Visibility.EXACT

    def may(self, scope: Scope) -> bool:
        """Whether the caller holds this scope; `admin` holds them all."""
        return scope in self.credential.scopes or Scope.ADMIN in self.credential.scopes

    def origin(self, dialect: str, *, reference: str = "", request_id: str = "") -> Origin:
        """The origin of the changes this caller asks for."""
        key_id = None if self.is_webhook else self.credential.id
        name = f"webhook:{self.credential.id} {self.credential.name}" if self.is_webhook else self.credential.name
        return Origin(dialect, key_id, name, self.credential.locations, reference=reference, request_id=request_id)

    @property
    def scopes(self) -> AuthCredentials:
        """The scopes in Starlette's form."""
        return AuthCredentials([str(scope) for scope in self.credential.scopes])


T = TypeVar("T")
Verify = Callable[[AsyncSession, str], Awaitable[T | None]]


@dataclass(frozen=True, slots=True)
class Consumer:
    """A valid consumer pair, before its bearer has proved to have its secret."""

    principal: Principal
    pair: ConsumerPair


class Authenticator:
    """Verifies tokens, remembers the valid ones for a moment, and collects when each API key was last used.

    A key that another process revokes stops working here when that is heard, or its moment is over.
    """

    def __init__(
        self, database: Database, *, cache_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._principals: Remembered[Principal] = Remembered(cache_seconds, _CACHED_MAX, clock)
        self._consumers: Remembered[Consumer] = Remembered(cache_seconds, _CACHED_MAX, clock)
        self._used: dict[int, datetime] = {}

    async def api_key(self, token: str) -> Principal | None:
        """The principal of an API key; None when it is unknown, revoked or expired."""
        principal = await self._principal(token, access.API_KEY_PREFIX, access.verify_api_key)
        if principal is not None:
            self.note_use(principal)
        return principal

    async def webhook_secret(self, secret: str) -> Principal | None:
        """The principal of a webhook secret; None when it is unknown or revoked."""
        principal = await self._principal(secret, access.WEBHOOK_SECRET_PREFIX, access.verify_webhook_secret)
        if principal is not None:
            freshness.of_caller(-principal.credential.id)  # secrets are numbered apart
            calls.current().secret_id = principal.credential.id
        return principal

    async def consumer(self, consumer_key: str) -> Consumer | None:
        """Whose consumer key this is; None when it is unknown, revoked or expired.

        Whoever asks has to see to it that the caller knows the secret, too, and then to note_use().
        """
        if not consumer_pairs.is_well_formed(consumer_key):
            return None
        hashed = consumer_pairs.key_hash_of(consumer_key)
        known = self._consumers.get(hashed)
        if known is not None and not _has_expired(known.principal):
            return known
        asked_at = self._consumers.age
        pair = await self._database.read(consumer_pairs.verify, consumer_key)
        if pair is None:
            self._consumers.drop(hashed)
            return None
        return self._consumers.put(hashed, Consumer(Principal(pair.credential, is_consumer=True), pair), asked_at)

    async def _principal(self, token: str, prefix: str, verify: Verify[Credential]) -> Principal | None:
        if not token.startswith(prefix):  # a secret is no key, though both are known here
            return None
        hashed = access.hash_of(token)  # of a secret only its hash is held, here too
        known = self._principals.get(hashed)
        if known is not None and not _has_expired(known):
            return known
        if not access.is_well_formed(token, prefix):
            return None
        asked_at = self._principals.age
        credential = await self._database.read(verify, token)
        if credential is None:
            self._principals.drop(hashed)
            return None
        principal = Principal(credential, is_webhook=prefix == access.WEBHOOK_SECRET_PREFIX)
        return self._principals.put(hashed, principal, asked_at)

    def forget(self) -> None:
        """Look every token up again: one was revoked."""
        self._principals.clear()
        self._consumers.clear()

    def note_use(self, principal: Principal) -> None:
        """Remember that an API key was used now, and that this is its request."""
        freshness.of_caller(principal.credential.id)
        calls.current().key_id = principal.credential.id
        self._used[principal.credential.id] = datetime.now(UTC)

    async def record_use(self) -> None:
        """Write down when API keys were last used: called every now and then, so that no request writes for it."""
        used, self._used = self._used, {}
        if used:
            await self._database.transact(access.record_use, used)


def _has_expired(principal: Principal) -> bool:
    expires_at = principal.credential.expires_at
    return expires_at is not None and expires_at <= datetime.now(UTC)


def header_token(connection: HTTPConnection, header: str = "x-api-key") -> str | None:
    """The token of a header of its own, without surrounding space."""
    return connection.headers.get(header, "").strip() or None


def bearer_token(connection: HTTPConnection) -> str | None:
    """The token of `Authorization: Bearer …`."""
    scheme, _, value = connection.headers.get("authorization", "").strip().partition(" ")
    return value.strip() or None if scheme.lower() == "bearer" else None


def basic_credentials(connection: HTTPConnection) -> tuple[str, str] | None:
    """User and password of `Authorization: Basic …`; None when there is none or it is malformed."""
    scheme, _, value = connection.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except ValueError:  # neither base64 nor UTF-8
        return None
    return (user, password.strip()) if colon else None
