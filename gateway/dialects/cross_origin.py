"""Pages of other origins, for dialects that have no way of their own with them."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.consistency import HEADER
from gateway.cors import Cors, Shared
from gateway.dialects import extra_headers
from gateway.dialects.admission import principal_of

REST: Final = Shared(
    "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
    ", ".join(
        ["Content-Type", "Accept", "Authorization", "X-API-Key", "If-None-Match", *extra_headers.REQUEST, HEADER]
    ),
    ", ".join([*extra_headers.ANSWER, "Allow", "Link", "Location", HEADER]),
)


class CrossOrigin:
    """ASGI middleware: answers preflights, and says whether a page may read the answer to its request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Headers(scope=scope)
        origin = asked.get("origin")
        cors: Cors = scope["app"].state.cors
        if origin is not None and scope["method"] == "OPTIONS" and "access-control-request-method" in asked:
            await (await cors.preflight(origin, REST))(scope, receive, send)
            return

        async def send_shared(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                headers.add_vary_header("Origin")
                if origin is not None and cors.allows(principal_of(scope), origin):
                    headers.update(Cors.headers(origin, REST))
            await send(message)

        await self.app(scope, receive, send_shared)
