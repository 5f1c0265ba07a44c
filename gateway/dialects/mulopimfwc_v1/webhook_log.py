"""The webhook log: one JSON line per request in `mulopimfwc-webhook-log-YYYY-MM-DD.log`, when it is switched on."""

from __future__ import annotations

import asyncio
import fcntl
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.request_log import request_id_of
from gateway.settings import Settings

ENTRY_BYTES_MAX: Final = 10_000
FILE_BYTES_MAX: Final = 10 * 1024 * 1024
OLD_FILES_MAX: Final = 5
_SECRET_NAME: Final = re.compile(r"secret|passw|token|api.?key|authorization", re.IGNORECASE)
_TOKEN: Final = re.compile(r"\bsg[kw]_[A-Za-z0-9_-]{16,}")
_REDACTED: Final = "[redacted]"
log = structlog.get_logger("stockgate.webhook_log")


class WebhookLog:
    """ASGI middleware of the webhook route. Whatever happens to the log, the request goes on as if there were none."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        settings: Settings = scope["app"].state.settings
        if not settings.log_webhooks or scope["method"] == "OPTIONS":
            await self.app(scope, receive, send)
            return
        status = 500

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_noting_status)
        finally:
            await asyncio.to_thread(_write, settings.webhook_log_directory, scope, status)


def _write(directory: Path, scope: Scope, status: int) -> None:
    now = datetime.now(UTC)
    append(directory, now, entry(scope, status, now))


def entry(scope: Scope, status: int, now: datetime) -> bytes:
    """One line: JSON, so that a newline in a value is `\\n`. A payload that makes it too long is cut; it says so."""
    client = scope.get("client")
    fields: dict[str, Any] = {
        "time": now.isoformat(timespec="milliseconds"),
        "request_id": request_id_of(scope),
        "remote_address": client[0] if client else "",
        "status": status,
        "payload": _payload(scope.get("state", {}).get("payload", "")),
    }
    line = orjson.dumps(fields)
    if len(line) < ENTRY_BYTES_MAX:
        return line + b"\n"
    room = ENTRY_BYTES_MAX - len(orjson.dumps(fields | {"payload": "", "truncated": True})) - 1
    payload = orjson.dumps(fields["payload"]).decode()[:room]
    while (excess := len(orjson.dumps(payload)) - 2 - room) > 0:  # a character takes up to six bytes, once quoted
        payload = payload[: -max(1, excess // 6)]
    return orjson.dumps(fields | {"payload": payload, "truncated": True}) + b"\n"


def _payload(text: str) -> Any:
    """The body as it was understood, without what may be a secret; as text when it is not JSON."""
    try:
        return _redacted(orjson.loads(text))
    except orjson.JSONDecodeError:
        return _TOKEN.sub(_REDACTED, text)


def _redacted(value: Any) -> Any:
    match value:
        case dict():
            return {
                _TOKEN.sub(_REDACTED, key): _REDACTED if _SECRET_NAME.search(key) else _redacted(member)
                for key, member in value.items()
            }
        case list():
            return [_redacted(member) for member in value]
        case str():
            return _TOKEN.sub(_REDACTED, value)
    return value


def append(directory: Path, now: datetime, line: bytes) -> None:
    """Write a line to the day's file, rotating it first when it is full. A failure is logged, and that is all."""
    path = directory / f"mulopimfwc-webhook-log-{now:%Y-%m-%d}.log"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # several processes may serve: one of them rotates
            if path.exists() and path.stat().st_size + len(line) > FILE_BYTES_MAX:
                _rotate(path)
            with path.open("ab") as file:
                file.write(line)
    except OSError as error:
        log.warning("webhook not logged", reason=str(error))


def _rotate(path: Path) -> None:
    """`….log` becomes `….log.1`, and so on; the oldest falls off."""
    for number in range(OLD_FILES_MAX - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    path.replace(path.with_name(f"{path.name}.1"))
