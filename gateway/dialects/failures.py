"""What goes wrong below the prefix of a dialect that has no conventions of its own for it.

A dialect says how a failure looks and how it words a refusal; `handlers` is the table of everything that can fail.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gateway.body import BodyTooLargeError, InvalidJsonError
from gateway.budgets import RateLimitedError
from gateway.dialects.extra_headers import InvalidHeaderError
from gateway.request_log import request_id_of
from storage.errors import DeadlineExceededError, InventoryError, OverloadedError, StorageUnavailableError

RETRY_AFTER_S: Final = 2
log = structlog.get_logger("stockgate.dialects")


class FailedError(Exception):
    """Why a request got nothing else. `field` is the part of it that is at fault."""

    def __init__(
        self, status: int, code: str, message: str, field: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.field = status, code, message, field
        self.headers: Mapping[str, str] = headers or {}


Render = Callable[[FailedError], Response]
Refuse = Callable[[InventoryError], FailedError]
Handler = Callable[[Request, Any], Awaitable[Response]]


def handlers(render: Render, refuse: Refuse) -> Mapping[Any, Handler]:
    """Every kind of exception that leaves a handler, and what is answered."""

    def rendered(explain: Callable[[Request, Any], FailedError]) -> Handler:
        async def handle(request: Request, error: Any) -> Response:
            return render(explain(request, error))

        return handle

    async def routing(request: Request, error: HTTPException) -> Response:
        """The router's own: OPTIONS of a path that exists is told its methods."""
        allow = _methods(error)
        if request.method == "OPTIONS" and allow:
            return Response(status_code=204, headers={"Allow": f"OPTIONS, {allow}"})
        return render(_not_routed(error, allow))

    return {
        HTTPException: routing,
        FailedError: rendered(lambda _request, error: error),
        InventoryError: rendered(lambda _request, error: refuse(error)),
        InvalidJsonError: rendered(lambda _request, error: FailedError(400, "invalid_json", str(error))),
        BodyTooLargeError: rendered(lambda _request, error: FailedError(413, "request_too_large", str(error))),
        InvalidHeaderError: rendered(
            lambda _request, error: FailedError(400, "invalid_header", error.message, error.name)
        ),
        RateLimitedError: rendered(
            lambda _request, error: FailedError(429, "rate_limited", str(error), headers=error.headers)
        ),
        StorageUnavailableError: rendered(_unavailable),
        DeadlineExceededError: rendered(_too_late),
        ClientDisconnect: _gone,
        Exception: rendered(_broken),
    }


def _methods(error: HTTPException) -> str:
    """What the router says is allowed, in one order."""
    return ", ".join(sorted((error.headers or {}).get("Allow", "").split(", ")))


def _not_routed(error: HTTPException, allow: str) -> FailedError:
    if error.status_code == 404:
        return FailedError(404, "not_found", "There is nothing at this path")
    if error.status_code == 405:
        return FailedError(405, "method_not_allowed", f"Use {allow} here", headers={"Allow": f"OPTIONS, {allow}"})
    code = "forbidden" if error.status_code == 403 else "invalid_request"
    return FailedError(error.status_code, code, error.detail)


def _too_late(request: Request, error: Exception) -> FailedError:
    log.warning("deadline exceeded", request_id=request_id_of(request.scope), reason=str(error))
    return FailedError(504, "deadline_exceeded", str(error))


def _unavailable(request: Request, error: Exception) -> FailedError:
    log.warning("storage unavailable", request_id=request_id_of(request.scope), reason=str(error))
    if isinstance(error, OverloadedError):
        headers = {"Retry-After": str(error.retry_after_s)}
        return FailedError(503, "service_unavailable", str(error).removesuffix("."), headers=headers)
    message = "The inventory is not available at the moment. Please try again"
    return FailedError(503, "service_unavailable", message, headers={"Retry-After": str(RETRY_AFTER_S)})


def _broken(request: Request, error: Exception) -> FailedError:
    """A bug: the log has the details under the request id, the client gets none."""
    log.error("internal error", request_id=request_id_of(request.scope), exc_info=error)
    return FailedError(500, "internal_server_error", "Internal server error")


async def _gone(_request: Request, _error: Any) -> Response:
    """The client hung up while its body was read: nobody reads this answer."""
    return Response(status_code=400)
