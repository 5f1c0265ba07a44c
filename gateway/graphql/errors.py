"""What a client is told of an error. What went wrong inside is logged, not told."""

from __future__ import annotations

from typing import Any, Final

import structlog
from graphql import ExecutionResult, GraphQLError

from gateway import calls
from gateway.graphql.refusals import DEADLINE_EXCEEDED, OVERLOADED, SERVICE_UNAVAILABLE, RefusedError
from schema.errors import BAD_USER_INPUT, INTERNAL_SERVER_ERROR
from storage.errors import DeadlineExceededError, OverloadedError, StorageUnavailableError

_UNAVAILABLE: Final = "The database is not available now. Try again."
GRAPHQL_VALIDATION_FAILED: Final = "GRAPHQL_VALIDATION_FAILED"
_SUGGESTS: Final = " Did you mean "
log = structlog.get_logger("stockgate.graphql")


def refusal_of(error: StorageUnavailableError | DeadlineExceededError) -> RefusedError:
    """What the database's state means for a request."""
    if isinstance(error, OverloadedError):
        headers = {"Retry-After": str(error.retry_after_s)}
        return RefusedError(503, OVERLOADED, str(error), headers, {"retryAfter": error.retry_after_s})
    if isinstance(error, StorageUnavailableError):
        return RefusedError(503, SERVICE_UNAVAILABLE, _UNAVAILABLE, {"Retry-After": "1"})
    return RefusedError(504, DEADLINE_EXCEEDED, str(error))


def was_executed(result: ExecutionResult) -> bool:
    """Whether the operation ran, so that the result is of the operation and not of the request."""
    return result.data is not None or any(error.path for error in result.errors or ())


def told(error: GraphQLError, request_id: str, *, executed: bool, suggests: bool = True) -> dict[str, Any]:
    """An error in the form of the specification, with `extensions.code`."""
    formatted = _told(error, request_id, executed=executed, suggests=suggests)
    calls.current().refuse(formatted["extensions"]["code"])
    return formatted


def _told(error: GraphQLError, request_id: str, *, executed: bool, suggests: bool) -> dict[str, Any]:
    original = error.original_error
    formatted: dict[str, Any] = dict(error.formatted)
    if isinstance(original, StorageUnavailableError | DeadlineExceededError):
        return formatted | refusal_of(original).told
    if original is not None and not isinstance(original, GraphQLError):
        log.error("operation failed", request_id=request_id, path=error.path, exc_info=original)
        formatted["message"] = f"Internal server error. Quote the request id {request_id} when you report it."
        formatted["extensions"] = {"code": INTERNAL_SERVER_ERROR, "requestId": request_id}
        return formatted
    if not suggests:
        formatted["message"] = formatted["message"].partition(_SUGGESTS)[0]
    code = BAD_USER_INPUT if executed else GRAPHQL_VALIDATION_FAILED
    formatted["extensions"] = {"code": code, **formatted.get("extensions", {})}
    return formatted


def answer_of(result: ExecutionResult, request_id: str, *, suggests: bool = True) -> dict[str, Any]:
    """A result as the specification has it: a request that was not executed has no `data`."""
    executed = was_executed(result)
    answer: dict[str, Any] = {"data": result.data} if executed else {}
    if result.errors:
        answer["errors"] = [told(error, request_id, executed=executed, suggests=suggests) for error in result.errors]
    return answer
