"""What many couriers ask at the same moment is asked once: endpoints that want the same read one page of events."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Final, TypeVar

from storage import deadline

T = TypeVar("T")
_KEPT_S: Final = 1.0
"""For those who come a moment later."""
_KEPT_MAX: Final = 32


class Together:
    """Answers by what was asked, for a moment."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[float, asyncio.Task[Any]]] = OrderedDict()

    async def once(self, asked: Hashable, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The answer, from who asked the same just before, or anew. Raises what asking raises."""
        now = time.monotonic()
        while self._kept and (len(self._kept) >= _KEPT_MAX or next(iter(self._kept.values()))[0] < now):
            self._kept.popitem(last=False)
        if asked not in self._kept:
            task: asyncio.Task[T] = deadline.outliving(ask())
            task.add_done_callback(lambda done: self._forget_failed(asked, done))
            self._kept[asked] = (now + _KEPT_S, task)
        answer: T = await asyncio.shield(self._kept[asked][1])
        return answer

    def _forget_failed(self, asked: Hashable, done: asyncio.Task[Any]) -> None:
        """Whoever asks next tries it again."""
        if done.cancelled() or done.exception() is not None:
            self._kept.pop(asked, None)
