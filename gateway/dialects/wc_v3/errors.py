"""ErrorCode to this dialect's code, sentence and status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.dialects import wordpress
from gateway.dialects.wordpress import RestError
from gateway.dialects.wordpress.conventions import respond
from storage.errors import ErrorCode, InventoryError


@dataclass(frozen=True, slots=True)
class Rendered:
    """How a refusal reads here. Without a message the core's stands."""

    code: str
    status: int
    message: str | None = None


RENDERED: Final[Mapping[ErrorCode, Rendered]] = {}


async def _inventory_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, InventoryError)  # noqa: S101 (for the type checker; the table below sends nothing else here)
    return respond(request, RestError(400, error.code.lower(), error.message).answer)


HANDLERS: Final[Mapping[Any, Any]] = {**wordpress.HANDLERS, InventoryError: _inventory_error}
