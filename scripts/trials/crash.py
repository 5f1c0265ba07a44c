"""`scripts/crash`: kill -9 of one worker, of all workers, and of the supervisor, in turn, in the middle of writes.

Tills and bulk-syncs write without a pause, each request under an Idempotency-Key, and send again what was not
answered, with the same key. After every kill the books are looked at: each acknowledged write is there exactly once,
every bulk is whole or absent, `reconcile` is clean; and all clients have to be served again within 5 s. A killed
supervisor is started again on the same port, as systemd would; its workers must have gone with it. Prints the counts,
and exits 1 when anything is wrong.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path

import webhooks
from postgres import cluster
from service import Service, is_alive
from trials import Shop, TrialError, folder, new_shop, run

_ORPHAN_S_MAX = 5.0
ENGINES = {"sqlite": 300, "postgresql": 100}


def kill(shop: Shop, n: int) -> float:
    """The next kind of kill."""
    service = shop.service
    workers = _workers(service)
    supervisor = service.supervisor
    killed = ([shop.chance.choice(workers)], workers, [supervisor])[n % 3]
    at = time.monotonic()
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    if killed == [supervisor]:
        while any(is_alive(worker) for worker in workers):
            if time.monotonic() - at > _ORPHAN_S_MAX:
                raise TrialError(f"orphans outlived their supervisor by {_ORPHAN_S_MAX:g} s")
            time.sleep(0.01)
    return at


def _workers(service: Service) -> list[int]:
    """Of a service that is complete."""
    for _ in range(3_000):
        if len(workers := service.workers()) == 2 and all(map(is_alive, workers)):
            return workers
        time.sleep(0.01)
    raise TrialError("a worker was not replaced within 30 s")


def crash(engine: str, times: int, seed: int) -> bool:
    """Kill it that many times; whether all is well."""
    with folder() as path:
        if engine == "sqlite":
            return _crash(engine, f"sqlite:///{path}/stockgate.db", path, times, seed)
        with cluster(path) as server:
            return _crash(engine, server.url, path, times, seed)


def _crash(engine: str, url: str, path: Path, times: int, seed: int) -> bool:
    token = new_shop(url, migrate=engine == "postgresql")
    with Service(url, path / "serve.log") as service:
        return run(f"crash, {engine}", service, url, token, kill, times, seed)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/crash", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", choices=[*ENGINES, "both"], default="both")
    parser.add_argument("--times", type=int, help="how many kills; 300 on SQLite and 100 on PostgreSQL without it")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills")
    parser.add_argument(
        "--webhooks", action="store_true", help="the gateways that send webhooks instead, 50 times: see webhooks.py"
    )
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is stopped
    engines = list(ENGINES) if asked.engine == "both" else [asked.engine]
    if asked.webhooks:
        delivered = [webhooks.crash(engine, asked.times or 50, asked.seed) for engine in engines]
        raise SystemExit(0 if all(delivered) else 1)
    fine = [crash(engine, asked.times or ENGINES[engine], asked.seed) for engine in engines]
    raise SystemExit(0 if all(fine) else 1)


if __name__ == "__main__":
    main()
