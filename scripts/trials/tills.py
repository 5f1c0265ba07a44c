"""Clients that write without a pause, each request under an idempotency key, and go on until each is acknowledged.

A request whose answer was lost or was 503 is sent again with the same key until it is answered, as good clients do.
Each client has levels of its own and gives all of them the same number, which grows by one with every request: what
must be in the ledger is known without keeping anything but the last number.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

TILLS: Final = 4
BULK_ITEMS: Final = 20
_PATH: Final = "/wp-json/mulopimfwc/v1/inventory"
_TIMEOUT_S: Final = 60
_PAUSE_S: Final = 0.02
_BUSY: Final = {503, 504}
FIRST: Final = 1_000
"""What was in stock before the first request."""


@dataclass
class Till:
    """One client. With several products it sends bulk-syncs, with one it sends updates."""

    name: str
    products: list[int]
    acknowledged: int = 0
    sent: int = 0
    acknowledged_at: float = 0.0
    """When the last request that was acknowledged was sent."""
    answered: Counter[int] = field(default_factory=Counter)
    cut_off: int = 0
    problem: str = ""

    def key(self, number: int) -> str:
        """The idempotency key of a request, which is its request id, too."""
        return f"{self.name}-{number}"

    def run(self, port: int, token: str, stop: threading.Event) -> None:
        """Write until told to stop, or until something is answered that must not be."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
        while not stop.is_set() and not self.problem:
            self.sent += 1
            while not self._is_acknowledged(connection, token) and not stop.is_set() and not self.problem:
                time.sleep(_PAUSE_S)
        connection.close()

    def _is_acknowledged(self, connection: http.client.HTTPConnection, token: str) -> bool:
        key, began = self.key(self.sent), time.monotonic()
        headers = {"X-API-Key": token, "Content-Type": "application/json", "Idempotency-Key": key, "X-Request-Id": key}
        try:
            connection.request("POST", _PATH + self._route(), self._body(), headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            self.cut_off += 1
            connection.close()
            return False
        self.answered[answer.status] += 1
        if answer.status == 200:
            self._take(body)
            self.acknowledged, self.acknowledged_at = self.sent, began
            return True
        if answer.status not in _BUSY:
            self.problem = f"{key} was answered {answer.status}: {body[:200]!r}"
        elif answer.getheader("Connection") == "close":
            connection.close()
        return False

    def _take(self, body: bytes) -> None:
        said = json.loads(body)
        if len(self.products) > 1 and said["results"]["failed"]:
            self.problem = f"{self.key(self.sent)} was refused: {body[:200]!r}"

    def _route(self) -> str:
        return "/bulk-sync" if len(self.products) > 1 else "/update"

    def _body(self) -> bytes:
        items = [{"product_id": id_, "location_slug": "seed-001", "stock": FIRST + self.sent} for id_ in self.products]
        return json.dumps({"items": items} if len(items) > 1 else items[0]).encode()


def tills() -> list[Till]:
    """Several for single updates, and one for bulks."""
    single = [Till(f"till{n}", [n]) for n in range(1, TILLS + 1)]
    return [*single, Till("bulk", list(range(TILLS + 1, TILLS + 1 + BULK_ITEMS)))]
