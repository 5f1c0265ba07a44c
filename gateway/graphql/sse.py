"""GraphQL over server-sent events: one operation, one stream ("distinct connections mode").

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

import orjson
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from gateway.authentication import Principal
from gateway.graphql import media_types
from gateway.graphql.open_streams import Ending, OpenStream, OpenStreams
from gateway.graphql.refusals import SERVICE_UNAVAILABLE, UNAUTHENTICATED
from gateway.graphql.running import Answers, NotExecutedError

EVENT_STREAM: Final = "text/event-stream"
HOW_TO_SUBSCRIBE: Final = (
    f"A subscription needs a stream: send `Accept: {EVENT_STREAM}`, or open a WebSocket (graphql-transport-ws)."
)
_PING_S: Final = 12.0
_PING: Final = b":\n\n"
_COMPLETE: Final = b"event: complete\ndata:\n\n"
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # proxies must not hold events back
_CODES: Final = {Ending.REVOKED: UNAUTHENTICATED, Ending.STOPPING: SERVICE_UNAVAILABLE}


def is_wanted(accept: str) -> bool:
    """Whether events are liked better than JSON. Some clients list them for every query, and cannot read them then."""
    return media_types.preferred(accept, (*media_types.ANSWERS, EVENT_STREAM)) == EVENT_STREAM


def is_listed(accept: str) -> bool:
    """Whether events are taken by name: `*/*` is what those send who expect JSON."""
    return EVENT_STREAM in accept.lower() and media_types.preferred(accept, (EVENT_STREAM,)) is not None


class EventStream(StreamingResponse):
    """The answers to an operation as server-sent events."""

    def __init__(self, streams: OpenStreams, principal: Principal, given: Answers) -> None:
        """Raises RefusedError when there are too many streams."""
        self._opened = contextlib.ExitStack()
        self._events = _events(given, self._opened.enter_context(streams.open(principal)))
        super().__init__(self._events, headers=_HEADERS, media_type=EVENT_STREAM)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._opened:
            async with contextlib.aclosing(self._events):
                await super().__call__(scope, receive, send)


async def _events(given: Answers, stream: OpenStream) -> AsyncGenerator[bytes, None]:
    yield _PING  # the headers go out at once
    async with contextlib.aclosing(given):
        try:
            async for texts in _until_ended(given, stream):
                yield b"".join(_event(text) for text in texts) if texts else _PING
        except NotExecutedError as refused:
            yield _event(orjson.dumps({"errors": refused.errors}).decode())
    if stream.ended.is_set():
        error = {"message": stream.ending.value, "extensions": {"code": _CODES[stream.ending]}}
        yield _event(orjson.dumps({"errors": [error]}).decode())
    yield _COMPLETE


async def _until_ended(given: Answers, stream: OpenStream) -> AsyncIterator[list[str]]:
    """What is given until the server ends the stream; an empty list after a while without any."""
    ended = asyncio.create_task(stream.ended.wait())
    following: asyncio.Task[list[str] | None] | None = None
    try:
        while not stream.ended.is_set():
            following = following or asyncio.create_task(anext(given, None))
            await asyncio.wait({following, ended}, timeout=_PING_S, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                if not ended.done():
                    yield []
                continue
            texts, following = following.result(), None
            if texts is None:
                return
            yield texts
    finally:
        for task in (ended, following):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, NotExecutedError):
                    await task


def _event(text: str) -> bytes:
    return f"event: next\ndata: {text}\n\n".encode()
