"""One truth of several processes: whichever worker is asked, and whoever is killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.gateway.metrics.scraping import Scrape
from tests.gateway.server.served import Served, serving, settled

ASK = b"GET /metrics HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n"


def scraped(served: Served) -> Scrape:
    head, _, body = served.ask(ASK).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    return Scrape(body.decode())


def test_every_worker_tells_what_all_of_them_counted_and_none_of_it_dies_with_one(
    sqlite_template: str, tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path}/stockgate.db"
    with serving(tmp_path, "--workers", "2", STOCKGATE_DATABASE_URL=database, STOCKGATE_METRICS="open") as served:
        settled(lambda: scraped(served).of("stockgate_workers") == 2)
        health = {"dialect": "stockgate", "operation": "GET /healthz", "status": "2xx"}
        asked = sum(served.status() == 200 for _ in range(10))
        before = scraped(served)
        assert before.of("stockgate_requests_total", **health) == asked
        killed = served.living[-1]
        os.kill(killed, signal.SIGKILL)
        settled(lambda: killed not in served.living and len(served.living) == 2)
        settled(lambda: scraped(served).of("stockgate_workers") == 2)
        for _ in range(5):
            after = scraped(served)
            assert not after.falls_below(before, {"stockgate_worker_cpu_seconds_total"})
            before = after
        assert before.of("stockgate_requests_total", **health) == asked
        settled(lambda: scraped(served).labels("stockgate_worker_memory_bytes", "worker") == {"0", "1"})
        assert not [path for path in tmp_path.iterdir() if "board" in path.name or "prom" in path.name]
