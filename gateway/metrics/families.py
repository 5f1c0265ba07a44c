"""Metrics as they lie in memory: every series that there may be has its cells before anything is counted.

So no label can come from a client, and to count is to add to a number at a known place.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from gateway.server.board import CELLS, Seat

Kind = Literal["counter", "gauge", "histogram"]
Labels = tuple[str, ...]
Cells = "memoryview[float]"
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the buckets for what takes a moment."""
LABEL_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. `series` has the first cell of each; of a histogram each has one per bucket and one for the sum.

    `per_worker` are told for each worker, the others for all of them together.
    """

    kind: Kind
    name: str
    help: str
    labels: Labels
    series: Mapping[Labels, int]
    per_worker: bool = False

    def add(self, cells: memoryview[float], labels: Labels, amount: float = 1.0) -> None:
        """Count something of a series that there is."""
        cells[self.series[labels]] += amount

    def set(self, cells: memoryview[float], labels: Labels, value: float) -> None:
        """Say how much there is."""
        cells[self.series[labels]] = value

    def observe(self, cells: memoryview[float], labels: Labels, seconds: float) -> None:
        """Something took so long."""
        observe(cells, self.series[labels], seconds)


def observe(cells: memoryview[float], first: int, seconds: float) -> None:
    """Into the histogram that begins there."""
    cells[first + bisect_left(SECONDS, seconds)] += 1.0
    cells[first + len(SECONDS) + 1] += seconds


@dataclass
class Layout:
    """Families, one after the other in the cells of a place. The same in every worker of one program."""

    families: list[Family] = field(default_factory=list)
    used: int = 0

    def family(
        self,
        kind: Kind,
        name: str,
        told: str,
        labels: Sequence[str] = (),
        series: Iterable[Labels] = ((),),
        *,
        per_worker: bool = False,
    ) -> Family:
        """One more. Raises ValueError when there is no room for it."""
        width = len(SECONDS) + 2 if kind == "histogram" else 1
        cells: dict[Labels, int] = {}
        for each in series:
            if each not in cells:
                cells[each] = self.used
                self.used += width
        if self.used > CELLS:
            raise ValueError(f"There is no room for the {len(cells)} series of {name}.")
        made = Family(kind, name, told, tuple(labels), cells, per_worker=per_worker)
        self.families.append(made)
        return made

    def clear_gauges(self, cells: memoryview[float]) -> None:
        """What whoever was at this place before had is no more."""
        for family in self.families:
            if family.kind == "gauge":
                for cell in family.series.values():
                    cells[cell] = 0.0


def totals(family: Family, seat: Seat, living: Sequence[int]) -> Iterable[tuple[Labels, list[float]]]:
    """The cells of each series that has anything in it, of all places together; gauges of those that live."""
    places = living if family.kind == "gauge" else range(seat.board.places)
    width = len(SECONDS) + 2 if family.kind == "histogram" else 1
    for labels, first in family.series.items():
        if family.per_worker:
            for place in living:
                yield (str(place), *labels), list(seat.board.cells(place)[first : first + width])
            continue
        each = [seat.board.cells(place)[first : first + width] for place in places]
        cells = [sum(column) for column in zip(*each, strict=True)] or [0.0] * width
        if any(cells) or family.kind == "gauge" or not labels:
            yield labels, cells
