"""Answers over HTTP, in the media type that the client accepts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import orjson
from graphql import ExecutionResult
from starlette.requests import Request
from starlette.responses import Response

from gateway.graphql.errors import answer_of, was_executed
from gateway.graphql.refusals import RefusedError
from gateway.request_log import request_id_of

JSON: Final = "application/json"
GRAPHQL_JSON: Final = "application/graphql-response+json"


def media_type(request: Request) -> str:
    """What to answer in: the specification's media type for those who ask for it, JSON for everybody else."""
    accepted = request.headers.get("accept", "")
    return GRAPHQL_JSON if GRAPHQL_JSON in accepted else JSON


def response(request: Request, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    """An encoded body."""
    chosen = media_type(request) if status < 500 else JSON
    return Response(body, status, headers, media_type=f"{chosen}; charset=utf-8")


def of_result(request: Request, result: ExecutionResult) -> Response:
    """A result that the executor gave."""
    status = 400 if not was_executed(result) and media_type(request) == GRAPHQL_JSON else 200
    return response(request, status, orjson.dumps(answer_of(result, request_id_of(request.scope))))


def of_refusal(request: Request, refused: RefusedError) -> Response:
    """A request that is not executed."""
    return response(request, refused.status, orjson.dumps({"errors": [refused.told]}), refused.headers)
