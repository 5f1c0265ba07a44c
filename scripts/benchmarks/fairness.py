"""`scripts/bench fairness`: several processes write bulks to one SQLite file; how long each has to wait for its turn.

With the queue that the gateway has (storage/writer_lock.py), and with SQLite's own busy handler alone. Times are of one
bulk, from asking to committed, while all processes write.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from servers import database_url, stockgate

GOAL = 5


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench fairness", description=__doc__)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--items", type=int, default=1_000, help="items of one bulk")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--json", type=Path, default=Path("bench-fairness.json"), help="where the figures go")
    parser.add_argument("--write", nargs=2, help=argparse.SUPPRESS)  # what one process does: the URL, and how
    asked = parser.parse_args()
    if asked.write:
        sys.stdout.write(json.dumps(asyncio.run(write(*asked.write, asked))))
        return
    with database_url("sqlite") as url:
        stockgate(url, "seed", "--products", "2000", "--locations", "20")
        results = [measure(url, how, asked) for how in ("queue", "none")]
    asked.json.write_text(json.dumps(results, indent=1))
    Console(width=110).print(table(results, asked), f"Figures: {asked.json}", sep="\n")


def measure(url: str, how: str, asked: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, "--items", str(asked.items), "--seconds", str(asked.seconds), "--write"]
    processes = [subprocess.Popen([*command, url, how], stdout=subprocess.PIPE) for _ in range(asked.processes)]
    runs = [json.loads(process.communicate(timeout=asked.seconds + 120)[0]) for process in processes]
    began, ended = max(run["began"] for run in runs), min(run["ended"] for run in runs)
    turns = [[end - start for start, end in run["turns"] if began <= start and end <= ended] for run in runs]
    together = sorted(seconds for own in turns for seconds in own)
    p50, p99 = statistics.median(together), together[int(len(together) * 0.99)]
    return {
        "ratio": p99 / p50, "how": how, "p50_ms": p50 * 1000, "p99_ms": p99 * 1000, "max_ms": together[-1] * 1000,
        "bulks": len(together), "fewest": min(map(len, turns)), "most": max(map(len, turns)),
    }  # fmt: skip


async def write(url: str, how: str, asked: argparse.Namespace) -> dict[str, Any]:
    """One bulk after the other."""
    from storage import inventory
    from storage.changes import Change, ChangeGroup, ItemKey, LocationKey, Origin, SetQuantity
    from storage.database import Database

    class Unqueued(Database):
        def turn(self) -> AbstractAsyncContextManager[None]:
            return nullcontext()

    database = Database(url) if how == "queue" else Unqueued(url)
    turns: list[tuple[float, float]] = []
    began = time.time()
    while not turns or turns[-1][1] < began + asked.seconds:
        n = len(turns)
        group = ChangeGroup(
            changes=tuple(
                Change(
                    items=(ItemKey("id", item + 1),),
                    location=LocationKey("id", n % 20 + 1),
                    quantity=SetQuantity(n * asked.items + item),
                )
                for item in range(asked.items)
            ),
            origin=Origin("bench", principal="bench"),
        )
        started = time.time()
        await database.transact(inventory.apply, group)
        turns.append((started, time.time()))
    await database.close()
    return {"began": began, "ended": turns[-1][1], "turns": turns}


def table(results: list[dict[str, Any]], asked: argparse.Namespace) -> Table:
    made = Table(title=f"{asked.processes} processes × bulks of {asked.items} items on one SQLite file")
    for heading in ("p99 / p50", "goal", "queue", "p50 ms", "p99 ms", "max ms", "bulks", "of each process"):
        made.add_column(heading, justify="left" if heading == "queue" else "right")
    for row in results:
        made.add_row(
            f"{row['ratio']:.1f}", f"≤ {GOAL}" if row["how"] == "queue" else "–",
            "the gateway's" if row["how"] == "queue" else "SQLite's polling",
            f"{row['p50_ms']:.0f}", f"{row['p99_ms']:.0f}", f"{row['max_ms']:.0f}", str(row["bulks"]),
            f"{row['fewest']}–{row['most']}",
        )  # fmt: skip
    return made


if __name__ == "__main__":
    main()
