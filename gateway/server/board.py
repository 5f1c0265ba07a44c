"""Memory that all workers of a supervisor share: each counts in a place of its own, and reads those of the others.

There is no file. A worker that dies leaves its counts to the one that follows it in the same place, and all of it is
gone with the last process.
"""

from __future__ import annotations

import mmap
import multiprocessing.reduction
import os
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

CELLS: Final = 1 << 16
"""Numbers in each place. What is not touched takes no memory."""
_BYTES: Final = 8


class Board:
    """So many places. Only the process at a place writes there, and a number is written at once or not at all."""

    def __init__(self, places: int, file: int | None = None) -> None:
        """`file` is that of a board which another process has made."""
        self.places = places
        self._file = _new_file(places) if file is None else file
        weakref.finalize(self, os.close, self._file)
        memory = mmap.mmap(self._file, places * CELLS * _BYTES)
        self._cells = memoryview(memory).cast("d")

    def __reduce__(self) -> Any:
        """For a worker that is no fork: it gets the file."""
        return _opened, (self.places, multiprocessing.reduction.DupFd(self._file))

    def cells(self, place: int) -> memoryview[float]:
        """The numbers of one place."""
        return self._cells[place * CELLS : (place + 1) * CELLS]


@dataclass(frozen=True, slots=True)
class Seat:
    """Where one process counts."""

    board: Board
    place: int

    @property
    def mine(self) -> memoryview[float]:
        """The numbers to count in."""
        return self.board.cells(self.place)

    @property
    def all(self) -> Sequence[memoryview[float]]:
        """The numbers of every place, the own one among them."""
        return [self.board.cells(place) for place in range(self.board.places)]


_taken: list[Seat] = []


def take(seat: Seat) -> None:
    """This process counts there from now on."""
    _taken[:] = [seat]


def seat() -> Seat:
    """Where this process counts: on a board of its own, when it is no worker."""
    return _taken[0] if _taken else Seat(Board(1), 0)


def _new_file(places: int) -> int:
    """A file that has no name, so that nothing is left of it."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("stockgate-board")
    else:
        with tempfile.TemporaryFile() as unnamed:
            file = os.dup(unnamed.fileno())
    os.truncate(file, places * CELLS * _BYTES)
    return file


def _opened(places: int, file: Any) -> Board:
    return Board(places, file.detach())
