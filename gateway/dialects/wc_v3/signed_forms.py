"""Forms that may be signed: OAuth counts their fields, so they are read before anybody knows who sends them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.body import read_body
from gateway.dialects.wordpress import RestError, forms
from gateway.dialects.wordpress.addressing import sent

_FIELDS: Final = "stockgate.form"
_KINDS: Final = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


class SignedForms:
    """ASGI middleware: reads the form of a POST, and hands its bytes on as if nobody had.

    As PHP does it, only of what is a POST on the wire: the form of another verb is no part of what is signed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if scope["type"] != "http" or sent(scope)[0] != "POST" or kind not in _KINDS:
            await self.app(scope, receive, send)
            return
        body = await read_body(Request(scope, receive))
        scope[_FIELDS] = await _fields(headers, body)
        unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return unread.pop() if unread else await receive()

        await self.app(scope, replay, send)


def form_of(scope: Scope) -> Mapping[str, Any]:
    """The fields of the form, as PHP has them; none when it is no such form."""
    fields: Mapping[str, Any] = scope.get(_FIELDS, {})
    return fields


async def _fields(headers: Headers, body: bytes) -> Mapping[str, Any]:
    try:
        return (await forms.parse(headers, body)).fields
    except RestError:  # told in its turn, after who it was
        return {}
