"""The moment by which a request wants its answer: what it asks of the database is given up then.

Reads are stopped. A write is stopped only as long as nothing of it is being committed, so that its outcome is never in
doubt: either nothing was written, or the commit is waited for.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine
from contextvars import Context, ContextVar
from types import TracebackType
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from storage.errors import DeadlineExceededError

T = TypeVar("T")
_AT: Final[ContextVar[float | None]] = ContextVar("deadline", default=None)
"""On the event loop's clock."""
LATE_S_MAX: Final = 0.05
"""How long after a deadline it is noticed."""


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


def prolong(seconds: float) -> None:
    """The deadline of this block is so much later: what has passed was not ours to hurry."""
    at = _AT.get()
    if at is not None:
        _AT.set(at + seconds)


def outliving(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task that goes on after the request that happens to start it: it knows nothing of it, nor of its deadline."""
    return asyncio.get_running_loop().create_task(work, context=Context())


class Observed:
    """Raises DeadlineExceededError, saying `what`, when the deadline comes before the block's end.

    As asyncio.timeout_at() does, but all of them share one timer: setting one for each statement costs a tenth of a
    short request.
    """

    __slots__ = ("_at", "_cancelling", "_is_due", "_task", "_watch", "_what")

    def __init__(self, what: str) -> None:
        self._what = what
        self._watch: _Watch | None = None
        self._is_due = False

    async def __aenter__(self) -> Observed:
        at, task = _AT.get(), asyncio.current_task()
        if at is not None and task is not None:
            self._at, self._task, self._cancelling = at, task, task.cancelling()
            self._watch = _watch_of(asyncio.get_running_loop())
            self._watch.add(self)
        return self

    def lift(self) -> None:
        """The rest of the block is waited for, however long it takes."""
        if self._watch is not None:
            self._watch.observed.discard(self)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.lift()
        if self._is_due and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise DeadlineExceededError(self._what) from error

    def check(self, now: float) -> bool:
        """Cancel the task if its deadline has come; whether it had."""
        if now < self._at:
            return False
        self._is_due = True
        self._task.cancel()
        return True


class _Watch:
    """Looks at what is observed in a loop, every now and then, as long as there is anything."""

    def __init__(self) -> None:
        self.observed: set[Observed] = set()
        self._is_set = False

    def add(self, observed: Observed) -> None:
        self.observed.add(observed)
        if not self._is_set:
            self._set()

    def _set(self) -> None:
        self._is_set = True
        asyncio.get_running_loop().call_later(LATE_S_MAX, self._look)

    def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        self.observed -= {observed for observed in list(self.observed) if observed.check(now)}
        if self.observed:
            self._set()
        else:
            self._is_set = False


_watches: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Watch]] = WeakKeyDictionary()


def _watch_of(loop: asyncio.AbstractEventLoop) -> _Watch:
    watch = _watches.get(loop)
    if watch is None:
        watch = _watches[loop] = _Watch()
    return watch
