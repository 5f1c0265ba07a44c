"""GraphQL over HTTP: one operation in, one result out.

https://graphql.github.io/graphql-over-http/draft/
"""

from __future__ import annotations

import orjson
from graphql import ExecutionResult
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.authentication import bearer_token, header_token
from gateway.body import BodyTooLargeError, read_body
from gateway.graphql import callers, errors, requests, responses, sse
from gateway.graphql.refusals import METHOD_NOT_ALLOWED, NOT_ACCEPTABLE, PAYLOAD_TOO_LARGE, RefusedError
from gateway.graphql.running import Caller
from gateway.request_log import request_id_of
from schema import operations
from schema.operations import Operation
from storage.errors import StorageUnavailableError


async def graphql(request: Request) -> Response:
    """POST /graphql."""
    try:
        return await _answer(request)
    except StorageUnavailableError:
        return responses.response(request, 503, orjson.dumps({"errors": [errors.UNAVAILABLE]}), {"Retry-After": "1"})
    except BodyTooLargeError as too_large:
        return responses.of_refusal(request, RefusedError(413, PAYLOAD_TOO_LARGE, str(too_large)))
    except RefusedError as refused:
        return responses.of_refusal(request, refused)


async def _answer(request: Request) -> Response:
    principal = await callers.authenticate(request.app, header_token(request) or bearer_token(request))
    asked = requests.of_body(request.headers.get("content-type", ""), await read_body(request))
    accept = request.headers.get("accept", "")
    caller = Caller(request.app, principal, request_id_of(request.scope))
    if sse.is_wanted(accept, subscribes=False):
        return sse.EventStream(request.app.state.open_streams, caller, asked)
    operation = operations.prepare(asked.query, asked.operation_name)
    if not isinstance(operation, Operation):
        return responses.of_result(request, ExecutionResult(None, list(operation)))
    callers.authorize(principal, operation)
    if operation.is_subscription:
        if sse.is_wanted(accept, subscribes=True):
            return sse.EventStream(request.app.state.open_streams, caller, asked)
        raise RefusedError(406, NOT_ACCEPTABLE, sse.HOW_TO_SUBSCRIBE)
    context = callers.context_of(request.app, principal, request_id_of(request.scope))
    result = await operations.execute(operation, context, asked.variables)
    if isinstance(result, bytes):
        return responses.response(request, 200, result)
    return responses.of_result(request, result)


async def _other_method(request: Request) -> Response:
    refused = RefusedError(405, METHOD_NOT_ALLOWED, "Send GraphQL operations with POST.", {"Allow": "POST"})
    return responses.of_refusal(request, refused)


ROUTES = [
    Route("/graphql", graphql, methods=["POST"]),
    Route("/graphql", _other_method, methods=["GET", "PUT", "PATCH", "DELETE"]),
]
