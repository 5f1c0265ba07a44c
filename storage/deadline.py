"""The moment by which a request wants its answer: what it asks of the database is given up then.

Reads are stopped. A write is stopped only as long as nothing of it is being committed, so that its outcome is never in
doubt: either nothing was written, or the commit is waited for.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Final

from storage.errors import DeadlineExceededError

_AT: Final[ContextVar[float | None]] = ContextVar("deadline", default=None)
"""On the event loop's clock."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Everything in this block is wanted in so many seconds from now; 0 is without end."""
    token = _AT.set(asyncio.get_running_loop().time() + seconds if seconds else None)
    try:
        yield
    finally:
        _AT.reset(token)


def left() -> float:
    """Seconds until the deadline; endless without one."""
    at = _AT.get()
    return math.inf if at is None else at - asyncio.get_running_loop().time()


class Observed:
    """Raises DeadlineExceededError, saying `what`, when the deadline comes before the block's end."""

    __slots__ = ("_timeout", "_what")

    def __init__(self, what: str) -> None:
        self._what = what
        self._timeout = asyncio.timeout_at(_AT.get())

    async def __aenter__(self) -> Observed:
        await self._timeout.__aenter__()
        return self

    def lift(self) -> None:
        """The rest of the block is waited for, however long it takes."""
        self._timeout.reschedule(None)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            raise DeadlineExceededError(self._what) from error
