"""The moment by which a request wants its answer: what it asks of the database is given up then.

Reads are stopped. A write is stopped only as long as nothing of it is being committed, so that its outcome is never in
doubt: either nothing was written, or the commit is waited for.
"""

from __future__ import annotations

import asyncio
import math
from contextvars import ContextVar
from types import TracebackType
from typing import Final

from storage.errors import DeadlineExceededError

_AT: Final[ContextVar[float | None]] = ContextVar("deadline", default=None)
"""On the event loop's clock."""


class within:  # noqa: N801 (it reads as a verb: `with deadline.within(30):`)
    """Everything in this block is asked for by so many seconds from now; 0 is without end."""

    __slots__ = ("_seconds", "_token")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        self._token = _AT.set(asyncio.get_running_loop().time() + self._seconds if self._seconds else None)

    def __exit__(self, *_error: object) -> None:
        _AT.reset(self._token)


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
