"""What WordPress does to every answer: its header set, CORS, and the parameters _fields, _envelope, _pretty, _jsonp."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson
from orjson import Fragment
from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.dialects.extra_headers import ANSWER, REQUEST
from gateway.dialects.wordpress.answers import Answer, RestError, encode

_ALLOW_HEADERS: Final = "Authorization, X-WP-Nonce, Content-Disposition, Content-MD5, Content-Type"
_OUR_ALLOW_HEADERS: Final = ", ".join(["X-API-Key", "X-Webhook-Secret", "X-Delivery-Id", "Prefer", *REQUEST])
_EXPOSE_HEADERS: Final = "X-WP-Total, X-WP-TotalPages, Link"
_OUR_EXPOSE_HEADERS: Final = ", ".join(["Preference-Applied", *ANSWER])
_HOME: Final = "stockgate.home"
_EVERY_ORIGIN: Final = "stockgate.every_origin"
_UNCACHED: Final = {
    "Expires": "Wed, 11 Jan 1984 05:00:00 GMT",
    "Cache-Control": "no-cache, must-revalidate, max-age=0, no-store, private",
}


class EveryOrigin:
    """ASGI middleware of a dialect whose clients are in web pages of any origin: these are let in, unless the settings
    list the origins that are. Browsers send no credentials of their own accord here, as there are no cookies."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[_EVERY_ORIGIN] = True
        await self.app(scope, receive, send)


def respond(request: Request, answer: Answer) -> Response:
    """The answer as WordPress sends it."""
    query = request.query_params
    body, status, headers = answer.body, answer.status, {**_allow(request), **answer.headers}
    if status < 400 and (fields := fields_of(request)):
        body = _only(body, fields)
    if "_envelope" in query:
        body, status, headers = {"body": body, "status": status, "headers": headers or []}, 200, {}
    text, media_type = encode(body, pretty="_pretty" in query), "application/json; charset=UTF-8"
    callback = query.get("_jsonp", "")
    if _is_callback(callback):
        text, media_type = b"/**/" + callback.encode() + b"(" + text + b")", "application/javascript; charset=UTF-8"
    response = Response(text, status, {"Content-Type": media_type, **_headers(request), **headers})
    if request.method == "HEAD":
        response.body = b""  # its headers, Content-Length too, are those of the answer to GET
    return response


def dress(request: Request, response: Response) -> Response:
    """Put the header set on a response that is not JSON, such as a download."""
    response.headers.update(_headers(request))
    return response


def check_callback(request: Request) -> None:
    """Refuse a JSONP callback that is no JavaScript name before anything is done. Raises RestError."""
    callback = request.query_params.get("_jsonp", "")
    if callback and not _is_callback(callback):
        raise RestError(400, "rest_callback_invalid", "Invalid JSONP callback function.")


def _is_callback(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_.]+", name) is not None


def home(request: Request) -> str:
    """The base URL under which clients reach this server, without a slash at its end."""
    public_url: str = request.app.state.settings.public_url
    if public_url:
        return public_url.rstrip("/")
    at: str | None = request.scope.get(_HOME)
    if at is None:
        bare = {**request.scope, "path": request.scope.get("app_root_path", ""), "query_string": b""}
        request.scope[_HOME] = at = str(URL(scope=bare)).rstrip("/")  # without a query, whatever bytes that has
    return at


def _allow(request: Request) -> Mapping[str, str]:
    allow: str = getattr(request.state, "allow", "")
    return {"Allow": allow} if allow else {}


def _headers(request: Request) -> dict[str, str]:
    headers = {
        "X-Robots-Tag": "noindex",
        "Link": f'<{home(request)}/wp-json/>; rel="https://api.w.org/"',
        "X-Content-Type-Options": "nosniff",
        "Access-Control-Expose-Headers": _EXPOSE_HEADERS,
        "Access-Control-Allow-Headers": _ALLOW_HEADERS,
        **_cross_origin(request),
    }
    user = request.scope.get("user")
    return headers | _UNCACHED if user is not None and user.is_authenticated else headers


def _cross_origin(request: Request) -> dict[str, str]:
    """WordPress answers every origin; here only the configured ones are let in (but see EveryOrigin), and they may send
    our headers too."""
    origin = request.headers.get("origin", "")
    origins = request.app.state.settings.cors_origins
    if not origins and request.scope.get(_EVERY_ORIGIN):
        origins = [origin]
    if not origin:
        return {"Vary": "Origin"} if request.method == "GET" else {}
    if origin not in origins and "*" not in origins:
        return {"Vary": "Origin"}
    allowed = {
        "Access-Control-Expose-Headers": f"{_EXPOSE_HEADERS}, {_OUR_EXPOSE_HEADERS}",
        "Access-Control-Allow-Headers": f"{_ALLOW_HEADERS}, {_OUR_ALLOW_HEADERS}",
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "OPTIONS, GET, POST, PUT, PATCH, DELETE",
        "Vary": "Origin",
    }
    return allowed | {"Access-Control-Allow-Credentials": "true"} if origin in origins else allowed


def fields_of(request: Request) -> list[str]:
    """What `_fields` asks for; nothing when all is wanted."""
    query = request.query_params
    listed = [value for name, value in query.multi_items() if name.startswith("_fields[")]
    given = listed or re.split(r"[\s,]+", query.get("_fields", ""))
    return [field.strip() for field in given if field.strip()]


def _only(body: Any, fields: list[str]) -> Any:
    """The named members of the body, or of each object in it. One object keeps its `_links`, as WordPress does it."""
    wanted: dict[str, Any] = {}
    for path in fields:
        level: dict[str, Any] = wanted
        *parents, name = path.split(".")
        for parent in parents:
            deeper = level.setdefault(parent, {})
            if deeper is True:  # the parent as a whole is wanted already
                break
            level = deeper
        else:
            level[name] = True
    body = _plain(body)
    if isinstance(body, list):
        return [_pick(item, wanted) for item in body]
    picked = _pick(body, wanted)
    return picked | {"_links": body["_links"]} if isinstance(body, dict) and "_links" in body else picked


def _plain(body: Any) -> Any:
    """Rows that the database wrote as JSON are read again, to look into them."""
    first = body[0] if isinstance(body, list) and body else body
    return orjson.loads(orjson.dumps(body)) if isinstance(first, Fragment) else body


def _pick(value: Any, wanted: dict[str, Any]) -> Any:
    """As PHP's array_intersect_key does it: a list that is asked for a member by name has none, and comes out empty."""
    if isinstance(value, list):
        return []
    if not isinstance(value, dict):
        return value
    return {
        key: member if wanted[key] is True else _pick(member, wanted[key])
        for key, member in value.items()
        if key in wanted
    }
