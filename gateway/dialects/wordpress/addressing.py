"""The ways a WordPress route is addressed, brought into one form before routing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl, quote

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

_ROOT: Final = "/wp-json"
_ASCII: Final = "".join(map(chr, range(128)))
_SENT: Final = "stockgate.sent"
_TO_LOWER: Final = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


class Addressing:
    """ASGI middleware. `/?rest_route=/ns/route`, `/index.php?rest_route=…`, `/index.php/wp-json/…` and `/wp-json/…`
    name the same thing, with or without one slash at the end, in any case below /wp-json. `_method` in the query or
    else `X-HTTP-Method-Override` replaces the verb.

    `prefixes` are further paths with these rules. All other paths pass untouched.
    """

    def __init__(self, app: ASGIApp, prefixes: Sequence[str] = ()) -> None:
        self.app = app
        self._starts = tuple(f"{prefix}/" for prefix in (_ROOT, *prefixes))
        self._may_start = (_ROOT, "/index.php", *prefixes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(self._addressed(scope) if scope["type"] == "http" else scope, receive, send)

    def _addressed(self, scope: Scope) -> Scope:
        root_path = scope.get("root_path", "")
        asked = scope["query_string"]
        if not asked and not root_path and not scope["path"].startswith(self._may_start):
            return scope  # at once, for what is none of them
        query = dict(parse_qsl(asked.decode("latin-1"), keep_blank_values=True)) if asked else {}
        path = _pretty(scope["path"].removeprefix(root_path), query)
        if not f"{path}/".startswith(self._starts):
            return scope
        path = root_path + path.removesuffix("/").translate(_TO_LOWER) + "/"
        override = query.get("_method") or Headers(scope=scope).get("x-http-method-override", "")
        method = override.strip().upper() or scope["method"]
        sent = (scope["method"], scope.get("raw_path") or quote(scope["path"]).encode())
        given = {"path": path, "raw_path": path.encode(), "query_string": _in_ascii(asked), "method": method}
        return {**scope, **given, _SENT: sent}


def sent(scope: Scope) -> tuple[str, str]:
    """The verb and the path as the client sent them, and may have signed them."""
    method, raw_path = scope.get(_SENT) or (scope["method"], scope["raw_path"])
    return method, raw_path.decode("latin-1")


def _in_ascii(query: bytes) -> bytes:
    """The query as clients should have sent it: with everything outside ASCII encoded, UTF-8 or not."""
    return query if query.isascii() else quote(query, safe=_ASCII).encode()


def _pretty(path: str, query: dict[str, str]) -> str:
    """The path in its /wp-json form, if it is one of a WordPress route."""
    if path.startswith(f"/index.php{_ROOT}"):
        return path.removeprefix("/index.php")
    if path not in {"", "/", "/index.php"}:
        return path
    if rest_route := query.get("rest_route"):
        return f"{_ROOT}/{rest_route.removeprefix('/')}"
    return _ROOT if any(name.startswith("rest_route[") for name in query) else path
