"""`scripts/bench write`: bulk-sync over HTTP against the same upsert and ledger insert by hand, and the CSV export.

Seeded 10,000 products × 20 locations; one worker; the load comes from this process, over one kept-alive connection. The
gateway and the floor take turns within one run; every item of every turn changes its level. The ratio is of medians.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import re
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table
from servers import ENGINES, Server, database_url, server, stockgate
from write_floor import Line, floor_beside

NAMESPACE = "/wp-json/mulopimfwc/v1"
WARM_UP = 3
RATIO_GOAL, GROWTH_GOAL_MB = 0.35, 40


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench write", description=__doc__)
    parser.add_argument("--engine", choices=[*ENGINES, "both"], default="both")
    parser.add_argument("--products", type=int, default=10_000)
    parser.add_argument("--locations", type=int, default=20)
    parser.add_argument("--items", type=int, default=1_000, help="items of one bulk-sync")
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--json", type=Path, default=Path("bench-write.json"), help="where the figures go")
    asked = parser.parse_args()
    engines = ENGINES if asked.engine == "both" else (asked.engine,)
    results = [measure(engine, asked) for engine in engines]
    asked.json.write_text(json.dumps(results, indent=1))
    Console(width=110).print(*tables(results, asked), f"Figures: {asked.json}", sep="\n")


def measure(engine: str, asked: argparse.Namespace) -> dict[str, Any]:
    with database_url(engine) as url:
        if engine == "postgresql":
            stockgate(url, "migrate")
        stockgate(url, "seed", "--products", str(asked.products), "--locations", str(asked.locations))
        created = stockgate(url, "key", "create", "--name", "bench", "--scope", "read", "--scope", "write", "--json")
        headers = {"X-API-Key": json.loads(created)["token"], "Content-Type": "application/json"}
        with floor_beside(url) as floor, server("gateway.app:create_app", **_settings(url, asked)) as ours:
            client = http.client.HTTPConnection("127.0.0.1", ours.port, timeout=60)
            turns = [
                (bulk_sync(client, headers, lines), floor.write(lines))
                for lines in _changing_lines(asked, WARM_UP + asked.turns)
            ][WARM_UP:]
            exported = export(client, headers, ours)
            client.close()
    seconds, by_hand = (statistics.median(turn[side] for turn in turns) for side in (0, 1))
    return {
        "ratio": by_hand / seconds, "engine": engine, "items": asked.items, "turns": asked.turns,
        "p50_ms": seconds * 1000, "items_per_second": asked.items / seconds, "floor_p50_ms": by_hand * 1000,
        "export": exported,
    }  # fmt: skip


def _settings(url: str, asked: argparse.Namespace) -> dict[str, str]:
    return {
        "STOCKGATE_DATABASE_URL": url,
        "STOCKGATE_LOG_LEVEL": "warning",
        "STOCKGATE_BULK_ITEMS_MAX": str(max(asked.items, 1_000)),
    }


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


def export(client: http.client.HTTPConnection, headers: dict[str, str], ours: Server) -> dict[str, Any]:
    """Read the whole CSV export; rows per second, and how far the server's memory grew above where it stood."""
    _get_rows(client, headers, f"{NAMESPACE}/inventory/export?format=csv&page=1")  # the code is loaded before
    Path(f"/proc/{ours.process.pid}/clear_refs").write_text("5")  # the peak counts from here
    before = _megabytes(ours, "VmRSS")
    started = time.perf_counter()
    rows = _get_rows(client, headers, f"{NAMESPACE}/inventory/export?format=csv")
    seconds = time.perf_counter() - started
    growth = _megabytes(ours, "VmHWM") - before
    return {"rows": rows, "rows_per_second": rows / seconds, "seconds": seconds, "peak_growth_mb": growth}


def _get_rows(client: http.client.HTTPConnection, headers: dict[str, str], path: str) -> int:
    client.request("GET", path, headers=headers)
    answer = client.getresponse()
    lines = 0
    while chunk := answer.read(1 << 20):
        lines += chunk.count(b"\n")
    if answer.status != 200:
        raise SystemExit(f"The export was not answered: {answer.status}")
    return lines - 1  # without the header


def _megabytes(ours: Server, measure: str) -> float:
    status = Path(f"/proc/{ours.process.pid}/status").read_text()
    match = re.search(rf"{measure}:\s+(\d+) kB", status)
    assert match is not None  # noqa: S101 (Linux always says)
    return int(match[1]) / 1024


def tables(results: list[dict[str, Any]], asked: argparse.Namespace) -> list[Table]:
    bulk = Table(title=f"bulk-sync of {asked.items} items over HTTP, 1 worker, {asked.turns} turns")
    for heading in ("ratio", "goal", "engine", "p50 ms", "items/s", "floor p50 ms"):
        bulk.add_column(heading, justify="left" if heading == "engine" else "right")
    csv = Table(title="export as CSV")
    for heading in ("peak growth MB", "goal", "engine", "rows", "rows/s", "seconds"):
        csv.add_column(heading, justify="left" if heading == "engine" else "right")
    for result in results:
        bulk.add_row(
            f"{result['ratio']:.2f}", f"≥ {RATIO_GOAL}", result["engine"], f"{result['p50_ms']:.1f}",
            f"{result['items_per_second']:,.0f}", f"{result['floor_p50_ms']:.1f}",
        )  # fmt: skip
        exported = result["export"]
        csv.add_row(
            f"{exported['peak_growth_mb']:.1f}", f"< {GROWTH_GOAL_MB}", result["engine"], f"{exported['rows']:,}",
            f"{exported['rows_per_second']:,.0f}", f"{exported['seconds']:.1f}",
        )  # fmt: skip
    return [bulk, csv]


if __name__ == "__main__":
    main()
