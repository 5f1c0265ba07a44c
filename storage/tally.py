"""What one request did to the database, for whoever wants to log and count it.

The transport that begins a request has a tally of its own kind; what happens in here is noted in that, whichever
transport it was. Without one nothing is noted.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final


@dataclass(slots=True)
class Tally:
    """What was counted of one request so far. `refused` has how often each code was a reason to refuse something."""

    statements: int = 0
    writes: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    def refuse(self, code: str, times: int = 1) -> None:
        """Something was refused: the request, or lines of it."""
        self.refused[code] = self.refused.get(code, 0) + times


_CURRENT: Final[ContextVar[Tally | None]] = ContextVar("tally", default=None)
begin = _CURRENT.set
"""From here on, in this task and those that it starts, this is what is noted in."""
current = _CURRENT.get
"""The tally of the request in progress; None when there is none."""


def asked() -> None:
    """A statement is about to be run."""
    tally = _CURRENT.get()
    if tally is not None:
        tally.statements += 1


def wrote() -> None:
    """A transaction was committed."""
    tally = _CURRENT.get()
    if tally is not None:
        tally.writes += 1


def refused(code: str) -> None:
    """Something was refused, for this reason."""
    tally = _CURRENT.get()
    if tally is not None:
        tally.refuse(code)
