"""`scripts/bench write`: bulk-sync over HTTP against the same upsert and ledger insert by hand, and the CSV export.

Seeded 10,000 products × 20 locations; the load comes from this process, over one kept-alive connection. The
gateway and the floor take turns within one run; every item of every turn changes its level. The ratio is of medians.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import statistics
import time
from collections.abc import Iterator, Sequence

import orjson
import suite
from ratios import noise
from servers import Server, forget_peak, gateway, memory_mb
from shop import seeded_shop
from suite import Goal, Row
from write_floor import Line, floor_beside

NAMESPACE = "/wp-json/mulopimfwc/v1"
WARM_UP = 3
RATIO_GOAL, GROWTH_GOAL_MB = 0.35, 40


def main() -> None:
    suite.run("write", __doc__, measure, options)


def options(parser: argparse.ArgumentParser) -> None:
    suite.add_catalogue(parser)
    parser.add_argument("--items", type=int, default=1_000, help="items of one bulk-sync")
    parser.add_argument("--turns", type=int, default=40)


def measure(engine: str, workers: int, asked: argparse.Namespace) -> Iterator[Row]:
    with (
        seeded_shop(engine, asked.products, asked.locations) as shop,
        floor_beside(shop.url) as floor,
        gateway(shop.url, workers=workers, bulk_items_max=str(max(asked.items, 1_000))) as ours,
    ):
        client = http.client.HTTPConnection("127.0.0.1", ours.port, timeout=60)
        headers = {**shop.headers, "Content-Type": "application/json"}
        turns = [
            (bulk_sync(client, headers, lines), floor.write(lines))
            for lines in _changing_lines(asked, WARM_UP + asked.turns)
        ][WARM_UP:]
        yield _bulk(turns, asked.items)
        yield export(client, headers, ours)
        client.close()


def _bulk(turns: Sequence[tuple[float, float]], items: int) -> Row:
    seconds, by_hand = (statistics.median(turn[side] for turn in turns) for side in (0, 1))
    slowest = statistics.quantiles((turn[0] for turn in turns), n=100)[98]
    figures = {
        "p50 ms": seconds * 1000,
        "p99 ms": slowest * 1000,
        "floor's": by_hand * 1000,
        "items/s": items / seconds,
    }
    ratios = [by_hand / ours for ours, by_hand in turns]
    return Row(f"bulk-sync of {items:,}", by_hand / seconds, Goal(RATIO_GOAL), noise(ratios), figures=figures)


def _changing_lines(asked: argparse.Namespace, turns: int) -> Iterator[list[Line]]:
    """Other levels in each turn, with a quantity that none of them has yet."""
    chance = random.Random(1)  # noqa: S311 (examples)
    for turn in range(turns):
        levels = chance.sample(range(asked.products * asked.locations), asked.items)
        yield [(n // asked.locations + 1, n % asked.locations + 1, 100_000 + turn) for n in levels]


def bulk_sync(client: http.client.HTTPConnection, headers: dict[str, str], lines: list[Line]) -> float:
    """Send the lines as a legacy client does; how many seconds until the answer was read."""
    items = [
        {"sku": f"SEED-{product:06}", "location_slug": f"seed-{location:03}", "stock": stock}
        for product, location, stock in lines
    ]
    body = orjson.dumps({"items": items})
    started = time.perf_counter()
    client.request("POST", f"{NAMESPACE}/inventory/bulk-sync", body, headers)
    answer = client.getresponse()
    text = answer.read()
    seconds = time.perf_counter() - started
    if answer.status != 200 or json.loads(text)["results"]["success"] != len(lines):
        raise SystemExit(f"A bulk-sync was not accepted: {answer.status} {text[:300]!r}")
    return seconds


def export(client: http.client.HTTPConnection, headers: dict[str, str], ours: Server) -> Row:
    """Read the whole CSV export; rows per second, and how far the server's memory grew above where it stood."""
    _get_rows(client, headers, f"{NAMESPACE}/inventory/export?format=csv&page=1")  # the code is loaded before
    forget_peak(ours)
    before = memory_mb(ours)
    started = time.perf_counter()
    rows = _get_rows(client, headers, f"{NAMESPACE}/inventory/export?format=csv")
    seconds = time.perf_counter() - started
    growth = memory_mb(ours, "VmHWM") - before
    missed = [] if growth < GROWTH_GOAL_MB else [f"grew by {growth:.0f} MB, not < {GROWTH_GOAL_MB}"]
    figures = {"peak growth MB": growth, "rows": rows, "rows/s": rows / seconds, "seconds": seconds}
    return Row("export as CSV, peak / start", 1 + growth / before, less=True, figures=figures, missed=missed)


def _get_rows(client: http.client.HTTPConnection, headers: dict[str, str], path: str) -> int:
    client.request("GET", path, headers=headers)
    answer = client.getresponse()
    lines = 0
    while chunk := answer.read(1 << 20):
        lines += chunk.count(b"\n")
    if answer.status != 200:
        raise SystemExit(f"The export was not answered: {answer.status}")
    return lines - 1  # without the header


if __name__ == "__main__":
    main()
