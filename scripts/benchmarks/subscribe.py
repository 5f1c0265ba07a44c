"""`scripts/bench subscribe`: how soon open subscriptions hear of changes, and what they cost the server.

Products are followed by as many subscriptions each, over several WebSockets; a process of its own changes stock at a
steady rate, some lines at a time. A delay is the time from when the request was sent to when the event has arrived, so
that it includes the write.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import multiprocessing
import random
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from followers import FOLLOW, Socket, a_socket
from rich.console import Console
from rich.table import Table
from servers import ENGINES, database_url, server, stockgate

CHANGE = """mutation($input: InventoryBulkSyncInput!) {
    inventoryBulkSync(input: $input) { failed changeGroup { entries { sequence } } } }"""
FIRST = "0"  # the reference of the change that every subscription hears of at once
LOCATIONS = 5
WARM_UP_S, PATIENCE_S = 2, 120
P99_GOAL_MS, GROWTH_GOAL_MB = 500, 10


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench subscribe", description=__doc__)
    parser.add_argument("--engine", choices=[*ENGINES, "both"], default="both")
    parser.add_argument("--subscriptions", type=int, default=1_000)
    parser.add_argument("--sockets", type=int, default=20)
    parser.add_argument("--products", type=int, default=200, help="subscriptions / products follow each of them")
    parser.add_argument("--changes", type=int, default=200, help="changes per second")
    parser.add_argument("--lines", type=int, default=10, help="changes in one request")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--json", type=Path, default=Path("bench-subscribe.json"), help="where the figures go")
    asked = parser.parse_args()
    engines = ENGINES if asked.engine == "both" else (asked.engine,)
    results = [measure(engine, asked) for engine in engines]
    asked.json.write_text(json.dumps(results, indent=1))
    Console(width=110).print(table(results, asked), f"Figures: {asked.json}", sep="\n")


def measure(engine: str, asked: argparse.Namespace) -> dict[str, Any]:
    with database_url(engine) as url:
        if engine == "postgresql":
            stockgate(url, "migrate")
        stockgate(url, "seed", "--products", str(asked.products), "--locations", str(LOCATIONS))
        scopes = ("--scope", "read", "--scope", "write")
        key = json.loads(stockgate(url, "key", "create", "--name", "bench", *scopes, "--json"))["token"]
        settings = {"STOCKGATE_DATABASE_URL": url, "STOCKGATE_LOG_LEVEL": "warning"}
        with server("gateway.app:create_app", **settings) as ours:
            return {"engine": engine, **asyncio.run(follow(ours.port, ours.process.pid, key, asked))}


async def follow(port: int, pid: int, key: str, asked: argparse.Namespace) -> dict[str, Any]:
    """Open the subscriptions, let stock change, and note when each event comes."""
    skus = skus_of(port, key, asked.products)
    start = adjust(http.client.HTTPConnection("127.0.0.1", port), key, skus, FIRST)
    before = resident_mb(pid)
    events = Events()
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        sockets = [await stack.enter_async_context(a_socket(port, key)) for _ in range(asked.sockets)]
        receivers = [group.create_task(receive(socket, events)) for socket in sockets]
        begun = time.time()
        for n in range(asked.subscriptions):
            # Each hears of the first change at once: then it is known to be open
            await sockets[n % len(sockets)].subscribe(str(n), FOLLOW, skus=[skus[n % len(skus)]], after=start - 1)
        await events.until(lambda: events.first == asked.subscriptions)
        opened, opened_s = resident_mb(pid), time.time() - begun
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            writing = asyncio.wrap_future(pool.submit(change, port, key, skus, vars(asked)))
            await asyncio.wait([writing], timeout=WARM_UP_S)
            warm = resident_mb(pid)
            changes, begun = await writing
        expected = changes * asked.subscriptions // asked.products
        await events.until(lambda: len(events.delays) >= expected)
        for receiver in receivers:
            receiver.cancel()
    steady = [delay * 1000 for sent, delay in events.delays if sent > begun + WARM_UP_S]
    quantiles = statistics.quantiles(steady, n=100)
    return {
        "changes": changes, "expected": expected, "events": len(events.delays), "opened_s": opened_s,
        "changes_per_second": changes / asked.seconds, "p50_ms": quantiles[49], "p99_ms": quantiles[98],
        "max_ms": max(steady), "before_mb": before, "opened_mb": opened, "warm_mb": warm, "end_mb": resident_mb(pid),
    }  # fmt: skip


@dataclass
class Events:
    """How many heard of the first change, and when the others were sent and how long they took."""

    first: int = 0
    delays: list[tuple[float, float]] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for events until it is so, but not for ever: what is missing will show."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while not is_so():
                    self.came.clear()
                    await self.came.wait()


async def receive(socket: Socket, events: Events) -> None:
    async for _id, data in socket.results():
        reference = data["stockChanged"]["change"]["group"]["reference"]
        if reference == FIRST:
            events.first += 1
        else:
            events.delays.append((float(reference), time.time() - float(reference)))
        events.came.set()


def skus_of(port: int, key: str, products: int) -> list[str]:
    skus: list[str] = []
    after = None
    while len(skus) < products:
        query = "query($after: String) { products(first: 200, after: $after) { nodes { sku } pageInfo { endCursor } } }"
        page = ask(http.client.HTTPConnection("127.0.0.1", port), key, query, {"after": after})["products"]
        skus += [node["sku"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    return skus[:products]


def change(port: int, key: str, skus: list[str], asked: dict[str, Any]) -> tuple[int, float]:
    """Change stock at the rate that is asked for: how many changes there were, and from when on."""
    chance, connection = random.Random(1), http.client.HTTPConnection("127.0.0.1", port, timeout=60)  # noqa: S311
    begun, requests = time.time(), 0
    while (due := begun + requests * asked["lines"] / asked["changes"]) < begun + asked["seconds"]:
        time.sleep(max(0.0, due - time.time()))
        adjust(connection, key, chance.sample(skus, asked["lines"]), repr(time.time()), chance.randint(1, LOCATIONS))
        requests += 1
    return requests * asked["lines"], begun


def adjust(connection: http.client.HTTPConnection, key: str, skus: list[str], reference: str, location: int = 1) -> int:
    """Add a unit of each; the first sequence of that."""
    slug = f"seed-{location:03}"
    items = [{"product": {"sku": sku}, "location": {"slug": slug}, "adjust": 1} for sku in skus]
    done = ask(connection, key, CHANGE, {"input": {"items": items, "reference": reference}})["inventoryBulkSync"]
    if done["failed"]:
        raise SystemExit(f"{done['failed']} changes were refused.")
    return min(entry["sequence"] for entry in done["changeGroup"]["entries"])


def ask(connection: http.client.HTTPConnection, key: str, query: str, variables: dict[str, Any]) -> Any:
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    connection.request("POST", "/graphql", orjson.dumps({"query": query, "variables": variables}), headers)
    result = orjson.loads(connection.getresponse().read())
    if "errors" in result:
        raise SystemExit(f"answered {result['errors']}")
    return result["data"]


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def table(results: list[dict[str, Any]], asked: argparse.Namespace) -> Table:
    title = (
        f"{asked.subscriptions} subscriptions over {asked.sockets} sockets, {asked.changes} changes/s for "
        f"{asked.seconds:g} s, {asked.lines} a request; goals: p99 < {P99_GOAL_MS} ms, growth < {GROWTH_GOAL_MB} MB"
    )
    columns = (
        "engine",
        "open s",
        "changes/s",
        "events",
        "of",
        "p50 ms",
        "p99 ms",
        "max ms",
        "MB at first",
        "opened",
        "warm",
        "end",
    )
    shown = Table(*columns, title=title)
    for r in results:
        growth = r["end_mb"] - r["warm_mb"]
        good = r["p99_ms"] < P99_GOAL_MS and growth < GROWTH_GOAL_MB and r["events"] == r["expected"]
        measured = ("p50_ms", "p99_ms", "max_ms", "before_mb", "opened_mb", "warm_mb", "end_mb")
        told = [f"{r['opened_s']:.1f}", f"{r['changes_per_second']:.0f}", str(r["events"]), str(r["expected"])]
        shown.add_row(r["engine"], *told, *(f"{r[name]:.0f}" for name in measured), style="green" if good else "red")
    return shown


if __name__ == "__main__":
    main()
