"""What an API key may be set to, and what one key may grant another. Pure functions, no I/O, no SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from storage.access import Credential, Scope, Visibility
from storage.changes import QUANTITY_MAX, Refused, is_storable
from storage.errors import ErrorCode

NAME_LENGTH_MAX: Final = 255
COST_MAX: Final = 2**31 - 1
_ORIGIN: Final = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_EXACTNESS: Final = (Visibility.BAND, Visibility.CAPPED, Visibility.EXACT)


@dataclass(frozen=True, slots=True)
class KeySettings:
    """A key to be. Without `visibility` it sees what access.issue_api_key() says; `location_ids` None is everywhere."""

    name: str
    scopes: tuple[Scope, ...]
    location_ids: tuple[int, ...] | None = None
    expires_at: datetime | None = None
    visibility: Visibility | None = None
    cap: int | None = None
    origins: tuple[str, ...] | None = None
    cost_per_minute: int | None = None


def problems(asked: KeySettings, granter: Credential) -> Iterator[Refused]:
    """All that is wrong with a key, and all that its granter does not have itself."""
    if not asked.name.strip() or len(asked.name) > NAME_LENGTH_MAX or not is_storable(asked.name):
        yield _invalid("name", f"must be text of 1 to {NAME_LENGTH_MAX} characters")
    if not asked.scopes:
        yield _invalid("scopes", "must name at least one")
    if asked.location_ids is not None and not asked.location_ids:
        yield _invalid("locations", "must name at least one; leave it out for everywhere")
    if asked.expires_at is not None and asked.expires_at <= datetime.now(UTC):
        yield _invalid("expires_at", "must be in the future")
    if (asked.visibility is Visibility.CAPPED) != (asked.cap is not None):
        yield _invalid("cap", "belongs to the visibility CAPPED, which needs it")
    elif asked.cap is not None and not 0 <= asked.cap <= QUANTITY_MAX:
        yield _invalid("cap", f"must be from 0 to {QUANTITY_MAX}")
    for number, origin in enumerate(asked.origins or ()):
        if not _ORIGIN.fullmatch(origin):
            yield _invalid(f"origins[{number}]", "must be a web origin, such as https://shop.example")
    if asked.cost_per_minute is not None and not 1 <= asked.cost_per_minute <= COST_MAX:
        yield _invalid("cost_per_minute", f"must be from 1 to {COST_MAX}")
    yield from beyond(asked, granter)


def beyond(asked: KeySettings, granter: Credential) -> Iterator[Refused]:
    """What a key has that its granter has not."""
    if Scope.ADMIN not in granter.scopes and not granter.scopes.issuperset(asked.scopes):
        yield _not_granted("scopes", "scopes")
    if granter.locations is not None and (
        asked.location_ids is None or not granter.locations.issuperset(asked.location_ids)
    ):
        yield _not_granted("locations", "locations")
    seen = _EXACTNESS.index(granter.visibility)
    if granter.visibility is not Visibility.EXACT and (
        asked.visibility is None
        or _EXACTNESS.index(asked.visibility) > seen
        or (asked.visibility is Visibility.CAPPED and (asked.cap or 0) > (granter.cap or 0))
    ):
        yield _not_granted("visibility", "sight of quantities")


def _invalid(field: str, message: str) -> Refused:
    return Refused(ErrorCode.INVALID_VALUE, f"It {message}.", field)


def _not_granted(field: str, what: str) -> Refused:
    return Refused(ErrorCode.NOT_GRANTED, f"This API key does not have these {what} itself.", field)
