"""GET /api/changes: the change feed for programs that speak no GraphQL. It is a GraphQL query of ours."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson
from graphql import ExecutionResult
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway import calls
from gateway.authentication import bearer_token, header_token
from gateway.cors import Cors
from gateway.graphql import callers, errors
from gateway.graphql.admission import admission_of
from gateway.graphql.refusals import FORBIDDEN, METHOD_NOT_ALLOWED, RefusedError
from gateway.request_log import request_id_of
from schema import operations
from schema.errors import BAD_USER_INPUT, INTERNAL_SERVER_ERROR, SEQUENCE_PRUNED
from schema.feed import FIRST_DEFAULT, FIRST_MAX
from schema.operations import Operation
from storage import deadline
from storage.errors import DeadlineExceededError, StorageUnavailableError

_QUERY: Final = """query($after: Int!, $first: Int!) { feed: changes(afterSequence: $after, first: $first) {
    changes { sequence kind deleted created_at: createdAt product_id: productId location_id: locationId
        product { sku } location { slug }
        entry { delta before after reserved safety_stock: safetyStock disabled version
            reason note reference principal dialect request_id: requestId } }
    next_sequence: nextSequence has_more: hasMore } }"""
_HEADERS: Final = {"Cache-Control": "no-store", "Vary": "Authorization, X-API-Key"}
_STATUSES: Final = {FORBIDDEN: 403, BAD_USER_INPUT: 400, SEQUENCE_PRUNED: 410}
_SEQUENCE_MAX: Final = 2**31 - 1
_PREFIX, _SUFFIX = b'{"data":{"feed":', b"}}"


async def changes(request: Request) -> Response:
    """One page of the feed."""
    try:
        with deadline.within(request.app.state.settings.request_seconds_max):
            return Response(await _page(request), headers=_HEADERS, media_type="application/json")
    except RefusedError as refused:
        return _refusal(refused)
    except (StorageUnavailableError, DeadlineExceededError) as error:
        return _refusal(errors.refusal_of(error))


async def _page(request: Request) -> bytes:
    principal = await callers.authenticate(request.app, header_token(request) or bearer_token(request))
    origin = request.headers.get("origin")
    if origin is not None and Cors.refuses(principal, origin):
        raise RefusedError(403, FORBIDDEN, f"This API key is not for pages of {origin}.")
    variables = {
        "after": _number(request, "after", 0, _SEQUENCE_MAX),
        "first": _number(request, "first", FIRST_DEFAULT, FIRST_MAX),
    }
    operation = operations.prepare(_QUERY, None)
    assert isinstance(operation, Operation), operation  # noqa: S101 (it is ours)
    callers.authorize(principal, operation)
    await admission_of(request.app).charge(principal, operation.costs.at(variables).points)
    context = callers.context_of(request.app, principal, request_id_of(request.scope))
    result = await operations.execute(operation, context, variables)
    if isinstance(result, bytes):
        return result.removeprefix(_PREFIX).removesuffix(_SUFFIX)
    raise _refused(result, context_id=request_id_of(request.scope))


def _number(request: Request, name: str, default: int, maximum: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not re.fullmatch("[0-9]{1,10}", text) or int(text) > maximum:
        raise RefusedError(400, BAD_USER_INPUT, f"`{name}` must be a whole number from 0 to {maximum}, not {text!r}.")
    return int(text)


def _refused(result: ExecutionResult, *, context_id: str) -> RefusedError:
    """Why the feed was not read, as GraphQL tells it."""
    [told, *_] = errors.answer_of(result, context_id)["errors"]
    code = told["extensions"].get("code", INTERNAL_SERVER_ERROR)
    return RefusedError(_STATUSES.get(code, 500), code, told["message"].replace("`changes`", "The change feed"))


def _refusal(refused: RefusedError) -> Response:
    calls.current().refuse(refused.code)
    told: dict[str, Any] = {"error": {"code": refused.code, "message": refused.message}}
    headers = {**_HEADERS, **(refused.headers or {})}
    return Response(orjson.dumps(told), refused.status, headers, media_type="application/json")


async def _other_method(_request: Request) -> Response:
    return _refusal(RefusedError(405, METHOD_NOT_ALLOWED, "Read the change feed with GET.", {"Allow": "GET, HEAD"}))


ROUTES = [
    Route("/api/changes", changes, methods=["GET", "HEAD"]),
    Route("/api/changes", _other_method, methods=["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
]
