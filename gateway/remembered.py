"""What a process has looked up, for a moment: until then another process's changes need not be seen."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """What was looked up, for a moment. The oldest give way."""

    def __init__(self, seconds: float, most: int, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, T]] = OrderedDict()
        self.age = 0
        """How often everything was forgotten."""

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: str) -> T | None:
        """What is remembered, if its moment is not over."""
        known = self._known.get(key)
        return known[1] if known is not None and self._clock() < known[0] else None

    def put(self, key: str, value: T, asked_at: int) -> T:
        """Remember it, unless all was forgotten since it was asked for: then it may be of before that."""
        self.drop(key)  # so that it comes last
        if asked_at != self.age:
            return value
        self._known[key] = (self._clock() + self._seconds, value)
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return value

    def drop(self, key: str) -> None:
        """Forget one."""
        self._known.pop(key, None)

    def clear(self) -> None:
        """Forget all, and what is being looked up already with it."""
        self.age += 1
        self._known.clear()
