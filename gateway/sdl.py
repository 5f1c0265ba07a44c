"""/schema.graphql: the schema as text, for people, code generators and GraphiQL."""

from __future__ import annotations

import hashlib
from functools import cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.graphql import caching
from schema import sdl


async def schema_graphql(request: Request) -> Response:
    """The SDL. It is the same for everybody, and it is no secret: it stands in the repository, too."""
    body, etag = _encoded()
    headers = {"ETag": etag, "Cache-Control": "public, no-cache", "X-Content-Type-Options": "nosniff"}
    if caching.has(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="text/plain")


@cache
def _encoded() -> tuple[bytes, str]:
    body = sdl().encode()
    return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'


ROUTES = [Route("/schema.graphql", schema_graphql)]
