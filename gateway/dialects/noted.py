"""What a dialect knows of each of its requests, for the log and for what is counted."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway import calls


class Noted:
    """ASGI middleware, outermost: whose request it is, and which of its operations. `prefix` is the dialect's first."""

    def __init__(self, app: ASGIApp, dialect: str, prefix: str) -> None:
        self.app = app
        self._dialect = dialect
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = calls.current()
        call.dialect = self._dialect
        try:
            await self.app(scope, receive, send)
        finally:
            call.operation = calls.operation_of(scope["method"], self._prefix, scope.get("route"))
