"""How a dialect says each refusal: the rows of its RENDERED table, one for every ErrorCode."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rendered:
    """How a refusal reads in a dialect. Without a message the core's stands."""

    code: str
    status: int
    message: str | None = None
