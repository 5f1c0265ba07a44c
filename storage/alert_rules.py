"""Alerts: when what is available of a level crosses a line. A pure function of what was and what is seen: no SQL.

There are two lines: at 0 there is none left, at the threshold it is low. Falling crosses the threshold first, rising
crosses 0 first; where one change crosses both, the alerts come in this order: low, out; and back, recovered.

What is not on offer, because the level is disabled or its location is inactive or archived, is out, whatever lies
there; whether it is low is not judged until it is on offer again. Where nothing is counted (never yet, or an item that
is not tracked, or in the trash) nothing is said: it stops being low and out without a word. The first count of a level
is where it begins: it gives no alert, however little it is.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class AlertKind(StrEnum):
    """What happened to a level."""

    OUT = "out"
    BACK = "back"
    LOW = "low"
    RECOVERED = "recovered"


class State(NamedTuple):
    """What was last said of a level."""

    low: bool = False
    out: bool = False


PLENTY: Final = State()


class Seen(NamedTuple):
    """A level of which something is counted."""

    available: int
    threshold: int
    offered: bool = True

    @property
    def told(self) -> int:
        """The units that an alert names: of what is not on offer at most none."""
        return self.available if self.offered else min(self.available, 0)


def step(state: State, seen: Seen | None, *, first: bool = False) -> tuple[State, tuple[AlertKind, ...]]:
    """What is said of a level now, and the alerts on the way there, in order. `first`: it was never counted before."""
    if seen is None:
        return PLENTY, ()
    if seen.offered:
        now = State(low=seen.available <= seen.threshold, out=seen.available <= 0)
    else:
        now = State(low=state.low, out=True)
    return now, () if first else tuple(_crossed(state, now))


def _crossed(before: State, after: State) -> list[AlertKind]:
    lines = (
        (AlertKind.BACK, before.out and not after.out),
        (AlertKind.RECOVERED, before.low and not after.low),
        (AlertKind.LOW, after.low and not before.low),
        (AlertKind.OUT, after.out and not before.out),
    )
    return [kind for kind, is_crossed in lines if is_crossed]
