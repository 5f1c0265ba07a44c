"""What is sent, what came of it, and what a format decides: how events become requests, and how answers count."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from storage.database import Database
from storage.webhook_endpoints import Endpoint
from storage.webhook_events import Event

TIMEOUT_S: Final = 15.0
"""How long a request may take, from the resolving of the name to the last byte of the answer that is read."""
Headers = Mapping[str, str]


class UnsignedError(Exception):
    """A message cannot be signed; why is in the text. It is not sent, and counts as one that failed."""


def unsigned(_now: datetime) -> Headers:
    """No headers that depend on when it is sent."""
    return {}


@dataclass(frozen=True, slots=True)
class Message:
    """One POST request, and the events that it tells of: the first one is what deliveries know it by."""

    events: Sequence[Event]
    url: str
    body: bytes = field(repr=False)
    headers: Headers
    signed: Callable[[datetime], Headers] = field(default=unsigned, repr=False)
    """More headers, made when it is sent: a signature that has the time in it. May raise UnsignedError."""
    timeout_s: float = TIMEOUT_S


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request: the receiver's status, or, where there is none, why."""

    status: int | None
    duration_ms: int
    error: str | None = None
    retry_after: str | None = None
    """The header, as the receiver wrote it."""


class Verdict(StrEnum):
    """What an answer means for the events of its message."""

    DELIVERED = "delivered"
    AGAIN = "again"
    """It is sent again, by the schedule. What is of the same level waits behind it."""
    FAILED = "failed"
    """It is given up, and what comes behind it goes on."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What an answer means, and why it disables the endpoint if it does."""

    verdict: Verdict
    disabled_reason: str | None = None


class Format(Protocol):
    """How the endpoints of a format are told of events."""

    @property
    def merges(self) -> bool:
        """Whether events that come while others are being told of may share a message: then no more are read until all
        that was read has been sent."""

    async def messages(self, endpoint: Endpoint, events: Sequence[Event], database: Database) -> Sequence[Message]:
        """The requests that tell of the events, each event in one of them, in order. Events may share one.

        Events of which nothing can be told, such as those of what is gone, are left out: they count as delivered.
        """

    def again(self, endpoint: Endpoint, event: Event, body: bytes) -> Message:
        """The request of which an earlier attempt had this body."""

    def judge(self, endpoint: Endpoint, failures: int, answer: Answer) -> Judged:
        """How an answer counts, `failures` requests in a row having failed before it."""
