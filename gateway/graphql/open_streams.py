"""The open streams of this process: how many there may be, and what ends them from our side.

A stream ends when its key is no longer valid, and when the server stops.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

import structlog

from gateway.authentication import Authenticator, Principal
from gateway.graphql.refusals import RATE_LIMITED, SERVICE_UNAVAILABLE, RefusedError
from storage import access, deadline
from storage.database import Database
from storage.errors import StorageUnavailableError

_VERIFY_EVERY_S: Final = 2.0
_FAREWELL_S: Final = 3.0
log = structlog.get_logger("stockgate.graphql")


class Ending(Enum):
    """Why the server ends a stream."""

    REVOKED = "This API key is no longer valid: it was revoked or has expired."
    STOPPING = "The server stops. Connect again."


@dataclass(slots=True, eq=False)
class OpenStream:
    """A connection that stays open. `ending` is set when the server ends it."""

    principal: Principal | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    ending: Ending = Ending.STOPPING

    def end(self, why: Ending) -> None:
        """Tell the stream to end."""
        self.ending = why
        self.ended.set()


class OpenStreams:
    """Every connection of this process that stays open: WebSockets and server-sent events."""

    def __init__(
        self, database: Database, authenticator: Authenticator, *, streams_max: int, streams_per_key_max: int
    ) -> None:
        self._database = database
        self._authenticator = authenticator
        self._streams_max = streams_max
        self._streams_per_key_max = streams_per_key_max
        self._streams: set[OpenStream] = set()
        self._by_key: Counter[int] = Counter()
        self._verifying: asyncio.Task[None] | None = None
        self._empty = asyncio.Event()
        self._doubted = asyncio.Event()
        self._stopping = False

    def __len__(self) -> int:
        return len(self._streams)

    @contextlib.contextmanager
    def open(self, principal: Principal | None = None) -> Iterator[OpenStream]:
        """A stream that lasts as long as the context. Raises RefusedError when there are too many, or on shutdown."""
        if self._stopping:
            raise RefusedError(503, SERVICE_UNAVAILABLE, Ending.STOPPING.value, {"Retry-After": "1"})
        if len(self._streams) >= self._streams_max:
            raise _too_many(f"This server has {self._streams_max} open streams, and takes no more.")
        stream = OpenStream()
        if principal is not None:
            self.belongs(stream, principal)
        self._streams.add(stream)
        self._empty.clear()
        if self._verifying is None:
            self._verifying = deadline.outliving(self._verify())
        try:
            yield stream
        finally:
            self._streams.discard(stream)
            if stream.principal is not None:
                self._by_key -= Counter([stream.principal.credential.id])
            if not self._streams:
                self._empty.set()

    def belongs(self, stream: OpenStream, principal: Principal) -> None:
        """Whose it is, once that is known. Raises RefusedError when that key has too many."""
        key_id = principal.credential.id
        if self._by_key[key_id] >= self._streams_per_key_max:
            raise _too_many(f"This API key has {self._streams_per_key_max} open streams, and may have no more.")
        stream.principal = principal
        self._by_key[key_id] += 1

    async def close(self) -> None:
        """End every stream, and wait a moment for the last words."""
        self._stopping = True
        for stream in list(self._streams):
            stream.end(Ending.STOPPING)
        if self._streams:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL_S):
                    await self._empty.wait()
        if self._verifying is not None:
            self._verifying.cancel()

    def doubt(self) -> None:
        """Verify all keys now: one was revoked."""
        self._doubted.set()

    async def _verify(self) -> None:
        """End the streams of keys that are no longer valid, as long as there are streams."""
        while self._streams:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_VERIFY_EVERY_S):
                    await self._doubted.wait()
            self._doubted.clear()
            try:
                await self._end_invalid()
            except StorageUnavailableError as error:
                log.warning("verifying the keys of open streams failed", error=str(error))
        self._verifying = None

    async def _end_invalid(self) -> None:
        used = set(self._by_key)
        if not used:
            return
        invalid = used - await self._database.read(access.valid_api_keys, used)
        if invalid:
            self._authenticator.forget()
        for stream in list(self._streams):
            if stream.principal is not None and stream.principal.credential.id in invalid:
                stream.end(Ending.REVOKED)


def _too_many(message: str) -> RefusedError:
    return RefusedError(429, RATE_LIMITED, message, {"Retry-After": "5"})
