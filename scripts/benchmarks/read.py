"""`scripts/bench read`: GraphQL reads against the same SQL by hand, and against ordinary resolvers.

Seeded 10,000 products × 20 locations; one worker; load from a separate process over 8 connections. The gateway gives
the same answers as the floor, and takes turns with it, or with the peer, within one run; the ratio is the median over
pairs of neighbouring turns, because the machine's own speed changes from one minute to the next.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from ratios import figures, report
from read_questions import CART, LOW, PAGE, SINGLE
from servers import database_url, load, post, server, stockgate

GOALS = {
    "page": 0.85,
    "single": 0.5,
    "cart of 10 lines": 0.5,
    "low stock at 5 locations": 0.5,
    "page vs DataLoaders": 60.0,
}


def main() -> None:
    report("read", __doc__, GOALS, measure)


def measure(engine: str, asked: argparse.Namespace) -> list[dict[str, Any]]:
    with database_url(engine) as url:
        if engine == "postgresql":
            stockgate(url, "migrate")
        stockgate(url, "seed", "--products", str(asked.products), "--locations", str(asked.locations))
        token = json.loads(stockgate(url, "key", "create", "--name", "bench", "--scope", "read", "--json"))["token"]
        skus = _prepared(url)
        gateway = {"STOCKGATE_DATABASE_URL": url, "STOCKGATE_LOG_LEVEL": "warning"}
        with (
            server("gateway.app:create_app", **gateway) as ours,
            server("floor:create_app", STOCKGATE_BENCH_URL=url) as floor,
            server("dataloaders:create_app", STOCKGATE_BENCH_URL=url) as peer,
        ):
            key = {"X-API-Key": token}
            turn = lambda port, path, bodies: load(  # noqa: E731 (a closure of one line)
                port, [{"path": path, "headers": key, "body": json.dumps(body)} for body in bodies],
                connections=8, seconds=asked.seconds,
            )  # fmt: skip
            pages = [{"query": PAGE, "variables": {"first": 50}}]
            found = []
            for what, path, bodies, other in (
                ("page", "/page", pages, floor),
                ("single", "/single", [{"query": SINGLE, "variables": {"sku": sku}} for sku in skus], floor),
                ("cart of 10 lines", "/cart", _carts(skus), floor),
                ("low stock at 5 locations", "/low", _low(asked.locations), floor),
                ("page vs DataLoaders", "/graphql/", pages, peer),
            ):
                if what not in asked.only:
                    continue
                for body in bodies[:10] if other is floor else ():  # the peer's cursors are its own
                    _same(what, post(ours.port, "/graphql", body, key), post(other.port, path, body, key))
                pairs = [
                    (turn(ours.port, "/graphql", bodies), turn(other.port, path, bodies)) for _ in range(asked.turns)
                ]
                found.append({"engine": engine, "what": what, "goal": GOALS[what], **figures(pairs)})
            return found


def _carts(skus: Sequence[str]) -> list[dict[str, Any]]:
    """Carts of ten products each, of which some are wanted by the dozen."""
    carts = [skus[n::100] for n in range(100)]
    return [
        {"query": CART, "variables": {"lines": [{"sku": sku, "quantity": 12 // (n + 1) or 1} for n, sku in of]}}
        for of in (list(enumerate(cart[:10])) for cart in carts)
    ]


def _low(locations: int) -> list[dict[str, Any]]:
    """The first page of what is low at five locations, every time others."""
    named = [[{"slug": f"seed-{(first + n) % locations + 1:03}"} for n in range(5)] for first in range(locations)]
    return [{"query": LOW, "variables": {"first": 50, "locations": some}} for some in named]


def _same(what: str, own: Any, other: Any) -> None:
    """Stops when two servers do not give the same answer: then their times say nothing."""
    if own != other:
        texts = json.dumps(own), json.dumps(other)
        first = next((n for n, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), 0)
        start = max(0, first - 100)
        raise SystemExit("\n".join([f"{what}: the answers differ.", *(text[start : start + 300] for text in texts)]))


def _prepared(url: str) -> list[str]:
    """Some of the seeded SKUs, all over the catalogue. PostgreSQL counts its rows first, as it does by itself later."""
    import asyncio

    from sqlalchemy import text

    from storage.database import Database

    async def read() -> list[str]:
        database = Database(url)
        if url.startswith("postgresql"):
            await database.transact(lambda session: session.execute(text("ANALYZE")))
        async with database.reading() as session:
            rows = await session.execute(text("SELECT sku FROM product WHERE sku IS NOT NULL ORDER BY id"))
            skus = [row[0] for row in rows]
        await database.close()
        return skus[:: max(1, len(skus) // 1000)]

    return asyncio.run(read())


if __name__ == "__main__":
    main()
