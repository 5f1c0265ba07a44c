"""The one key by which a root field finds its object."""

from __future__ import annotations

from typing import Any

from schema.conditions import Given
from schema.errors import bad_input
from schema.selection import Slot
from schema.sources import Argument


def only(kinds: tuple[str, ...], keys: Given) -> tuple[str, Slot]:
    """The one key that was given."""
    given = [(kind, keys[kind]) for kind in kinds if keys.get(kind) is not None]
    if len(given) != 1:
        raise bad_input(f"Give exactly one of {', '.join(kinds)}.")
    return given[0]


def which(filter_type: Any) -> Argument:
    """The argument `filter`."""
    return Argument(filter_type | None, "Which ones; all without it.")
