"""A server of our own in a process of its own, as users start it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from gateway.cli.demo import CATALOG
from storage import access, catalog, consumer_pairs
from storage.access import Scope
from storage.catalog_document import load
from storage.database import Database
from storage.key_settings import KeySettings

_READY_S = 60
_PREFIX = "STOCKGATE_"
_SECRET = "the-server-s-own-secret-in-tests-only"


@dataclass(frozen=True, slots=True)
class Served:
    """A running server of the demo's catalogue, a key that may do everything, a webhook secret, and its log."""

    url: str
    key: str
    log: Path
    database_url: str
    webhook_secret: str

    @property
    def base(self) -> str:
        """Scheme, host and port."""
        return self.url.removesuffix("/graphql")

    def failures(self) -> list[dict[str, Any]]:
        """What went wrong inside, as it was logged. 501 is what wc/v3 says of what it has no trash for."""
        lines = [orjson.loads(line) for line in self.log.read_bytes().splitlines() if line.startswith(b"{")]
        return [line for line in lines if _is_failure(line)]


def _is_failure(line: Mapping[str, Any]) -> bool:
    status = line.get("status", 0)
    return line.get("level") in {"error", "critical"} or (status >= 500 and status != 501)


@contextmanager
def serving(database_url: str, folder: Path, **settings: str) -> Iterator[Served]:
    """`stockgate serve` on a migrated, empty database that is filled with the demo's catalogue."""
    asyncio.run(transact(database_url, catalog.import_catalog, load(CATALOG.read_bytes())))
    key, secret = issue_key(database_url), issue_webhook_secret(database_url)
    log = folder / "server.log"
    out = folder / "server.out"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_PREFIX)}
    environment[f"{_PREFIX}SECRET_KEY"] = _SECRET
    environment |= {f"{_PREFIX}{name.upper()}": value for name, value in settings.items()}
    with log.open("w") as errors, out.open("w") as greeting:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("stockgate")), "serve", "--port", "0"],
            cwd=folder, env={**environment, f"{_PREFIX}DATABASE_URL": database_url}, stdout=greeting, stderr=errors,
        )  # fmt: skip
    try:
        yield Served(_address(process, out, log), key, log, database_url, secret)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _address(process: subprocess.Popen[bytes], out: Path, log: Path) -> str:
    deadline = time.monotonic() + _READY_S
    while not (greeting := re.search(r"GraphQL on (\S+)", out.read_text())):
        assert process.poll() is None, f"stockgate serve ended: {log.read_text()}"
        assert time.monotonic() < deadline, f"stockgate serve did not get ready in {_READY_S} s"
        time.sleep(0.02)
    return greeting[1]


def issue_key(database_url: str) -> str:
    """A key that may do everything."""
    return asyncio.run(transact(database_url, access.issue_api_key, "conformance", [Scope.ADMIN])).token


def issue_webhook_secret(database_url: str) -> str:
    """A secret that opens the webhook routes."""
    return asyncio.run(transact(database_url, access.issue_webhook_secret, "conformance")).token


def issue_pair(database_url: str, name: str) -> tuple[str, str]:
    """A consumer pair that may read and write: its key and its secret."""
    asked = KeySettings(name, (Scope.READ, Scope.WRITE))
    pair = asyncio.run(transact(database_url, consumer_pairs.issue, asked, _SECRET))
    return pair.consumer_key, pair.consumer_secret


async def transact(database_url: str, operation: Any, *arguments: Any) -> Any:
    """Run an operation on the database of a server."""
    database = Database(database_url)
    try:
        return await database.transact(operation, *arguments)
    finally:
        await database.close()
