"""A request id for every request, and one log line."""

from __future__ import annotations

import re
import secrets
import time
from typing import Any

import orjson
import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storage import turnstile
from storage.turnstile import Rank

_WELL_FORMED = re.compile(r"[A-Za-z0-9._:-]{1,128}")
log = structlog.get_logger("stockgate.request")


def configure(level: str) -> None:
    """Log JSON lines on standard error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(_stderr()),
        cache_logger_on_first_use=True,
    )


def _stderr() -> Any:
    import sys

    return sys.stderr


def _dumps(value: Any, default: Any = None, **_kw: Any) -> str:
    return orjson.dumps(value, default=default).decode()


def request_id_of(scope: Scope) -> str:
    """The id of the request in progress."""
    request_id: str = scope.get("stockgate.request_id", "")
    return request_id


class RequestLog:
    """ASGI middleware: takes `X-Request-Id` when it is well-formed, else makes one; gives it back; logs one line."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _WELL_FORMED.fullmatch(given) else secrets.token_hex(16)
        scope["stockgate.request_id"] = request_id
        path, started, status = scope["path"], time.perf_counter(), 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(raw=message["headers"])["X-Request-Id"] = request_id
            await send(message)

        turnstile.rank_as(Rank.TILL)  # until it turns out to ask for more
        try:
            await self.app(scope, receive, send_with_id)
        finally:
            duration_ms = round((time.perf_counter() - started) * 1000, 2)
            log.info("request", request_id=request_id, method=scope["method"], path=path, status=status, ms=duration_ms)
