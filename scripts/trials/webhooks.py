"""`scripts/crash --webhooks`: kill -9 of the gateways that send webhooks, while tills write and events are on the way.

Two gateways on one database, each with a supervisor of its own, are killed in turn or together, and started again. A
receiver outside of them keeps what it accepts, answers some requests with 500, and hangs up on others after it has
taken them. At the end each ledger entry must have been accepted, under its one id and with its one text, and the first
deliveries of each level must be in order. What was sent twice has one id, by which receivers go: it is counted.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from postgres import cluster
from service import Service, is_alive
from tills import tills
from trials import folder, new_shop

from gateway.server_secret import ServerSecret
from gateway.settings import Settings
from gateway.webhooks import sealing
from storage import webhook_endpoints
from storage.database import Database
from storage.webhook_endpoints import NewEndpoint

ENDPOINTS: Final = 3
_SECRET_KEY: Final = "the secret of a trial, which is no secret at all"  # noqa: S105 (as it says)
_PATIENCE_S: Final = 240.0
_FAILING: Final = 0.02
_HANGING_UP: Final = 0.02


@dataclass
class Inbox:
    """What the receiver has accepted, by endpoint: the first text of each id, in the order of their coming."""

    first: dict[str, dict[str, str]] = field(default_factory=dict)
    requests: int = 0
    again: int = 0
    changed: int = 0

    def accept(self, path: str, id_: str, body: str) -> None:
        """One request that is, or may be, answered with 200."""
        seen = self.first.setdefault(path, {})
        if id_ in seen:
            self.again += 1
            self.changed += _without_names(seen[id_]) != _without_names(body)
        else:
            seen[id_] = body


def _without_names(body: str) -> str:
    return json.dumps(json.loads(body)["data"]["after"], sort_keys=True)


class Receiver:
    """Listens in a thread of its own, with an event loop of its own."""

    def __init__(self, seed: int) -> None:
        self.inbox = Inbox()
        self.port = 0
        self.is_kind = False
        """Whether it answers every request with 200."""
        self._chance = random.Random(seed)  # noqa: S311 (no secret)
        self._listening = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True).start()
        self._listening.wait()

    async def _run(self) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
                body = (await reader.readexactly(int(headers["content-length"]))).decode()
                luck = 1.0 if self.is_kind else self._chance.random()
                self.inbox.requests += 1
                if luck < _FAILING:
                    writer.write(b"HTTP/1.1 500 Not Now\r\nContent-Length: 0\r\n\r\n")
                    continue
                self.inbox.accept(head.split(" ")[1], headers["webhook-id"], body)
                if luck < _FAILING + _HANGING_UP:
                    return
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


async def _register(url: str, port: int) -> None:
    database = Database(url)
    sealed = sealing.seal(ServerSecret(Settings(secret_key=_SECRET_KEY)).value(), sealing.new_secret())
    for number in range(ENDPOINTS):
        new = NewEndpoint(f"Trial {number}", f"http://127.0.0.1:{port}/{number}", ("stock.changed",), sealed)
        await database.transact(webhook_endpoints.create, new)
    await database.close()


async def _resume(url: str) -> None:
    database = Database(url)
    for endpoint in await database.read(webhook_endpoints.page):
        await database.transact(webhook_endpoints.resume, endpoint.id)
    await database.close()


async def _ledger(url: str, after: int) -> dict[str, tuple[int, int]]:
    """Every event that there must be, with its level."""
    database = Database(url)
    entry = "SELECT sequence, product_id, location_id FROM ledger_entry"
    rows = await database.fetch_rows(f"{entry} WHERE sequence > {after}", [])
    await database.close()
    return {f"evt_{row[0]}": (row[1], row[2]) for row in rows}


async def _last(url: str) -> int:
    database = Database(url)
    rows = await database.fetch_rows("SELECT coalesce(max(sequence), 0) FROM ledger_entry", [])
    await database.close()
    return int(rows[0][0])


def _kill(services: list[Service], chance: random.Random) -> None:
    """One of the gateways, or both: the workers with their supervisor."""
    for service in chance.sample(services, chance.choice([1, 1, 2])):
        pids = [service.supervisor, *service.workers()]
        for pid in pids:
            if pid and is_alive(pid):
                os.kill(pid, signal.SIGKILL)


def _disordered(first: dict[str, str], levels: dict[str, tuple[int, int]]) -> int:
    last: dict[tuple[int, int], int] = {}
    wrong = 0
    for id_ in first:
        number, level = int(id_[4:]), levels.get(id_, (0, 0))
        wrong += number < last.get(level, 0)
        last[level] = max(number, last.get(level, 0))
    return wrong


def crash(engine: str, times: int, seed: int) -> bool:
    """Kill senders that many times; whether all is well."""
    with folder() as path:
        if engine == "sqlite":
            return _crash(engine, f"sqlite:///{path}/stockgate.db", path, times, seed)
        with cluster(path) as server:
            return _crash(engine, server.url, path, times, seed)


def _crash(engine: str, url: str, path: Path, times: int, seed: int) -> bool:
    token = new_shop(url, migrate=engine == "postgresql")
    chance, receiver, began = random.Random(seed), Receiver(seed), time.monotonic()  # noqa: S311 (no secret)
    start = asyncio.run(_last(url))
    asyncio.run(_register(url, receiver.port))
    settings = {"STOCKGATE_SECRET_KEY": _SECRET_KEY, "STOCKGATE_WEBHOOK_TARGETS_ALLOWED": '["127.0.0.1"]'}
    clients, stop = tills(), threading.Event()
    with (
        Service(url, path / "one.log", workers=1, settings=settings) as one,
        Service(url, path / "two.log", workers=1, settings=settings) as two,
    ):
        ports = [one.port, two.port]
        threads = [
            threading.Thread(target=till.run, args=(ports[n % 2], token, stop)) for n, till in enumerate(clients)
        ]
        for thread in threads:
            thread.start()
        for done in range(times):
            time.sleep(chance.uniform(0.5, 4))
            _kill([one, two], chance)
            if sys.stderr.isatty() or done % 10 == 9:
                print(f"webhooks, {engine}: {done + 1} of {times} kills, {receiver.inbox.requests} requests",
                      end="\r", file=sys.stderr, flush=True)  # fmt: skip
        time.sleep(2)
        stop.set()
        for thread in threads:
            thread.join()
        receiver.is_kind = True
        asyncio.run(_resume(url))  # what failed twice would wait for five minutes
        levels = asyncio.run(_ledger(url, start))
        missing = _wait(receiver.inbox, set(levels))
    problems = [till.problem for till in clients if till.problem]
    took = time.monotonic() - began
    name = f"webhooks, {engine}, {times} kills"
    return _told(name, receiver.inbox, levels, missing=missing, took=took, problems=problems)


def _wait(inbox: Inbox, wanted: set[str]) -> int:
    """How many events are missing in the end."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        missing = sum(len(wanted - set(inbox.first.get(f"/{n}", {}))) for n in range(ENDPOINTS))
        if not missing or time.monotonic() > deadline:
            return missing
        time.sleep(0.2)


def _told(
    name: str, inbox: Inbox, levels: dict[str, tuple[int, int]], *, missing: int, took: float, problems: list[str]
) -> bool:
    """Print the counts; whether all is as it must be."""
    unknown = sum(len(set(first) - set(levels)) for first in inbox.first.values())
    disordered = sum(_disordered(first, levels) for first in inbox.first.values())
    figures = {
        "ledger entries": len(levels),
        "requests": inbox.requests,
        "sent again under their id": inbox.again,
        "missing": missing,
        "of nothing": unknown,
        "with another text": inbox.changed,
        "out of order": disordered,
    }
    print(f"\n{name}: " + ", ".join(f"{value} {what}" for what, value in figures.items()) + f", took {took:.0f} s")
    wrong = missing + unknown + inbox.changed + disordered
    verdict = "WRONG" if wrong else "each event arrived, under one id, in order"
    print(f"{name}: {'; '.join(problems) or verdict}", flush=True)
    return not (wrong or problems)
