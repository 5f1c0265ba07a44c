"""A request id for every request, and one log line."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import calls, log_lines
from gateway.calls import NATIVE, Call, Finished
from gateway.telemetry import Telemetry
from storage import turnstile
from storage.turnstile import Rank

_WELL_FORMED = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def request_id_of(scope: Scope) -> str:
    """The id of the request in progress."""
    request_id: str = scope.get("stockgate.request_id", "")
    return request_id


def _given(scope: Scope) -> str:
    """The first id that the client sent, if it is well-formed."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text: str = value.decode("latin-1")
            return text if _WELL_FORMED.fullmatch(text) and log_lines.told(text) == text else ""
    return ""


class RequestLog:
    """ASGI middleware: takes `X-Request-Id` when it is well-formed, else makes one; gives it back; logs one line."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _given(scope) or secrets.token_hex(16)
        scope["stockgate.request_id"] = request_id
        call = calls.begin(request_id)
        telemetry: Telemetry | None = scope["app"].state.telemetry
        if telemetry is not None:
            telemetry.begin(call, scope["headers"])
        path, started, status = scope["path"], time.perf_counter(), 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        turnstile.rank_as(Rank.TILL)  # until it turns out to ask for more
        try:
            await self.app(scope, receive, send_with_id)
        finally:
            seconds = time.perf_counter() - started
            if call.dialect == NATIVE:
                call.operation = calls.operation_of(scope["method"], "", scope.get("route"))
            tell(scope["app"], call, status, seconds)
            line = told(call, status, seconds)
            log_lines.info("request", {"method": scope["method"], "path": log_lines.told(path), **line})


def tell(app: Starlette, call: Call, status: int, seconds: float) -> None:
    """Let everybody know who counts calls."""
    finished: Sequence[Finished] = app.state.finished
    for each in finished:
        each(call, status, seconds)


def told(call: Call, status: int, seconds: float) -> dict[str, Any]:
    """What the log says of a call: nothing that is not known, or nothing to speak of."""
    line: dict[str, Any] = {
        "request_id": call.request_id,
        "dialect": call.dialect,
        "operation": call.operation,
        "status": status,
        "ms": round(seconds * 1000, 2),
    }
    if call.name:
        line["name"] = log_lines.told(call.name)
    if call.key_id:
        line["key"] = call.key_id
    if call.secret_id:
        line["webhook_secret"] = call.secret_id
    if call.cost:
        line["cost"] = call.cost
    if call.statements:
        line["statements"] = call.statements
    if refused := call.refusal(status):
        line["refused"] = refused
    return line
