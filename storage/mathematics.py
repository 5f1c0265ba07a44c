"""Mathematical functions for an SQLite that was built without them, so that distances work everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

KNOWN: Final = "SELECT name FROM pragma_function_list"
"""What a connection knows already."""


class Function(NamedTuple):
    """A function to be registered with a connection."""

    name: str
    arguments: int
    call: Callable[..., float | None]


_FUNCTIONS: Final = (
    ("sin", 1, math.sin),
    ("cos", 1, math.cos),
    ("asin", 1, math.asin),
    ("sqrt", 1, math.sqrt),
    ("radians", 1, math.radians),
    ("power", 2, math.pow),
)


def missing(known: Iterable[str]) -> Iterator[Function]:
    """The functions that storage/distances.py uses and that are not known."""
    names = set(known)
    for name, arguments, function in _FUNCTIONS:
        if name not in names:
            yield Function(name, arguments, _as_sqlite_does(function))


def _as_sqlite_does(function: Callable[..., float]) -> Callable[..., float | None]:
    """NULL for NULL, and for what is not defined."""

    def call(*values: float | None) -> float | None:
        if None in values:
            return None
        try:
            return function(*values)
        except (ValueError, OverflowError):
            return None

    return call
