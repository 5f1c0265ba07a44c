"""ErrorCode to this dialect's code, sentence and status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.dialects import wordpress
from storage.errors import ErrorCode


@dataclass(frozen=True, slots=True)
class Rendered:
    """How a refusal reads here. Without a message the core's stands."""

    code: str
    status: int
    message: str | None = None


RENDERED: Final[Mapping[ErrorCode, Rendered]] = {}

HANDLERS: Final[Mapping[Any, Any]] = wordpress.HANDLERS
