"""`scripts/bench fairness`: several processes write bulks to one SQLite file; how long each has to wait for its turn.

With the queue that the gateway has (storage/writer_lock.py), and with SQLite's own busy handler alone. Times are of one
bulk, from asking to committed, while all processes (--workers of them) write; the ratio is p99 to p50.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import suite
from servers import database_url, stockgate
from suite import Goal, Row

GOAL = Goal(5, less=True)
WAYS = {"queue": "the gateway's queue", "none": "SQLite's polling"}
_PART = "--write"  # what one process is told to do: the URL, how, and how long


def main() -> None:
    if _PART in sys.argv:
        url, how, items, seconds = sys.argv[sys.argv.index(_PART) + 1 :]
        sys.stdout.write(json.dumps(asyncio.run(write(url, how, int(items), float(seconds)))))
        return
    suite.run("fairness", __doc__, measure, options, suite.Choices(("sqlite",), (4,)))


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--items", type=int, default=1_000, help="items of one bulk")
    parser.add_argument("--seconds", type=float, default=20)


def measure(engine: str, workers: int, asked: argparse.Namespace) -> Iterator[Row]:
    with database_url(engine) as url:
        stockgate(url, "seed", "--products", "2000", "--locations", "20")
        for how in WAYS:
            yield _row(url, how, workers, asked)


def _row(url: str, how: str, workers: int, asked: argparse.Namespace) -> Row:
    command = [sys.executable, __file__, _PART, url, how, str(asked.items), str(asked.seconds)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(workers)]
    runs = [json.loads(process.communicate(timeout=asked.seconds + 120)[0]) for process in processes]
    began, ended = max(run["began"] for run in runs), min(run["ended"] for run in runs)
    turns = [[end - start for start, end in run["turns"] if began <= start and end <= ended] for run in runs]
    together = sorted(seconds for own in turns for seconds in own)
    p50, p99 = statistics.median(together), together[int(len(together) * 0.99)]
    figures = {
        "p50 ms": p50 * 1000, "p99 ms": p99 * 1000, "max ms": together[-1] * 1000, "bulks": len(together),
        "fewest": min(map(len, turns)), "most": max(map(len, turns)),
    }  # fmt: skip
    return Row(WAYS[how], p99 / p50, GOAL if how == "queue" else None, less=True, figures=figures)


async def write(url: str, how: str, items: int, seconds: float) -> dict[str, Any]:
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
    while not turns or turns[-1][1] < began + seconds:
        n = len(turns)
        group = ChangeGroup(
            changes=tuple(
                Change(
                    items=(ItemKey("id", item + 1),),
                    location=LocationKey("id", n % 20 + 1),
                    quantity=SetQuantity(n * items + item),
                )
                for item in range(items)
            ),
            origin=Origin("bench", principal="bench"),
        )
        started = time.time()
        await database.transact(inventory.apply, group)
        turns.append((started, time.time()))
    await database.close()
    return {"began": began, "ended": turns[-1][1], "turns": turns}


if __name__ == "__main__":
    main()
