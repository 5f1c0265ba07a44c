"""Mounts the schema at /graphql: speaks GraphQL over HTTP and builds the schema's Context.

https://graphql.github.io/graphql-over-http/draft/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from graphql import ExecutionResult, GraphQLError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.authentication import Authenticator, Principal, bearer_token, header_token
from gateway.body import BodyTooLargeError, read_body
from gateway.request_log import request_id_of
from gateway.settings import Settings
from schema import operations
from schema.context import Context
from schema.errors import BAD_USER_INPUT, INTERNAL_SERVER_ERROR
from schema.operations import Operation
from storage.access import Scope
from storage.changes import Origin
from storage.errors import StorageUnavailableError

DIALECT = "graphql"
_JSON = "application/json"
_GRAPHQL_JSON = "application/graphql-response+json"
_UNAVAILABLE = "The database is not available now. Try again."
_GRAPHQL_ERRORS = "GRAPHQL_VALIDATION_FAILED"
log = structlog.get_logger("stockgate.graphql")


class _RefusedError(Exception):
    """A request that is not executed: HTTP status, code, message and headers."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers


@dataclass(frozen=True, slots=True)
class _Asked:
    query: str
    operation_name: str | None
    variables: Mapping[str, Any]


async def graphql(request: Request) -> Response:
    """POST /graphql: one operation in, one result out."""
    try:
        principal = await _authenticate(request)
        asked = _decode(request, await read_body(request))
        operation = operations.prepare(asked.query, asked.operation_name)
        if not isinstance(operation, Operation):
            return _result(request, ExecutionResult(None, list(operation)), executed=False)
        _authorize(principal, operation)
        result = await operations.execute(operation, _context(request, principal), asked.variables)
    except StorageUnavailableError:
        error = {"message": _UNAVAILABLE, "extensions": {"code": "SERVICE_UNAVAILABLE"}}
        return _response(request, 503, orjson.dumps({"errors": [error]}), {"Retry-After": "1"})
    except BodyTooLargeError as too_large:
        error = {"message": str(too_large), "extensions": {"code": "PAYLOAD_TOO_LARGE"}}
        return _response(request, 413, orjson.dumps({"errors": [error]}))
    except _RefusedError as refused:
        error = {"message": refused.message, "extensions": {"code": refused.code}}
        return _response(request, refused.status, orjson.dumps({"errors": [error]}), refused.headers)
    if isinstance(result, bytes):
        return _response(request, 200, result)
    return _result(request, result, executed=result.data is not None or any(e.path for e in result.errors or ()))


async def _authenticate(request: Request) -> Principal:
    token = header_token(request) or bearer_token(request)
    if token is None:
        message = "An API key is needed: send it as `X-API-Key: …` or `Authorization: Bearer …`."
        raise _RefusedError(401, "UNAUTHENTICATED", message, {"WWW-Authenticate": "Bearer"})
    authenticator: Authenticator = request.app.state.authenticator
    principal = await authenticator.api_key(token)
    if principal is None:
        message = "This API key is not valid: it is unknown, revoked or expired."
        raise _RefusedError(401, "UNAUTHENTICATED", message, {"WWW-Authenticate": 'Bearer error="invalid_token"'})
    return principal


def _authorize(principal: Principal, operation: Operation) -> None:
    scope = Scope.READ if operation.is_query else Scope.WRITE
    if not principal.may(scope):
        raise _RefusedError(403, "FORBIDDEN", f"This API key does not have the scope `{scope}`.")


def _decode(request: Request, body: bytes) -> _Asked:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != _JSON:
        raise _RefusedError(415, BAD_USER_INPUT, f"Send the operation as JSON, with `Content-Type: {_JSON}`.")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _RefusedError(400, BAD_USER_INPUT, f"The body is not JSON: {error}.") from None
    if not isinstance(document, dict) or not isinstance(document.get("query"), str):
        raise _RefusedError(400, BAD_USER_INPUT, 'The body must be an object with the operation as text in "query".')
    variables, name = document.get("variables"), document.get("operationName")
    if not isinstance(variables, dict | None):
        raise _RefusedError(400, BAD_USER_INPUT, '"variables" must be an object.')
    if not isinstance(name, str | None):
        raise _RefusedError(400, BAD_USER_INPUT, '"operationName" must be text.')
    return _Asked(document["query"], name or None, variables or {})


def _context(request: Request, principal: Principal) -> Context:
    settings: Settings = request.app.state.settings

    def make_origin() -> Origin:
        return principal.origin(DIALECT, request_id=request_id_of(request.scope))

    return Context(request.app.state.database, principal.credential, make_origin, settings.bulk_items_max)


def _result(request: Request, result: ExecutionResult, *, executed: bool) -> Response:
    """A result as the specification has it: a request that was not executed has no `data`."""
    answer: dict[str, Any] = {"data": result.data} if executed else {}
    if result.errors:
        answer["errors"] = [_formatted(request, error, executed=executed) for error in result.errors]
    status = 400 if not executed and _media_type(request) == _GRAPHQL_JSON else 200
    return _response(request, status, orjson.dumps(answer))


def _formatted(request: Request, error: GraphQLError, *, executed: bool) -> dict[str, Any]:
    """What a client is told of an error. What went wrong inside is logged, not told."""
    original = error.original_error
    told: dict[str, Any] = dict(error.formatted)
    if isinstance(original, StorageUnavailableError):
        told |= {"message": _UNAVAILABLE, "extensions": {"code": "SERVICE_UNAVAILABLE"}}
    elif original is not None and not isinstance(original, GraphQLError):
        request_id = request_id_of(request.scope)
        log.error("operation failed", request_id=request_id, path=error.path, exc_info=original)
        told["message"] = f"Internal server error. Quote the request id {request_id} when you report it."
        told["extensions"] = {"code": INTERNAL_SERVER_ERROR, "requestId": request_id}
    else:
        told["extensions"] = {"code": BAD_USER_INPUT if executed else _GRAPHQL_ERRORS, **told.get("extensions", {})}
    return told


def _media_type(request: Request) -> str:
    """What to answer in: the specification's media type for those who ask for it, JSON for everybody else."""
    accepted = request.headers.get("accept", "")
    return _GRAPHQL_JSON if _GRAPHQL_JSON in accepted else _JSON


def _response(request: Request, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    media_type = _media_type(request) if status < 500 else _JSON
    return Response(body, status, headers, media_type=f"{media_type}; charset=utf-8")


async def _other_method(request: Request) -> Response:
    error = {"message": "Send GraphQL operations with POST.", "extensions": {"code": "METHOD_NOT_ALLOWED"}}
    return _response(request, 405, orjson.dumps({"errors": [error]}), {"Allow": "POST"})


ROUTES = [
    Route("/graphql", graphql, methods=["POST"]),
    Route("/graphql", _other_method, methods=["GET", "PUT", "PATCH", "DELETE"]),
]
