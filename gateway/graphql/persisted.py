"""Operations by the SHA-256 of their text: clients persist them by themselves, or only those that are listed run.

https://www.apollographql.com/docs/apollo-server/performance/apq
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from gateway.authentication import Principal
from gateway.graphql.refusals import PERSISTED_QUERY_NOT_FOUND, PERSISTED_QUERY_ONLY, RefusedError
from gateway.graphql.requests import Asked
from gateway.remembered import Remembered
from gateway.settings import Settings
from schema.errors import BAD_USER_INPUT
from storage import persisted_operations
from storage.database import Database
from storage.persisted_operations import Persisted, sha256_of

_KNOWN_MAX: Final = 1000


class PersistedOperations:
    """The operations that this process has met, and those in the database."""

    def __init__(self, database: Database, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._database, self._settings = database, settings
        self._known: Remembered[Persisted] = Remembered(settings.key_cache_seconds, _KNOWN_MAX, clock)

    async def text(self, principal: Principal, asked: Asked) -> str:
        """The text of what is asked. Raises RefusedError when it is not known, or not listed where it has to be."""
        if asked.query is not None and asked.sha256 is not None and sha256_of(asked.query) != asked.sha256:
            raise RefusedError(400, BAD_USER_INPUT, "The SHA-256 is not that of the operation's text.")
        only_listed = self._only_listed(principal)
        if asked.query is not None and not only_listed:
            return asked.query
        sha256 = asked.sha256 or sha256_of(asked.query or "")
        found = await self._find(sha256)
        if only_listed and (found is None or not found.listed):
            message = (
                f"Only listed operations may run, and {sha256[:12]}… is none: `stockgate operations add` lists it."
            )
            raise RefusedError(403, PERSISTED_QUERY_ONLY, message)
        if found is None:  # the client sends the text then; the words are those that clients look for
            raise RefusedError(200, PERSISTED_QUERY_NOT_FOUND, "PersistedQueryNotFound", {"Cache-Control": "no-store"})
        return found.document

    async def remember(self, sha256: str, document: str) -> None:
        """Persist a valid operation of a client, so that its hash will do from now on."""
        unlisted_max = self._settings.persisted_max
        if unlisted_max and await self._find(sha256) is None:
            await self._database.transact(persisted_operations.remember, document, unlisted_max=unlisted_max)

    def _only_listed(self, principal: Principal) -> bool:
        mode = self._settings.persisted_only
        return mode == "all" or (mode == "public" and principal.credential.is_public)

    async def _find(self, sha256: str) -> Persisted | None:
        """From memory for a moment, as keys are: what another process lists or removes is seen after it."""
        known = self._known.get(sha256)
        if known is not None:
            return known
        asked_at = self._known.age
        found = await self._database.read(persisted_operations.find, sha256)
        if found is None:
            self._known.drop(sha256)
            return None
        return self._known.put(sha256, found, asked_at)

    def forget(self) -> None:
        """Look every operation up again: one was listed or removed."""
        self._known.clear()
