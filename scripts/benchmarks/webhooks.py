"""`scripts/bench webhooks`: deliveries per second of one gateway to one fast receiver, and what endpoints cost writers.

The receiver is a process of its own on loopback. Deliveries: a bulk-sync changes 1,000 levels, and the receiver says
when the first and the last event came. Writes: two gateways on databases that are alike take turns, one without
endpoints and one with 20; the ratio is of the medians of a write's time. Once the endpoints want other products, and
writes follow one another without a pause; once they want all of it, and there are so many writes a second.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import orjson
import suite
from ratios import noise
from servers import ROOT, Server, cpu_seconds, gateway, get, served
from shop import Shop, seeded_shop
from suite import Goal, Row
from write import bulk_sync

from gateway.webhooks import sealing
from storage import webhook_endpoints
from storage.database import Database
from storage.webhook_endpoints import NewEndpoint

_SECRET_KEY: Final = "the secret of a benchmark, which is none at all"  # noqa: S105 (as it says)
_PATH: Final = "/wp-json/mulopimfwc/v1/inventory/update"
DELIVERIES_GOAL: Final = 300
WRITE_GOAL: Final = Goal(1.2, less=True)
_PATIENCE_S: Final = 120


def main() -> None:
    suite.run("webhooks", __doc__, measure, options)


def options(parser: argparse.ArgumentParser) -> None:
    suite.add_catalogue(parser, 1_000, 3)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--writes", type=int, default=100, help="of one turn")
    parser.add_argument("--endpoints", type=int, default=20)
    parser.add_argument("--pace", type=float, default=10, help="writes per second, where endpoints want all of them")


def measure(engine: str, workers: int, asked: argparse.Namespace) -> Iterator[Row]:
    with receiver() as inbox:
        with seeded_shop(engine, asked.products, asked.locations) as shop:
            register(shop, inbox, 1)
            with sender(shop, workers) as ours:
                yield deliveries(shop, ours, inbox, asked)
        for what, wanted, pace in (("other products", (asked.products,), 0.0), ("all of it", None, asked.pace)):
            with (
                seeded_shop(engine, asked.products, asked.locations) as plain,
                seeded_shop(engine, asked.products, asked.locations) as with_endpoints,
            ):
                register(with_endpoints, inbox, asked.endpoints, wanted)
                with sender(plain, workers) as without, sender(with_endpoints, workers) as ours:
                    yield writes(what, (plain, without), (with_endpoints, ours), asked, pace)


@contextmanager
def receiver() -> Iterator[Server]:
    """One that answers at once."""
    with served([sys.executable, str(ROOT / "scripts/benchmarks/webhook_receiver.py")], {}) as inbox:
        yield inbox


@contextmanager
def sender(shop: Shop, workers: int) -> Iterator[Server]:
    """A gateway that sends."""
    with gateway(shop.url, workers=workers, secret_key=_SECRET_KEY, webhook_targets_allowed='["127.0.0.1"]') as ours:
        yield ours


def register(shop: Shop, inbox: Server, count: int, products: tuple[int, ...] | None = None) -> None:
    """So many endpoints, for all products or for some."""
    sealed = sealing.seal(_SECRET_KEY, sealing.new_secret())

    async def create() -> None:
        database = Database(shop.url)
        for number in range(count):
            url = f"http://127.0.0.1:{inbox.port}/{number}"
            new = NewEndpoint(f"Bench {number}", url, ("stock.changed",), sealed, product_ids=products)
            await database.transact(webhook_endpoints.create, new)
        await database.close()

    asyncio.run(create())


def deliveries(shop: Shop, ours: Server, inbox: Server, asked: argparse.Namespace) -> Row:
    """Events of bulks of 1,000, from the first to the last that came."""
    client = http.client.HTTPConnection("127.0.0.1", ours.port, timeout=60)
    rates, latencies, spent = [], [], []
    count = min(asked.products, 1_000)
    for turn in range(asked.turns):
        told(inbox, "/forget")
        before = cpu_seconds(ours)
        bulk_sync(client, {**shop.headers, "Content-Type": "application/json"}, lines(count, 1_000_000 + turn))
        written = time.monotonic()
        came = until(inbox, count)
        time.sleep(0.5)  # what is recorded counts, too
        rates.append((count - 1) / (came["last"] - came["first"]))
        latencies.append((came["first"] - written) * 1000)
        spent.append((cpu_seconds(ours) - before) / count * 1000)
    client.close()
    figures = {
        "deliveries/s": statistics.median(rates),
        "first after ms": statistics.median(latencies),
        "CPU ms each": statistics.median(spent),
    }
    ratios = [rate / DELIVERIES_GOAL for rate in rates]
    what = f"deliveries/s, to {DELIVERIES_GOAL}"
    return Row(what, statistics.median(ratios), Goal(1), noise(ratios), figures=figures)


def lines(count: int, stock: int) -> list[tuple[int, int, int]]:
    """The same products at the first location, each with another quantity than before."""
    return [(number + 1, 1, stock) for number in range(count)]


def until(inbox: Server, count: int) -> dict[str, Any]:
    """What the receiver tells when so many came."""
    deadline = time.monotonic() + _PATIENCE_S
    while (came := told(inbox, "/"))["count"] < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"Only {came['count']} of {count} events came within {_PATIENCE_S} s.")
        time.sleep(0.05)
    return came


def told(inbox: Server, path: str) -> dict[str, Any]:
    came: dict[str, Any] = json.loads(get(f"http://127.0.0.1:{inbox.port}{path}"))
    return came


def writes(
    what: str, plain: tuple[Shop, Server], other: tuple[Shop, Server], asked: argparse.Namespace, pace: float
) -> Row:
    """Single writes of both, in turns."""
    clients = [http.client.HTTPConnection("127.0.0.1", ours.port, timeout=60) for _, ours in (plain, other)]
    headers = [{**shop.headers, "Content-Type": "application/json"} for shop, _ in (plain, other)]
    pairs = []
    for turn in range(-1, asked.turns):
        order = (0, 1) if turn % 2 else (1, 0)
        medians = {side: _write(clients[side], headers[side], asked, turn, pace) for side in order}
        pairs.append((medians[0], medians[1]))
    for client in clients:
        client.close()
    without, within = zip(*pairs[1:], strict=True)  # the first warms up
    ratios = [ours / theirs for theirs, ours in pairs[1:]]
    figures = {"p50 ms": statistics.median(within), "without": statistics.median(without)}
    row = f"a write with {asked.endpoints} endpoints that want {what}, to one with none"
    return Row(row, statistics.median(ratios), WRITE_GOAL, noise(ratios), figures=figures)


def _write(
    client: http.client.HTTPConnection, headers: dict[str, str], asked: argparse.Namespace, turn: int, pace: float
) -> float:
    took: Sequence[float] = []
    for number in range(asked.writes if not pace else max(asked.writes // 4, 10)):
        item = {"product_id": number % (asked.products - 1) + 1, "location_slug": "seed-001"}
        body = orjson.dumps({**item, "stock": 2_000_000 + (turn + 1) * asked.writes + number})
        began = time.perf_counter()
        client.request("POST", _PATH, body, headers)
        answer = client.getresponse()
        text = answer.read()
        took = [*took, time.perf_counter() - began]
        if answer.status != 200:
            raise SystemExit(f"A write was not accepted: {answer.status} {text[:200]!r}")
        if pace:
            time.sleep(max(1 / pace - took[-1], 0))
    return statistics.median(took) * 1000


if __name__ == "__main__":
    main()
