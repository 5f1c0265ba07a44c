"""What a read has to have seen: whether it may be answered by a replica, and how far that must have come.

Nothing may lag that was not allowed to. A position is one in the primary's write-ahead log, as a number of bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

UNKNOWN: Final = 2**64
"""A position that no replica reaches."""


@dataclass(slots=True)
class Conversation:
    """A request, or a WebSocket: who asks, what it has seen elsewhere, and up to where it has written itself."""

    seen: int = 0
    caller: int | None = None
    written: int = 0


@dataclass(slots=True)
class Reading:
    """Reads that belong together: of several replicas they ask one, so that none is behind the one before."""

    replica: Any = None
    insists: bool = False


_CONVERSATION: Final[ContextVar[Conversation | None]] = ContextVar("conversation", default=None)
_READING: Final[ContextVar[Reading | None]] = ContextVar("reading", default=None)


@contextmanager
def conversing(conversation: Conversation) -> Iterator[None]:
    """What is done in this block is done for that request."""
    token = _CONVERSATION.set(conversation)
    try:
        yield
    finally:
        _CONVERSATION.reset(token)


@contextmanager
def may_lag() -> Iterator[None]:
    """Reads in this block show what was, a moment ago, though never less than their caller knows already."""
    if _CONVERSATION.get() is None or _READING.get() is not None:
        yield
        return
    token = _READING.set(Reading())
    try:
        yield
    finally:
        _READING.reset(token)


def insist() -> None:
    """The reads that follow in the block have to see everything."""
    reading = _READING.get()
    if reading is not None:
        reading.insists = True


def of_caller(number: int) -> None:
    """Who asks is known now."""
    conversation = _CONVERSATION.get()
    if conversation is not None:
        conversation.caller = number


def conversation() -> Conversation | None:
    """For whom the running code does what it does."""
    return _CONVERSATION.get()


def reading() -> Reading | None:
    """What the next read belongs to; None when it must not lag."""
    found = _READING.get()
    return None if found is None or found.insists else found
