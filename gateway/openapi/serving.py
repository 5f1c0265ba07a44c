"""GET /openapi.json: what this server answers, for people, code generators and the page at /docs."""

from __future__ import annotations

import asyncio
import hashlib
from functools import cache
from importlib.metadata import version
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.dialects import DIALECTS
from gateway.graphql import caching
from gateway.openapi import native
from gateway.openapi.document import Part, document


async def openapi_json(request: Request) -> Response:
    """The document. It is the same for everybody, and it is no secret."""
    base = request.app.state.settings.public_url.rstrip("/") or request.scope.get("root_path", "")
    body, etag = await asyncio.to_thread(_encoded, base)  # the first time it takes a moment
    headers = {"ETag": etag, "Cache-Control": "public, no-cache", "X-Content-Type-Options": "nosniff"}
    if caching.has(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


@cache
def described() -> dict[str, Any]:
    """The document without `servers`, made once."""
    dialects = [Part(each.prefixes[0], each.described) for each in DIALECTS if each.described]
    return document([Part("", native.DESCRIBED), *dialects], version=version("stockgate"))


@cache
def _encoded(base: str) -> tuple[bytes, str]:
    body = orjson.dumps({**described(), "servers": [{"url": base or "/"}]})
    return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'


ROUTES = [Route("/openapi.json", openapi_json)]
