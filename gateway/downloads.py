"""Files that are written while they are read: a stream from one snapshot, which ends with its response."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TypeVar

import anyio
import anyio.lowlevel
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

T = TypeVar("T", str, bytes)


class Download(StreamingResponse):
    """A stream that ends when its response does, also when the client hangs up; not when garbage is collected."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self.body_iterator.aclose()  # type: ignore[attr-defined] # it is always a generator here


async def unbroken(first: T, chunks: AsyncGenerator[T], *, whole: bool) -> AsyncGenerator[T]:
    """What comes first, and then the rest; nothing unless `whole`. A client that hangs up is noticed between two
    chunks: a statement that were cancelled while it runs would cost its connection."""
    try:
        chunk: T | None = first if whole else None
        while chunk is not None:
            if chunk:
                yield chunk
            await anyio.lowlevel.checkpoint()
            with anyio.CancelScope(shield=True):
                chunk = await anext(chunks, None)
    finally:
        with anyio.CancelScope(shield=True):
            await chunks.aclose()
