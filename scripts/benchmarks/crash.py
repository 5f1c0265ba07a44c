"""`scripts/crash`: kill -9 of the server in the middle of bulk-syncs, again and again.

Two clients write without a pause, each to its own half of the levels: every bulk-sync gives all levels of a half the
same number, the next one. After each kill the levels of a half must agree, and be at the number that was acknowledged
last, or at the one that was on its way; every change group must be whole, and the ledger must explain every level. The
next server goes on with the same database. Exits 1 at the first violation.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import random
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import Any

import orjson
from servers import ENGINES, database_url, server, stockgate
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from storage.database import Database

PATH = "/wp-json/mulopimfwc/v1/inventory/bulk-sync"
PRODUCTS, LOCATIONS, CLIENTS = 40, 5, 2

_LEVELS = "SELECT product_id, on_hand FROM stock_level"
_PARTIAL_GROUPS = """SELECT count(*) FROM (
    SELECT g.id FROM stock_change_group g LEFT JOIN ledger_entry e ON e.group_id = g.id
    WHERE g.dialect = 'mulopimfwc/v1' GROUP BY g.id HAVING count(e.sequence) <> :size) partial"""
_UNEXPLAINED = """SELECT count(*) FROM stock_level l WHERE coalesce(l.on_hand, 0) <> coalesce(
    (SELECT sum(e.delta) FROM ledger_entry e WHERE e.product_id = l.product_id AND e.location_id = l.location_id), 0)"""
_OTHERS_CONNECTED = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@dataclass
class Client:
    """Writes one half of the levels: products whose id leaves this remainder."""

    remainder: int
    acknowledged: int = 0
    sent: int = 0
    problem: str = ""
    confirmed: int = 0

    @property
    def products(self) -> list[int]:
        return [id_ for id_ in range(1, PRODUCTS + 1) if id_ % CLIENTS == self.remainder]

    def write_until_killed(self, port: int, headers: dict[str, str]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            while not self.problem:
                self.sent += 1
                connection.request("POST", PATH, self._body(), headers)
                answer = connection.getresponse()
                body = answer.read()
                if answer.status == 200 and json.loads(body)["results"]["failed"] == 0:
                    self.acknowledged = self.sent
                    self.confirmed += 1
                else:
                    self.problem = f"answered {answer.status}: {body[:200]!r}"
        except (OSError, http.client.HTTPException):
            pass  # killed: whether this number was written, the database must say
        finally:
            connection.close()

    def _body(self) -> bytes:
        items = [
            {"product_id": product, "location_slug": f"seed-{location:03}", "stock": 1_000 + self.sent}
            for product in self.products
            for location in range(1, LOCATIONS + 1)
        ]
        return orjson.dumps({"items": items})


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/crash", description=__doc__)
    parser.add_argument("--engine", choices=[*ENGINES, "both"], default="both")
    parser.add_argument("--times", type=int, default=50, help="how often the server is killed")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills")
    asked = parser.parse_args()
    engines = ENGINES if asked.engine == "both" else (asked.engine,)
    problems = [problem for engine in engines if (problem := crash(engine, asked.times, random.Random(asked.seed)))]  # noqa: S311
    raise SystemExit(1 if problems else 0)


def crash(engine: str, times: int, chance: random.Random) -> str:
    """Kill it that many times; what was wrong afterwards, or ''."""
    clients = [Client(remainder) for remainder in range(CLIENTS)]
    in_flight, problem = 0, ""
    with database_url(engine) as url:
        if engine == "postgresql":
            stockgate(url, "migrate")
        stockgate(url, "seed", "--products", str(PRODUCTS), "--locations", str(LOCATIONS))
        token = json.loads(stockgate(url, "key", "create", "--name", "crash", "--scope", "write", "--json"))["token"]
        headers = {"X-API-Key": token, "Content-Type": "application/json"}
        for n in range(1, times + 1):
            kill_in_the_middle(url, clients, headers, chance)
            in_flight += sum(client.sent > client.acknowledged for client in clients)
            problem = asyncio.run(look(url, clients))
            if problem:
                print(f"{engine}: after kill {n}: {problem}", flush=True)
                break
        if not problem:
            problem = reconciled(url)
    confirmed = sum(client.confirmed for client in clients)
    print(
        f"{engine}: killed {n} times, {confirmed} bulk-syncs acknowledged, {in_flight} cut off: "
        + (problem or "all acknowledged ones are there, none is half applied, reconcile is clean"),
        flush=True,
    )
    return problem


def kill_in_the_middle(url: str, clients: list[Client], headers: dict[str, str], chance: random.Random) -> None:
    """Start a server, let the clients write, and kill it while they do."""
    settings = {"STOCKGATE_DATABASE_URL": url, "STOCKGATE_LOG_LEVEL": "warning"}
    with server("gateway.app:create_app", **settings) as running:
        before = [client.confirmed for client in clients]
        threads = [
            threading.Thread(target=client.write_until_killed, args=(running.port, headers)) for client in clients
        ]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 20
        while any(client.confirmed == count for client, count in zip(clients, before, strict=True)):
            if time.monotonic() > deadline or any(client.problem for client in clients):
                break  # look() tells
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.3))
        running.process.kill()
        running.process.wait()
        for thread in threads:
            thread.join()


async def look(url: str, clients: list[Client]) -> str:
    """What is wrong in the database, or ''. Afterwards the clients know what number is there."""
    database = Database(url)
    try:
        if database.name == "postgresql":
            await _wait_for_the_last_commit(database)
        levels, partial, unexplained = await database.read(_look, len(clients[0].products) * LOCATIONS)
    finally:
        await database.close()
    for client in clients:
        if client.problem:
            return client.problem
        found = {on_hand - 1_000 for product, on_hand in levels if product % CLIENTS == client.remainder}
        if len(found) != 1:
            return f"a bulk-sync was half applied: levels at {sorted(found)}"
        if not found <= {client.acknowledged, client.sent}:
            return f"{client.acknowledged} was acknowledged and {client.sent} sent, but the levels are at {found}"
        client.acknowledged = found.pop()
    if partial or unexplained:
        return f"{partial} change groups are not whole, {unexplained} levels differ from their ledger"
    return ""


async def _look(session: AsyncSession, group_size: int) -> tuple[list[Any], int, int]:
    levels = (await session.execute(text(_LEVELS))).all()
    partial = (await session.execute(text(_PARTIAL_GROUPS), {"size": group_size})).scalar_one()
    unexplained = (await session.execute(text(_UNEXPLAINED))).scalar_one()
    return list(levels), partial, unexplained


async def _wait_for_the_last_commit(database: Database) -> None:
    """PostgreSQL may be at the last statement of a client that is dead."""

    async def others(session: AsyncSession) -> int:
        return int((await session.execute(text(_OTHERS_CONNECTED))).scalar_one())

    for _ in range(200):
        if not await database.read(others):
            return
        await asyncio.sleep(0.05)
    raise SystemExit("The killed server's connections did not end in 10 s.")


def reconciled(url: str) -> str:
    """What `stockgate reconcile` complains about, or ''."""
    try:
        stockgate(url, "reconcile")
    except subprocess.CalledProcessError as error:
        return f"reconcile exited {error.returncode}: {error.stdout.decode()[:300]}"
    return ""


if __name__ == "__main__":
    main()
