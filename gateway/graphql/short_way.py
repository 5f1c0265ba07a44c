"""POST /graphql without routing: nine of ten requests ask for it, and it answers for whatever goes wrong by itself."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.graphql.http import PATH, graphql


class ShortWay:
    """ASGI middleware, the last one before the routes. What it does not take finds its route as ever."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST" and not scope["root_path"]:
            response = await graphql(Request(scope, receive))
            await response(scope, receive, send)
            return
        await self.app(scope, receive, send)
