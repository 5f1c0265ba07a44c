"""`scripts/storm`: processes transfer both ways between five locations, and a follower that comes and goes.

Every process moves a few units of a few items, in any order, each from any location to any other: three times out of
four as a transfer, else as two adjustments of each item in one group, in any order too. Nobody may be told of a
deadlock, or of anything else but that there is not enough. Afterwards no unit was made or lost, the follower has seen
every stock change once and in order, though its connection broke at random, and the ledger explains every level.
Exits 1 when something is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import multiprocessing
import random
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import orjson
from followers import FOLLOW, a_socket
from servers import ENGINES, Server, database_url, server, stockgate
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from websockets.exceptions import ConnectionClosed

from storage.database import Database

PRODUCTS, LOCATIONS, EACH = 12, 5, 40
TRANSFER = """mutation($input: InventoryTransferInput!) {
    moved: inventoryTransfer(input: $input) { userErrors { code } } }"""
ADJUST = "mutation($input: InventoryBulkSyncInput!) { moved: inventoryBulkSync(input: $input) { userErrors { code } } }"
STOCK = """mutation($input: InventoryBulkSyncInput!) {
    inventoryBulkSync(input: $input) { failed changeGroup { entries { sequence } } } }"""


@dataclass(frozen=True, slots=True)
class Task:
    """What a process is to do."""

    port: int
    headers: dict[str, str]
    seconds: float
    seed: int


@dataclass
class Follower:
    """What a subscriber has seen, over however many connections."""

    after: int
    seen: list[int] = field(default_factory=list)
    connections: int = 0
    lagged: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/storm", description=__doc__)
    parser.add_argument("--engine", choices=[*ENGINES, "both"], default="both")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--servers", type=int, default=2, help="server processes over one database")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    engines = ENGINES if asked.engine == "both" else (asked.engine,)
    problems = [problem for engine in engines if (problem := storm(engine, asked))]
    raise SystemExit(1 if problems else 0)


def storm(engine: str, asked: argparse.Namespace) -> str:
    """One storm; what was wrong afterwards, or ''."""
    with database_url(engine) as url:
        if engine == "postgresql":
            stockgate(url, "migrate")
        stockgate(url, "seed", "--products", str(PRODUCTS), "--locations", str(LOCATIONS))
        scopes = ("--scope", "read", "--scope", "write")
        key = json.loads(stockgate(url, "key", "create", "--name", "storm", *scopes, "--json"))["token"]
        headers = {"X-API-Key": key, "Content-Type": "application/json"}
        with servers(url, asked.servers) as running:
            ports = [one.port for one in running]
            start = stock(ports[0], headers)
            told, follower = asyncio.run(transfer_and_follow(ports, key, headers, start, asked))
        problem = told.pop("problem", "") or asyncio.run(look(url, start, follower)) or reconciled(url)
    counts = ", ".join(f"{count} {what}" for what, count in sorted(told.items()))
    print(
        f"{engine}: {asked.processes} processes on {asked.servers} servers for {asked.seconds:g} s: {counts}; "
        f"a follower saw {len(follower.seen)} changes, {follower.connections} connections, {follower.lagged} lagged: "
        + (problem or "every change once and in order, no unit made or lost, reconcile is clean"),
        flush=True,
    )
    return problem


@contextlib.contextmanager
def servers(url: str, count: int) -> Iterator[list[Server]]:
    settings = {"STOCKGATE_DATABASE_URL": url, "STOCKGATE_LOG_LEVEL": "warning"}
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(server("gateway.app:create_app", **settings)) for _ in range(count)]


def stock(port: int, headers: dict[str, str]) -> int:
    """Put the same number everywhere; the last sequence of that."""
    items = [
        {"product": {"id": product}, "location": {"slug": f"seed-{location:03}"}, "onHand": EACH}
        for product in range(1, PRODUCTS + 1)
        for location in range(1, LOCATIONS + 1)
    ]
    done = ask(http.client.HTTPConnection("127.0.0.1", port), headers, STOCK, {"items": items})["inventoryBulkSync"]
    if done["failed"]:
        raise SystemExit(f"{done['failed']} levels could not be stocked.")
    return max(entry["sequence"] for entry in done["changeGroup"]["entries"])


def ask(connection: http.client.HTTPConnection, headers: dict[str, str], query: str, input_: Any) -> Any:
    """The data of an answer; raises RuntimeError when it has errors."""
    connection.request("POST", "/graphql", orjson.dumps({"query": query, "variables": {"input": input_}}), headers)
    answer = connection.getresponse()
    body = answer.read()
    result = orjson.loads(body)
    if answer.status != 200 or "errors" in result:
        raise RuntimeError(f"answered {answer.status}: {body[:300]!r}")
    return result["data"]


def transfer(task: Task) -> Counter[str]:
    """Transfer until the time is over. What became of it, counted; a `problem` ends it."""
    chance, told = random.Random(task.seed), Counter[str]()  # noqa: S311 (examples)
    connection = http.client.HTTPConnection("127.0.0.1", task.port, timeout=60)
    until = time.monotonic() + task.seconds
    while time.monotonic() < until:
        query, input_ = a_transfer(chance) if chance.random() < 0.75 else a_pair_of_adjustments(chance)
        try:
            errors = ask(connection, task.headers, query, input_)["moved"]["userErrors"]
        except (OSError, http.client.HTTPException, RuntimeError) as error:
            told[f"problem: {error}"] += 1
            break
        codes = {error["code"] for error in errors} - {"GROUP_REJECTED"}
        told[f"problem: {sorted(codes)}" if codes - {"INSUFFICIENT_STOCK"} else "refused" if errors else "moved"] += 1
    connection.close()
    return told


def a_transfer(chance: random.Random) -> tuple[str, dict[str, Any]]:
    lines = [
        {"product": {"id": product}, "from": {"slug": origin}, "to": {"slug": target}, "quantity": quantity}
        for product, origin, target, quantity in some_moves(chance)
    ]
    return TRANSFER, {"lines": lines}


def a_pair_of_adjustments(chance: random.Random) -> tuple[str, dict[str, Any]]:
    items = [
        {"product": {"id": product}, "location": {"slug": slug}, "adjust": delta}
        for product, origin, target, quantity in some_moves(chance)
        for slug, delta in ((origin, -quantity), (target, quantity))
    ]
    chance.shuffle(items)
    return ADJUST, {"items": items}


def some_moves(chance: random.Random) -> Iterator[tuple[int, str, str, int]]:
    """What, from where, to where, and how many: of one to six items."""
    for product in chance.sample(range(1, PRODUCTS + 1), chance.randint(1, 6)):
        origin, target = chance.sample(range(1, LOCATIONS + 1), 2)
        yield product, f"seed-{origin:03}", f"seed-{target:03}", chance.randint(1, 4)


async def transfer_and_follow(
    ports: list[int], key: str, headers: dict[str, str], start: int, asked: argparse.Namespace
) -> tuple[dict[str, Any], Follower]:
    chance, follower = random.Random(asked.seed), Follower(start)  # noqa: S311 (examples)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(asked.processes, mp_context=spawn) as pool:
        running = [
            pool.submit(transfer, Task(ports[n % len(ports)], headers, asked.seconds, asked.seed * 1000 + n))
            for n in range(asked.processes)
        ]
        while not all(future.done() for future in running):
            await follow(follower, chance.choice(ports), key, chance, chance.uniform(0.05, 2))
    # Nothing is written any more: whatever was is to be seen within a moment
    await follow(follower, chance.choice(ports), key, chance, 5)
    return _sum_of(running), follower


def _sum_of(running: list[Future[Counter[str]]]) -> dict[str, Any]:
    total: Counter[str] = sum((future.result() for future in running), Counter())
    problems = [what for what in total if what.startswith("problem")]
    return {"problem": problems[0], **total} if problems else dict(total)


async def follow(follower: Follower, port: int, key: str, chance: random.Random, seconds: float) -> None:
    """Follow on from what was seen, for a while; then say goodbye, or do not."""
    async with a_socket(port, key) as socket:
        follower.connections += 1
        await socket.subscribe("1", FOLLOW, after=follower.after)
        with contextlib.suppress(TimeoutError, ConnectionClosed):
            async with asyncio.timeout(seconds):
                async for _id, data in socket.results():
                    event = data["stockChanged"]
                    follower.after = event["sequence"]
                    if event["__typename"] == "StockChangesLagged":
                        follower.lagged += 1
                    else:
                        follower.seen.append(follower.after)
        if chance.random() < 0.5:
            socket.drop()


async def look(url: str, start: int, follower: Follower) -> str:
    """What is wrong in the database or with what the follower saw, or ''."""
    database = Database(url)
    try:
        written, totals = await database.read(_look, start)
    finally:
        await database.close()
    if follower.seen != written:
        missed, seen = set(written) - set(follower.seen), Counter(follower.seen)
        twice = [sequence for sequence, times in seen.items() if times > 1]
        return f"the follower missed {len(missed)} of {len(written)}, saw {len(twice)} twice: {sorted(missed)[:5]}"
    if wrong := {product: total for product, total in totals if total != EACH * LOCATIONS}:
        return f"totals changed: {wrong}"
    return ""


async def _look(session: AsyncSession, start: int) -> tuple[list[int], list[Any]]:
    sequences = text("SELECT sequence FROM ledger_entry WHERE sequence > :start ORDER BY sequence")
    totals = text("SELECT product_id, sum(on_hand) FROM stock_level GROUP BY product_id")
    written = [row[0] for row in await session.execute(sequences, {"start": start})]
    return written, list((await session.execute(totals)).all())


def reconciled(url: str) -> str:
    """What `stockgate reconcile` complains about, or ''."""
    try:
        stockgate(url, "reconcile")
    except subprocess.CalledProcessError as error:
        return f"reconcile exited {error.returncode}: {error.stdout.decode()[:300]}"
    return ""


if __name__ == "__main__":
    main()
