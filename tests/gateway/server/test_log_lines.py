"""The log: one line of JSON for each request, whatever is in it, and nothing of it that is secret."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_from_bytes

import pytest
import structlog
from sqlalchemy.engine import make_url

from gateway import log_lines
from storage import access
from storage.access import Scope
from storage.database import Database
from tests.gateway.server.served import Served, everything, serving, statuses

PIECES = [
    '\n{"event":"request","status":200}', "\r\nX-Forged: 1", "\r", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\u2028",
    "\u2029", "\x85", "\x9b2J", "\x00", "\x7f", "\x08\x08", "\u202etxt.exe", "\u200b", "\ufeff", '"}', '{"a":', "\\",
    "\\u000a", "%0a", "%00", "%u2028", "é" * 90, "A" * 700, "\ud800", "\udfff\ud800", "𝕏", "${jndi:ldap://x/a}",
    "<script>alert(1)</script>", "\t", "\v\f", "\x1c\x1d\x1e", "'; DROP TABLE product; --", "../../etc/passwd", "%s%n",
    "\U000e0041", "sgk_" + "x" * 51, "ck_" + "a" * 40, "null", "-1", "😀" * 40,
]  # fmt: skip
VALUES_PER_REQUEST = 16
BATCH = 40


class Hostile:
    """Values made of the pieces, and secrets that must not be seen again."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 (no secret)
        self.canaries: list[str] = []

    def value(self) -> str:
        return "".join(self._chance.choices(PIECES, k=self._chance.randint(1, 4)))

    def canary(self) -> str:
        self.canaries.append(f"canary{len(self.canaries)}{self._chance.getrandbits(64):016x}")
        return self.canaries[-1]

    def in_path(self) -> str:
        return quote_from_bytes(self.value().encode(errors="surrogatepass"), safe="")[:3000]

    def in_header(self) -> bytes:
        """What a server that speaks HTTP takes."""
        text = self.value().encode(errors="surrogatepass")
        return bytes(byte for byte in text if byte == 9 or 32 <= byte != 127)[:500].strip()

    def get(self) -> bytes:
        target = f"/{self._chance.choice(PATHS)}/{self.in_path()}?key={quote(self.canary())}&{self.in_path()}"
        return self._request(b"GET", target)

    def post(self, key: str) -> bytes:
        name = self._chance.choice([self.value(), "N" * 3000, "Sold", None])
        called = name if name and name.isascii() and name.isidentifier() else ""
        query = f'query {called} {{ product(sku: "{{}}") {{ id }} }}'
        body = {
            "query": self._chance.choice([query, self.value(), query.replace("{}", self.canary())]),
            "operationName": self._chance.choice([None, self.value()]),
            "variables": {"password": self.canary(), self.canary(): self.value()},
            "extensions": {"x": self.value()},
        }
        text = json.dumps(body, ensure_ascii=self._chance.random() < 0.5).encode(errors="surrogatepass")
        head = b"Content-Type: application/json\r\nX-API-Key: %s\r\n" % key.encode()
        return self._request(b"POST", "/graphql", head, text)

    def _request(self, method: bytes, target: str, head: bytes = b"", body: bytes = b"") -> bytes:
        secret = self.canary().encode()
        if not head:
            head = b"X-API-Key: sgk_%s\r\nAuthorization: Basic %s\r\n" % (secret, secret)
        named = [
            b"X-Request-Id", b"User-Agent", b"Referer", b"Origin", b"X-Forwarded-For", b"Idempotency-Key", b"From",
            b"Via",
            b"X-HTTP-Method-Override", b"X-Correlation-Id", b"X-Real-Ip", b"Accept-Language", b"Prefer", b"If-Match",
        ]  # fmt: skip
        lines = [b"%s: %s\r\n" % (name, self.in_header()) for name in named]
        lines += [b"Cookie: s=%s\r\nX-Webhook-Secret: %s\r\nHost: shop.test\r\n" % (secret, secret), head]
        return b"%s %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s" % (
            method, target.encode(), b"".join(lines), len(body), body,
        )  # fmt: skip


PATHS = ["nothing", "wp-json/wc/v3/products", "wp-json", "api/v2/inventory/sku", "mulopimfwc/v1/locations", "healthz"]
RAW = [
    b"GET /%s HTTP/1.1\r\nHost: shop.test\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: shop.test\r\nX: %s\r\n\r\n",
    b"GET http://u:%s@shop.test/ HTTP/1.1\r\nHost: shop.test\r\n\r\n",
    b"%s / HTTP/1.1\r\nHost: shop.test\r\n\r\n",
]
"""What may be no HTTP at all."""


