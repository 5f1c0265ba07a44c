"""`scripts/fuzz`: random and mutated requests over all REST routes of a real application, seeded.

A request is one that /openapi.json describes, with values of the catalogue where they fit; near to half are then
mutated, some often: a value of the wrong kind, a bound passed by one, a member left out or doubled, a body cut or no
JSON at all, a wrong method, path, header or key. Several are on their way at once. No answer may be a 5xx (but for
those that contracts have), every answer to a described route must be as described, and in the end the ledger must
explain every stock level.
Exits 1 when something is wrong; `--seed` and `--requests` make the same requests again.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import httpx
from fuzzed_requests import Asked, Catalogue, Keys, Requests
from servers import ENGINES, database_url
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.applications import Starlette

from gateway.app import create_app
from gateway.settings import Settings
from storage import access, catalog, reconciliation
from storage.access import Scope, Visibility
from storage.catalog_document import load
from storage.database import Database
from tests import conforming

CONTRACTED = {"bulk_sync_failed", "too_many_exports"}
"""5xx answers that a dialect's contract has."""
BODY_BYTES_MAX = 200_000
SHOWN_MAX = 20
DEMO = Path(__file__).parents[2] / "gateway/cli/demo_catalog.json"


@dataclass
class Findings:
    """What was answered, and what was wrong."""

    statuses: Counter[int] = field(default_factory=Counter)
    routes: Counter[str] = field(default_factory=Counter)
    described: int = 0
    problems: Counter[str] = field(default_factory=Counter)

    def add(self, asked: Asked, response: httpx.Response) -> None:
        """Look at one answer."""
        status = response.status_code
        self.statuses[status] += 1
        self.routes["/".join(asked.path.split("/")[:4])] += 1
        if status >= 500 and not any(code in response.text for code in CONTRACTED):
            self.problem(f"{status}", asked, response)
        operation = None if asked.is_reshaped else conforming.operation_of(asked.method.lower(), asked.path)
        if operation is not None and status < 500:
            self.described += 1
            if found := conforming.problems_of(operation, response):
                self.problem(f"{operation} {status}: {found[0]}", asked, response)

    def problem(self, what: str, asked: Asked, response: httpx.Response) -> None:
        """Tell it the first time."""
        self.problems[what] += 1
        if self.problems[what] == 1 and len(self.problems) <= SHOWN_MAX:
            print(f"\n{what}\n  request {asked.number}: {asked}\n  answer: {response.text[:500]}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--engine", choices=[*ENGINES, "both"], default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--path", default="", help="only routes that begin with it, such as /wp-json/wc")
    asked = parser.parse_args()
    engines = ENGINES if asked.engine == "both" else (asked.engine,)
    problems = 0
    for engine in engines:
        with database_url(engine) as url:
            problems += asyncio.run(fuzz(engine, url, asked))
    raise SystemExit(1 if problems else 0)


async def fuzz(engine: str, url: str, asked: argparse.Namespace) -> int:
    """One run; how many things were wrong."""
    app = create_app(
        Settings.model_validate(
            {
                "database_url": url,
                "mode": "development",
                "cost_per_minute": 0,
                "log_level": "error",
                "body_bytes_max": BODY_BYTES_MAX,
                "secret_key": "f" * 40,
            }
        )
    )
    database: Database = app.state.database
    if engine == "postgresql":
        from storage import migrations

        await migrations.upgrade(database)
    async with app.router.lifespan_context(app):
        keys, catalogue = await set_up(database)
        findings, started = Findings(), time.perf_counter()
        requests = iter(Requests(app, keys, catalogue, seed=asked.seed, path=asked.path).make(asked.requests))
        await asyncio.gather(*(work(app, requests, findings, started) for _ in range(asked.at_once)))
        took = time.perf_counter() - started
        return report(engine, findings, took, *await look(database))


async def work(app: Starlette, requests: Iterator[Asked], findings: Findings, started: float) -> None:
    """Send one request after the other, as long as there are any."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    for asked in requests:
        query = urlencode(asked.query, errors="replace") if asked.query else ""
        target = httpx.URL(scheme="http", host="shop.test", raw_path=asked.raw_path(query))
        headers = [(name.encode(), value.encode("latin-1")) for name, value in asked.headers]
        request = httpx.Request(asked.method, target, headers=headers, content=asked.body)
        response = await transport.handle_async_request(request)
        response.request = request
        await response.aread()
        findings.add(asked, response)
        done = findings.statuses.total()
        if done % 5000 == 0:
            rate = done / (time.perf_counter() - started)
            print(f"{done:>7} requests, {rate:,.0f}/s, {len(findings.problems)} problems", flush=True)


async def set_up(database: Database) -> tuple[Keys, Catalogue]:
    """The demo's catalogue, keys of every kind, and what there is to name in requests."""
    await database.transact(catalog.import_catalog, load(DEMO.read_bytes()))

    async def issue(session: AsyncSession) -> Keys:
        both = [Scope.READ, Scope.WRITE]
        return Keys(
            good=(await access.issue_api_key(session, "fuzz", both)).token,
            others=[
                (await access.issue_api_key(session, "reader", [Scope.READ])).token,
                (await access.issue_api_key(session, "writer", [Scope.WRITE])).token,
                (await access.issue_api_key(session, "here", both, location_ids=[1])).token,
                (await access.issue_api_key(session, "nowhere", both, location_ids=[])).token,
                (await access.issue_api_key(session, "band", both, visibility=Visibility.BAND)).token,
                (await access.issue_api_key(session, "page", both, origins=["https://own.example"])).token,
                "sgk_unknown",
                "",
            ],
            webhook=(await access.issue_webhook_secret(session, "fuzz")).token,
        )

    keys = await database.transact(issue)
    async with database.reading() as session:
        products = (await session.execute(text("SELECT id, sku, gtin, parent_id FROM product"))).all()
        locations = (await session.execute(text("SELECT id, slug, code, name FROM location"))).all()
    return keys, Catalogue(products, locations)


async def look(database: Database) -> tuple[list[str], dict[str, int]]:
    """What the ledger does not explain, and how much was written."""
    drifts = await database.read(reconciliation.drifts)
    tables = ("product", "stock_level", "ledger_entry", "stock_change_group")
    async with database.reading() as session:
        counts = {table: int(await session.scalar(text(f"SELECT count(*) FROM {table}")) or 0) for table in tables}
        deltas = await session.scalar(text("SELECT coalesce(sum(delta), 0) FROM ledger_entry"))
        on_hand = await session.scalar(text("SELECT coalesce(sum(on_hand), 0) FROM stock_level"))
    problems = [str(drift) for drift in drifts]
    if int(deltas or 0) != int(on_hand or 0):
        problems.append(f"all deltas are {deltas}, and all quantities {on_hand}")
    return problems, counts


def report(engine: str, findings: Findings, took: float, unexplained: list[str], counts: dict[str, int]) -> int:
    """Print the figures; how many things were wrong."""
    done = findings.statuses.total()
    print(f"\n{engine}: {done:,} requests in {took:.0f} s ({done / took:,.0f}/s), {findings.described:,} compared")
    print("  statuses:", ", ".join(f"{status} × {n:,}" for status, n in sorted(findings.statuses.items())))
    for route, n in findings.routes.most_common(12):
        print(f"  {n:>7,} {route}")
    print("  rows:", ", ".join(f"{table} {n:,}" for table, n in counts.items()))
    for problem, n in findings.problems.most_common():
        print(f"  WRONG × {n:,}: {problem}")
    for problem in unexplained[:SHOWN_MAX]:
        print(f"  UNEXPLAINED: {problem}")
    print("  the books balance" if not unexplained else f"  {len(unexplained)} levels are not explained", flush=True)
    return len(findings.problems) + len(unexplained)


if __name__ == "__main__":
    main()
