"""`scripts/bench subscribe`: how soon open subscriptions hear of changes, and what they cost the server.

Products are followed by as many subscriptions each, over several WebSockets; a process of its own changes stock at a
steady rate, some lines at a time. A delay is the time from when the request was sent to when the event has arrived, so
that it includes the write; the ratio says how many times the write's own answer the median event takes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import multiprocessing
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import orjson
import suite
from followers import FOLLOW, Socket, a_socket
from ratios import noise
from servers import Server, gateway, memory_mb
from shop import seeded_shop
from suite import Row

CHANGE = """mutation($input: InventoryBulkSyncInput!) {
    inventoryBulkSync(input: $input) { failed changeGroup { entries { sequence } } } }"""
FIRST = "0"  # the reference of the change that every subscription hears of at once
LOCATIONS = 5
WARM_UP_S, PATIENCE_S = 2, 120
P99_GOAL_MS, GROWTH_GOAL_MB = 500, 10


def main() -> None:
    suite.run("subscribe", __doc__, measure, options)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--subscriptions", type=int, default=1_000)
    parser.add_argument("--sockets", type=int, default=20)
    parser.add_argument("--products", type=int, default=200, help="subscriptions / products follow each of them")
    parser.add_argument("--changes", type=int, default=200, help="changes per second")
    parser.add_argument("--lines", type=int, default=10, help="changes in one request")
    parser.add_argument("--seconds", type=float, default=20)


def measure(engine: str, workers: int, asked: argparse.Namespace) -> Iterator[Row]:
    with seeded_shop(engine, asked.products, LOCATIONS) as shop, gateway(shop.url, workers=workers) as ours:
        yield asyncio.run(follow(ours, shop.token, asked))


async def follow(ours: Server, key: str, asked: argparse.Namespace) -> Row:
    """Open the subscriptions, let stock change, and note when each event comes."""
    port = ours.port
    skus = skus_of(port, key, asked.products)
    start = adjust(http.client.HTTPConnection("127.0.0.1", port), key, skus, FIRST)
    before = memory_mb(ours)
    events = Events()
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        sockets = [await stack.enter_async_context(a_socket(port, key)) for _ in range(asked.sockets)]
        receivers = [group.create_task(receive(socket, events)) for socket in sockets]
        begun = time.time()
        for n in range(asked.subscriptions):
            # Each hears of the first change at once: then it is known to be open
            await sockets[n % len(sockets)].subscribe(str(n), FOLLOW, skus=[skus[n % len(skus)]], after=start - 1)
        await events.until(lambda: events.first == asked.subscriptions)
        opened, opened_s = memory_mb(ours), time.time() - begun
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            writing = asyncio.wrap_future(pool.submit(change, port, key, skus, vars(asked)))
            await asyncio.wait([writing], timeout=WARM_UP_S)
            warm = memory_mb(ours)
            changes, begun, answered = await writing
        expected = changes * asked.subscriptions // asked.products
        await events.until(lambda: len(events.delays) >= expected)
        for receiver in receivers:
            receiver.cancel()
    steady = [delay * 1000 for sent, delay in events.delays if sent > begun + WARM_UP_S]
    figures = {
        "open s": opened_s, "changes/s": changes / asked.seconds, "events": len(events.delays), "of": expected,
        "MB at first": before, "opened": opened, "warm": warm, "end": memory_mb(ours),
    }  # fmt: skip
    return _row(steady, [second * 1000 for second in answered], figures)


def _row(delays: Sequence[float], answered: Sequence[float], figures: dict[str, float]) -> Row:
    quantiles, write = statistics.quantiles(delays, n=100), statistics.median(answered)
    growth, lost = figures["end"] - figures["warm"], figures["of"] - figures["events"]
    missed = [
        *([f"p99 of {quantiles[98]:.0f} ms is not < {P99_GOAL_MS}"] if quantiles[98] >= P99_GOAL_MS else []),
        *([f"grew by {growth:.0f} MB, not < {GROWTH_GOAL_MB}"] if growth >= GROWTH_GOAL_MB else []),
        *([f"{lost} events are missing"] if lost else []),
    ]
    told = {"write ms": write, "p50 ms": quantiles[49], "p99 ms": quantiles[98], "max ms": max(delays), **figures}
    ratios = [statistics.median(some) / write for some in _parts(delays)]
    return Row("event / write", quantiles[49] / write, None, noise(ratios), less=True, figures=told, missed=missed)


def _parts(delays: Sequence[float], count: int = 10) -> Iterator[Sequence[float]]:
    size = max(1, len(delays) // count)
    return (delays[start : start + size] for start in range(0, len(delays), size))


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


def change(port: int, key: str, skus: list[str], asked: dict[str, Any]) -> tuple[int, float, list[float]]:
    """Change stock at the rate that is asked for: how many changes, from when on, and how long each request took."""
    chance, connection = random.Random(1), http.client.HTTPConnection("127.0.0.1", port, timeout=60)  # noqa: S311
    begun, answered = time.time(), list[float]()
    while (due := begun + len(answered) * asked["lines"] / asked["changes"]) < begun + asked["seconds"]:
        time.sleep(max(0.0, due - time.time()))
        sent = time.time()
        adjust(connection, key, chance.sample(skus, asked["lines"]), repr(sent), chance.randint(1, LOCATIONS))
        answered.append(time.time() - sent)
    return len(answered) * asked["lines"], begun, answered


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


if __name__ == "__main__":
    main()