@pytest.mark.parametrize("values", [10_000, pytest.param(100_000, marks=pytest.mark.campaign)])
def test_ten_thousand_hostile_values_make_one_line_each_and_no_secret_is_seen(
    sqlite_template: str, tmp_path: Path, values: int
) -> None:
    shutil.copyfile(str(make_url(sqlite_template).database), tmp_path / "stockgate.db")
    url = f"sqlite:///{tmp_path}/stockgate.db"
    key = asyncio.run(_key(url))
    hostile = Hostile(values)
    limits = {"STOCKGATE_COST_PER_MINUTE": "0", "STOCKGATE_DATABASE_URL": url}
    with serving(tmp_path, **limits) as served:
        requests = [
            hostile.get() if number % 2 else hostile.post(key) for number in range(values // VALUES_PER_REQUEST)
        ]
        for start in range(0, len(requests), BATCH):
            batch = requests[start : start + BATCH]
            last = b"GET /healthz HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n"
            assert len(statuses(served.ask(b"".join(batch), last))) == len(batch) + 1
        asked = len(requests) + -(-len(requests) // BATCH)
        for number, form in enumerate(RAW * 10):
            secret = hostile.canary() if number % len(RAW) else ""  # a path is told
            with_it = form % (secret + hostile.value()).encode(errors="surrogatepass")
            ask_and_leave(served, with_it + b"\r\n" * (number % 2))
        served.process.send_signal(signal.SIGTERM)
        out, _ = served.process.communicate(timeout=20)
        text = served.text
    lines = text.split("\n")
    assert lines.pop() == ""
    assert lines == text.splitlines(), "something in it breaks lines"
    told = [json.loads(line) for line in lines]
    assert sum(line["event"] == "request" for line in told) >= asked
    assert all({"event", "level", "timestamp"} <= line.keys() for line in told)
    assert not any(line["level"] == "error" for line in told), "a hostile value is no fault of ours"
    assert max(map(len, lines)) < 4096, "what is longer may be torn apart in a pipe"
    assert all(32 <= ord(character) != 127 for character in text if character != "\n")
    assert not [canary for canary in hostile.canaries if canary in text or canary in out]
    assert key not in text
    assert "sgk_xxxx" not in text


def ask_and_leave(served: Served, request: bytes) -> None:
    """Send it, say that nothing more comes, and read what is answered."""
    with served.connect() as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        everything(connection)


async def _key(url: str) -> str:
    database = Database(url)
    try:
        return (await database.transact(access.issue_api_key, "test", [Scope.READ])).token
    finally:
        await database.close()


class DrawnError(Exception):
    """One of somebody else's, that quotes what it was given."""


def test_of_an_exception_is_told_where_it_was_raised_and_not_what_it_quotes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def logged(level: str, error: Exception) -> dict[str, Any]:
        log_lines.configure(level)
        try:
            try:
                raise error  # noqa: TRY301 (with a traceback)
            except Exception as first:
                raise OSError(28, "No space left on device") from first
        except OSError as second:
            structlog.get_logger("test").error("it failed", exc_info=second, path="/a\u2028b", secret="sgk_" + "a" * 51)
        line: dict[str, Any] = json.loads(capsys.readouterr().err)
        return line

    line = logged("info", DrawnError("the customer's letter"))
    assert "DrawnError" in line["exception"]
    assert "No space left on device" in line["exception"]
    assert "in logged" in line["exception"]
    assert "letter" not in str(line)
    assert (line["path"], line["secret"]) == ("/a\u2028b", "[secret]")
    assert "the customer's letter" in logged("debug", DrawnError("the customer's letter"))["exception"]
    assert log_lines.told("no way to postgresql://shop:hunter2@db/x") == "no way to postgresql://[secret]@db/x"


def test_libraries_threads_and_warnings_write_the_same_lines(tmp_path: Path) -> None:
    program = r"""
import logging, sys, threading, warnings
from gateway import log_lines
from gateway.server import loggers
log_lines.configure("info"); loggers.take_over()
logging.getLogger("asyncpg.anything").warning("two\nlines %s", "sgk_" + "a" * 51)
logging.getLogger("uvicorn.error").error("it failed", exc_info=ValueError("private"))
logging.getLogger("uvicorn.error").info("of no interest")
warnings.warn("old\u2028news")
def fail(): raise ValueError("private")
thread = threading.Thread(target=fail, name="worker"); thread.start(); thread.join()
class Odd:
    def __del__(self): raise ValueError("private")
Odd()
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert [(line["level"], line.get("logger")) for line in lines] == [
        ("warning", "asyncpg.anything"), ("error", "uvicorn.error"), ("warning", "py.warnings"), ("error", None),
        ("error", None),
    ]  # fmt: skip
    assert (lines[0]["details"], lines[0]["event"]) == ("two", "lines [secret]")
    assert "private" not in ended.stderr
    assert "in fail" in lines[3]["exception"]
