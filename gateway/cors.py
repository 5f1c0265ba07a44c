"""Which browser pages may read our answers. https://fetch.spec.whatwg.org/#http-cors-protocol

A key may list the origins of the pages that carry it, and is refused from any other. A preflight has no key, so it is
answered for all origins that some key or STOCKGATE_CORS_ORIGINS lists; the request itself is answered for its own key.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from gateway import consistency
from gateway.authentication import Principal
from storage import access
from storage.database import Database


@dataclass(frozen=True, slots=True)
class Shared:
    """What pages of other origins may send, and read of the answer beside its body."""

    methods: str
    sent: str
    exposed: str


GRAPHQL: Final = Shared(
    "GET, HEAD, POST, OPTIONS",
    f"Content-Type, Accept, Authorization, X-API-Key, X-Request-Id, If-None-Match, {consistency.HEADER}",
    f"ETag, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, X-Request-Id, {consistency.HEADER}",
)
_AGE_S_MAX: Final = "600"


class Cors:
    """What is answered to pages of other origins."""

    def __init__(
        self,
        database: Database,
        origins: list[str],
        *,
        cache_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._everywhere = frozenset(origins)
        self._cache_seconds, self._clock = cache_seconds, clock
        self._listed: tuple[float, frozenset[str]] = (0.0, frozenset())

    def allows(self, principal: Principal | None, origin: str) -> bool:
        """Whether a page of that origin may read an answer to this caller."""
        own = principal.credential.origins if principal else None
        return _among(origin, self._everywhere) or (own is not None and _among(origin, own))

    @staticmethod
    def refuses(principal: Principal, origin: str) -> bool:
        """Whether the key is not meant for pages of that origin."""
        own = principal.credential.origins
        return own is not None and not _among(origin, own)

    @staticmethod
    def headers(origin: str, shared: Shared = GRAPHQL) -> dict[str, str]:
        """The headers of an answer that a page may read."""
        return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": shared.exposed}

    async def preflight(self, origin: str, shared: Shared = GRAPHQL) -> Response:
        """The answer to what a browser asks before it sends a request with a key."""
        headers = {"Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}
        if _among(origin, self._everywhere) or _among(origin, await self._of_keys()):
            headers |= {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Allow-Methods": shared.methods,
                "Access-Control-Allow-Headers": shared.sent,
                "Access-Control-Max-Age": _AGE_S_MAX,
            }
        return Response(status_code=204, headers=headers)

    def forget(self) -> None:
        """Look up anew what keys list: one was issued or revoked."""
        self._listed = (0.0, frozenset())

    async def _of_keys(self) -> frozenset[str]:
        known = self._listed
        until, listed = known
        if self._clock() >= until:
            listed = frozenset(await self._database.read(access.origins))
            if self._listed is known:  # or it was forgotten meanwhile
                self._listed = (self._clock() + self._cache_seconds, listed)
        return listed


def _among(origin: str, origins: frozenset[str] | list[str] | tuple[str, ...]) -> bool:
    return origin in origins or "*" in origins
