"""`scripts/bench read`: GraphQL reads against the same SQL by hand, and against ordinary resolvers.

Seeded 10,000 products × 20 locations; one worker; load from a separate process over 8 connections. The gateway, the
floor and the peer take turns within one run; the ratio is the median over pairs of neighbouring turns, because the
machine's own speed changes from one minute to the next.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from servers import ENGINES, database_url, load, server, stockgate

PAGE = """query Page($first: Int!) { products(first: $first) { nodes { databaseId sku name regularPrice
  stockLevels { onHand regularPrice salePrice location { databaseId slug name } } }
  pageInfo { hasNextPage endCursor } } }"""
SINGLE = """query Single($sku: String!) { product(sku: $sku) { databaseId sku name regularPrice
  stockLevels { onHand regularPrice salePrice location { databaseId slug name } } } }"""
GOALS = {"page": 0.85, "single": 0.5, "page vs DataLoaders": 60.0}


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench read", description=__doc__)
    parser.add_argument("--engine", choices=[*ENGINES, "both"], default="both")
    parser.add_argument("--products", type=int, default=10_000)
    parser.add_argument("--locations", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=2, help="length of one turn")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--json", type=Path, default=Path("bench-read.json"), help="where the figures go")
    asked = parser.parse_args()
    engines = ENGINES if asked.engine == "both" else (asked.engine,)
    rows = [row for engine in engines for row in measure(engine, asked)]
    asked.json.write_text(json.dumps(rows, indent=1))
    table = Table(title=f"{asked.products} products × {asked.locations} locations, 1 worker, 8 connections")
    for heading in ("ratio", "goal", "engine", "what", "requests/s", "floor or peer", "p50 ms", "p99 ms"):
        table.add_column(heading, justify="left" if heading in {"engine", "what"} else "right")
    for row in rows:
        table.add_row(
            f"{row['ratio']:.2f}", f"≥ {row['goal']:g}", row["engine"], row["what"], f"{row['per_second']:.0f}",
            f"{row['other_per_second']:.1f}", f"{row['p50_ms']:.2f}", f"{row['p99_ms']:.2f}",
        )  # fmt: skip
    Console(width=110).print(table)


def measure(engine: str, asked: argparse.Namespace) -> list[dict[str, Any]]:
    with database_url(engine) as url:
        if engine == "postgresql":
            stockgate(url, "migrate")
        stockgate(url, "seed", "--products", str(asked.products), "--locations", str(asked.locations))
        token = json.loads(stockgate(url, "key", "create", "--name", "bench", "--scope", "read", "--json"))["token"]
        skus = json.loads(_skus(url))
        gateway = {"STOCKGATE_DATABASE_URL": url, "STOCKGATE_LOG_LEVEL": "warning"}
        with (
            server("gateway.app:create_app", **gateway) as ours,
            server("floor:create_app", STOCKGATE_BENCH_URL=url) as floor,
            server("dataloaders:create_app", STOCKGATE_BENCH_URL=url) as peer,
        ):
            pages = [{"query": PAGE, "variables": {"first": 50}}]
            singles = [{"query": SINGLE, "variables": {"sku": sku}} for sku in skus]
            key = {"X-API-Key": token}
            turn = lambda port, path, bodies: load(  # noqa: E731 (a closure of one line)
                port, [{"path": path, "headers": key, "body": json.dumps(body)} for body in bodies],
                connections=8, seconds=asked.seconds,
            )  # fmt: skip
            found = []
            for what, path, bodies, other in (
                ("page", "/page", pages, floor),
                ("single", "/single", singles, floor),
                ("page vs DataLoaders", "/graphql/", pages, peer),
            ):
                pairs = [
                    (turn(ours.port, "/graphql", bodies), turn(other.port, path, bodies)) for _ in range(asked.turns)
                ]
                found.append(_row(engine, what, pairs))
            return found


def _row(engine: str, what: str, pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    def per_second(run: dict[str, Any]) -> float:
        return float(run["requests"] / run["seconds"])

    mine, others = zip(*pairs, strict=True)
    return {
        "engine": engine,
        "what": what,
        "ratio": statistics.median(per_second(own) / per_second(other) for own, other in pairs),
        "goal": GOALS[what],
        "per_second": statistics.median(map(per_second, mine)),
        "other_per_second": statistics.median(map(per_second, others)),
        "p50_ms": statistics.median(run["p50_ms"] for run in mine),
        "p99_ms": statistics.median(run["p99_ms"] for run in mine),
    }


def _skus(url: str) -> str:
    """Some of the seeded SKUs."""
    import asyncio

    from sqlalchemy import text

    from storage.database import Database

    async def read() -> str:
        database = Database(url)
        async with database.reading() as session:
            rows = await session.execute(text("SELECT sku FROM product WHERE sku IS NOT NULL ORDER BY id LIMIT 1000"))
            skus = [row[0] for row in rows]
        await database.close()
        return json.dumps(skus)

    return asyncio.run(read())


if __name__ == "__main__":
    main()
