"""Ratios of two sides that take turns within one run, and how far another run's ratio may be from them.

The gateway takes turns with the other side, and the ratio is the median over pairs of neighbouring turns, because the
machine's own speed changes from one minute to the next.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Final

from suite import Goal, Row

_SPREAD: Final = 1.4826  # of a normal distribution: its standard deviation in median absolute deviations
_OF_MEDIAN: Final = 1.96 * math.sqrt(math.pi / 2)  # 95 % of medians are within so many standard errors


def of_turns(what: str, goal: Goal | None, pairs: Sequence[Sequence[Mapping[str, float]]], other: str = "floor") -> Row:
    """Requests per second of the gateway's turns to those of the other side, pair by pair."""

    def per_second(run: Mapping[str, float]) -> float:
        return run["requests"] / run["seconds"]

    mine, others = zip(*pairs, strict=True)
    ratios = [per_second(own) / per_second(peer) for own, peer in pairs]
    figures = {
        "requests/s": statistics.median(map(per_second, mine)),
        f"{other}'s": statistics.median(map(per_second, others)),
        "p50 ms": statistics.median(run["p50_ms"] for run in mine),
        "p99 ms": statistics.median(run["p99_ms"] for run in mine),
    }
    return Row(what, statistics.median(ratios), goal, noise(ratios), figures=figures)


def noise(ratios: Sequence[float]) -> float:
    """Half the width of the 95 % interval of their median, relative to it; outliers do not count."""
    if len(ratios) < 2:
        return 0.0
    middle = statistics.median(ratios)
    deviation = statistics.median(abs(ratio - middle) for ratio in ratios)
    return _SPREAD * deviation * _OF_MEDIAN / math.sqrt(len(ratios)) / middle
