"""Write operations on API keys and webhook secrets, as one key may ask for them about others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from storage import access, consumer_pairs, keys
from storage.access import Credential, Scope, Visibility
from storage.changes import LocationKey, Refused
from storage.errors import ErrorCode, InventoryError
from storage.key_settings import KeySettings, beyond, problems
from storage.tables import ApiKey, WebhookSecret

OVERLAP_MAX: Final = timedelta(days=30)


class KeyRefusedError(Exception):
    """Nothing was issued: all that is wrong with what was asked for."""

    def __init__(self, refused: Sequence[Refused]) -> None:
        super().__init__("; ".join(problem.message for problem in refused))
        self.refused = tuple(refused)


@dataclass(frozen=True, slots=True)
class NewKey:
    """An API key with its token, which is shown this once; and after a rotation the one that it replaces."""

    key: ApiKey
    token: str
    previous: ApiKey | None = None

    def __repr__(self) -> str:
        return f"NewKey({self.key.id})"  # a token is in no log


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A webhook secret with its token, which is shown this once."""

    secret: WebhookSecret
    token: str

    def __repr__(self) -> str:
        return f"NewSecret({self.secret.id})"  # as above


async def create(
    session: AsyncSession, asked: KeySettings, locations: Sequence[LocationKey] | None, granter: Credential
) -> NewKey:
    """A new API key of at most what its granter may. `locations` None is everywhere.

    Raises KeyRefusedError with everything that is wrong.
    """
    unknown: list[Refused] = []
    if locations is not None:
        found = await keys.resolve_locations(session, set(locations))
        asked = replace(asked, location_ids=tuple(sorted({place.id for place in found.values()})))
        unknown = [
            Refused(ErrorCode.LOCATION_NOT_FOUND, "Location not found.", f"locations[{number}]")
            for number, key in enumerate(locations)
            if key not in found
        ]
    if refused := [*unknown, *([] if unknown else problems(asked, granter))]:
        raise KeyRefusedError(refused)
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
    return NewKey(await _key(session, issued.id, granter), issued.token)


async def rotate(session: AsyncSession, key_id: int, granter: Credential, *, overlap: timedelta) -> NewKey:
    """A new token with a key's settings. The old one stays valid for the overlap.

    Refuses with: KEY_NOT_FOUND, NOT_GRANTED, INVALID_VALUE.
    """
    if not timedelta() <= overlap <= OVERLAP_MAX:
        message = f"The overlap is from 0 to {int(OVERLAP_MAX.total_seconds())} seconds."
        raise InventoryError(ErrorCode.INVALID_VALUE, message, "overlap_seconds")
    previous = await _key(session, key_id, granter)
    if consumer_pairs.is_pair(previous):
        message = f"This is a consumer pair of wc/v3, not a token: `stockgate key rotate {key_id}` gives a new one."
        raise InventoryError(ErrorCode.INVALID_VALUE, message, "id")
    issued = await access.rotate_api_key(session, key_id, overlap=overlap)
    if issued is None:
        raise InventoryError(ErrorCode.KEY_NOT_FOUND, "This API key is not valid any more: create a new one.", "id")
    return NewKey(await _key(session, issued.id, granter), issued.token, previous)


async def revoke(session: AsyncSession, key_id: int, granter: Credential) -> ApiKey:
    """Make an API key invalid from now on. Revoking twice is harmless. Refuses with: KEY_NOT_FOUND, NOT_GRANTED."""
    key = await _key(session, key_id, granter)
    await access.revoke_api_key(session, key_id)
    return key


async def _key(session: AsyncSession, key_id: int, granter: Credential) -> ApiKey:
    """A key that has no more than its granter."""
    key = await session.get(ApiKey, key_id)
    if key is None:
        raise InventoryError(ErrorCode.KEY_NOT_FOUND, "There is no such API key.", "id")
    location_ids = None if key.location_ids is None else tuple(key.location_ids)
    scopes = tuple(Scope(scope) for scope in key.scopes)
    granted = KeySettings(key.name, scopes, location_ids, visibility=Visibility(key.visibility), cap=key.cap)
    for refused in beyond(granted, granter):
        raise InventoryError(refused.code, refused.message, "id")
    return key


async def create_secret(session: AsyncSession, name: str, granter: Credential) -> NewSecret:
    """A new webhook secret. It may write everywhere, so a key that is limited to some locations cannot grant it.

    Raises KeyRefusedError with everything that is wrong. Refuses with: NOT_GRANTED.
    """
    _check_everywhere(granter)
    asked = KeySettings(name, (Scope.DELIVER,), visibility=Visibility.BAND)
    if refused := list(problems(asked, granter)):
        raise KeyRefusedError(refused)
    issued = await access.issue_webhook_secret(session, name)
    return NewSecret(await _secret(session, issued.id), issued.token)


async def revoke_secret(session: AsyncSession, secret_id: int, granter: Credential) -> WebhookSecret:
    """Make a webhook secret invalid from now on. Revoking twice is harmless.

    Refuses with: KEY_NOT_FOUND, NOT_GRANTED.
    """
    _check_everywhere(granter)
    secret = await _secret(session, secret_id)
    await access.revoke_webhook_secret(session, secret_id)
    return secret


def _check_everywhere(granter: Credential) -> None:
    if granter.locations is not None:
        message = "This API key is limited to some locations, and webhook secrets are not."
        raise InventoryError(ErrorCode.NOT_GRANTED, message)


async def _secret(session: AsyncSession, secret_id: int) -> WebhookSecret:
    secret = await session.get(WebhookSecret, secret_id)
    if secret is None:
        raise InventoryError(ErrorCode.KEY_NOT_FOUND, "There is no such webhook secret.", "id")
    return secret
