"""What all trials have in common: a service, tills that write, a fault again and again, and a look at the books."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from books import Books
from service import Service, stockgate
from tills import BULK_ITEMS, TILLS, Till, tills

from storage.database import Database

BACK_S_MAX: Final = 5.0
_GIVE_UP_S: Final = 40.0


@dataclass
class Shop:
    """A service in the middle of writes, and what a fault needs to know of it."""

    service: Service
    tills: list[Till]
    chance: random.Random
    url: str
    """Of the database, as the looker reaches it."""


Fault = Callable[[Shop, int], float]
"""Makes the fault of a trial, and says when, on the monotonic clock, nothing stood in the way any more."""


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A new folder that everybody may enter: as root, PostgreSQL runs as another user."""
    with tempfile.TemporaryDirectory(prefix="stockgate-trial-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


def new_shop(url: str, *, migrate: bool) -> str:
    """Fill a database, and give a key to it."""
    if migrate:
        stockgate(url, "migrate")
    stockgate(url, "seed", "--products", str(TILLS + BULK_ITEMS), "--locations", "1")
    return str(json.loads(stockgate(url, "key", "create", "--name", "till", "--scope", "write", "--json"))["token"])


def run(  # noqa: PLR0917 (what makes a trial, in the order of its making)
    name: str, service: Service, url: str, token: str, fault: Fault, times: int, seed: int = 1
) -> bool:
    """Make the fault that many times. Prints the counts; whether all is as it must be."""
    shop = Shop(service, tills(), random.Random(seed), url)  # noqa: S311 (no secret)
    books, recoveries, problem, stop = Books(shop.tills), [0.0], "", threading.Event()
    threads = [threading.Thread(target=till.run, args=(service.port, token, stop)) for till in shop.tills]
    done, began = 0, time.monotonic()
    with asyncio.Runner() as loop:
        for thread in threads:
            thread.start()
        try:
            _wait_until_acknowledged(shop, time.monotonic())
            for n in range(times):
                time.sleep(shop.chance.uniform(0, 1))
                back_at = fault(shop, n)
                recoveries.append(_wait_until_acknowledged(shop, back_at) - back_at)
                loop.run(_look(books, url))
                done += 1
                if books.wrong:
                    break
                _progress(name, done, times, shop.tills)
        except TrialError as error:
            problem = str(error)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            if not problem:
                loop.run(_look(books, url, final=True))
    longest = max(recoveries)
    if longest > BACK_S_MAX and not problem:
        problem = f"the longest recovery took more than {BACK_S_MAX:g} s"
    took = time.monotonic() - began
    _print(name, shop, books, done=done, longest=longest, took=took, problem=problem)
    return not (problem or books.wrong)


async def _look(books: Books, url: str, *, final: bool = False) -> None:
    database = Database(url)  # a new one: faults are for the service, not for us
    try:
        await books.look(database, final=final)
    finally:
        await database.close()


class TrialError(Exception):
    """Something is not as it must be, and there is no point in going on."""


def _wait_until_acknowledged(shop: Shop, since: float) -> float:
    """When the last of the tills was back: each has sent something since then that was acknowledged."""
    deadline = max(since, time.monotonic()) + _GIVE_UP_S
    while any(till.acknowledged_at < since for till in shop.tills):
        if problems := [till.problem for till in shop.tills if till.problem]:
            raise TrialError(problems[0])
        if time.monotonic() > deadline:
            waiting = [till.name for till in shop.tills if till.acknowledged_at < since]
            raise TrialError(f"{', '.join(waiting)} got nothing acknowledged within {_GIVE_UP_S:g} s")
        time.sleep(0.005)
    return time.monotonic()


def _progress(name: str, done: int, times: int, clients: list[Till]) -> None:
    if sys.stderr.isatty() or done % 10 in {0, 1}:
        written = sum(till.acknowledged for till in clients)
        print(f"{name}: {done} of {times} trials, {written} writes acknowledged", end="\r", file=sys.stderr, flush=True)


def _print(name: str, shop: Shop, books: Books, *, done: int, longest: float, took: float, problem: str) -> None:
    answered: Counter[int] = sum((till.answered for till in shop.tills), Counter())
    rows: dict[str, Any] = {
        "trials": done,
        "acknowledged": sum(till.acknowledged for till in shop.tills),
        "cut off": sum(till.cut_off for till in shop.tills),
        "answered 503 or 504": answered[503] + answered[504],
        "lost (false 2xx)": books.lost,
        "doubled": books.doubled,
        "half-applied": books.half_applied,
        "drifted": books.drifted,
        "longest recovery": f"{longest:.2f} s",
        "took": f"{took:.0f} s",
    }
    print(
        f"\n{name}: "
        + ", ".join(f"{value} {what}" if isinstance(value, int) else f"{what} {value}" for what, value in rows.items())
    )
    print(
        f"{name}: {problem or ('WRONG' if books.wrong else 'each acknowledged write is there once and whole')}",
        flush=True,
    )


def as_ours(path: Path) -> None:
    """Where libraries look for things of the user."""
    runtime = path / "runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
