"""Answers over HTTP, in the media type that the client accepts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLError
from starlette.requests import Request
from starlette.responses import Response

from gateway import calls
from gateway.graphql import media_types
from gateway.graphql.errors import answer_of, was_executed
from gateway.graphql.refusals import FORBIDDEN, NOT_ACCEPTABLE, RefusedError
from gateway.request_log import request_id_of

_IN_UTF_8 = {media_type: f"{media_type}; charset=utf-8" for media_type in media_types.ANSWERS}


def media_type_of(request: Request) -> str:
    """What to answer in. Raises RefusedError when the client accepts nothing that we have."""
    chosen = _accepted(request)
    if chosen is None:
        message = f"Accept `{media_types.GRAPHQL_JSON}` or `{media_types.JSON}`: there is nothing else to answer in."
        raise RefusedError(406, NOT_ACCEPTABLE, message)
    return chosen


def accept_of(request: Request) -> str:
    """The `Accept` header, however many times it was sent."""
    accepted = [value for name, value in request.scope["headers"] if name == b"accept"]
    return b",".join(accepted).decode("latin-1")


def _accepted(request: Request) -> str | None:
    return media_types.preferred(accept_of(request))


def response(media_type: str, body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An encoded body."""
    return Response(body, status, headers, media_type=_IN_UTF_8[media_type])


def of_bytes(
    answer: bytes, media_type: str, *, extensions: Mapping[str, Any] | None, headers: Mapping[str, str] | None
) -> Response:
    """An answer that is encoded already; extensions are appended to it."""
    if extensions:
        answer = b'%b,"extensions":%b}' % (answer[:-1], orjson.dumps(extensions))
    return response(media_type, answer, headers=headers)


def of_result(
    request: Request,
    result: ExecutionResult,
    media_type: str,
    *,
    suggests: bool,
    extensions: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A result that the executor gave, or the errors of a document that has none.

    By the specification's media type those errors are 400; by plain JSON they are 200, as older clients expect. What
    the caller may not ask for is 403 by either.
    """
    status = 400 if not was_executed(result) and media_type == media_types.GRAPHQL_JSON else 200
    if not was_executed(result) and any(_code(error) == FORBIDDEN for error in result.errors or ()):
        status = 403
    answer = answer_of(result, request_id_of(request.scope), suggests=suggests)
    if extensions:
        answer["extensions"] = extensions
    return response(media_type, orjson.dumps(answer), status=status, headers=headers)


def _code(error: GraphQLError) -> object:
    return (error.extensions or {}).get("code")


def of_refusal(request: Request, refused: RefusedError) -> Response:
    """A request that is not executed."""
    calls.current().refuse(refused.code)
    media_type = (_accepted(request) if refused.status < 500 else None) or media_types.JSON
    body = orjson.dumps({"errors": [refused.told]})
    return response(media_type, body, status=refused.status, headers=refused.headers)
