"""What goes wrong below a dialect's prefix, in WordPress's envelope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gateway.body import BodyTooLargeError
from gateway.budgets import RateLimitedError
from gateway.dialects.extra_headers import InvalidHeaderError
from gateway.dialects.wordpress.answers import Answer, RestError, no_route
from gateway.dialects.wordpress.conventions import respond
from gateway.request_log import request_id_of
from storage.errors import DeadlineExceededError, OverloadedError, StorageUnavailableError

RETRY_AFTER_S: Final = 2
log = structlog.get_logger("stockgate.wordpress")


async def _no_route(request: Request, error: Exception) -> Response:
    """The router found nothing: 404 also for a wrong method. OPTIONS of an unknown path is an empty description."""
    if isinstance(error, HTTPException) and error.status_code not in {404, 405}:
        code = "rest_forbidden" if error.status_code == 403 else "rest_error"
        return respond(request, RestError(error.status_code, code, error.detail).answer)
    return respond(request, Answer([]) if request.method == "OPTIONS" else no_route().answer)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RestError)  # noqa: S101 (for the type checker; the table below sends nothing else here)
    return respond(request, error.answer)


async def _invalid_header(request: Request, error: Exception) -> Response:
    return respond(request, RestError(400, "invalid_header", str(error)).answer)


async def _too_large(request: Request, error: Exception) -> Response:
    return respond(request, RestError(413, "rest_request_too_large", str(error)).answer)


async def _rate_limited(request: Request, error: Exception) -> Response:
    assert isinstance(error, RateLimitedError)  # noqa: S101 (for the type checker)
    refused = RestError(
        429, "rate_limited", str(error), headers=error.headers, limit=error.limit, remaining=error.remaining
    )
    return respond(request, refused.answer)


async def _too_late(request: Request, error: Exception) -> Response:
    log.warning("deadline exceeded", request_id=request_id_of(request.scope), reason=str(error))
    return respond(request, RestError(504, "deadline_exceeded", str(error)).answer)


async def _unavailable(request: Request, error: Exception) -> Response:
    log.warning("storage unavailable", request_id=request_id_of(request.scope), reason=str(error))
    message, retry_after_s = "The inventory is not available at the moment. Please try again.", RETRY_AFTER_S
    if isinstance(error, OverloadedError):
        message, retry_after_s = str(error), error.retry_after_s
    failure = RestError(503, "service_unavailable", message, headers={"Retry-After": str(retry_after_s)})
    return respond(request, failure.answer)


async def _broken(request: Request, error: Exception) -> Response:
    """Anything else: the log has the details under the request id, the client gets none."""
    log.error("internal error", request_id=request_id_of(request.scope), exc_info=error)
    return respond(request, RestError(500, "internal_server_error", "Internal server error.").answer)


async def _gone(_request: Request, _error: Exception) -> Response:
    """The client hung up while its body was read: nobody reads this answer."""
    return Response(status_code=400)


HANDLERS: Final[Mapping[Any, Any]] = {
    HTTPException: _no_route,
    RestError: _refused,
    BodyTooLargeError: _too_large,
    InvalidHeaderError: _invalid_header,
    RateLimitedError: _rate_limited,
    ClientDisconnect: _gone,
    StorageUnavailableError: _unavailable,
    DeadlineExceededError: _too_late,
    Exception: _broken,
}
