"""`scripts/bench scale`: the same questions and writes over more and more stock levels.

Databases of --levels stock levels each (items in stock at 20 locations, each level with its ledger entry) stand side by
side, each behind a gateway of its own. They take turns with the smallest one; the ratio is the median over turns of the
time of the median request here to that there. Pages, SKUs and levels are from anywhere in the catalogue. The largest is
exported as CSV at last. 10,000,000 levels take some 6 GB of disk and some minutes to load.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import suite
from loading import Load, load_database, sku, slug
from ratios import noise
from read_questions import PAGE, SINGLE
from servers import Server, databases, gateway, post, stockgate
from shop import Shop, key
from suite import Goal, Row
from write import export

LOCATIONS, PAGES, WARM_UP = 20, 100, 3
POSTGRESQL = {"shared_buffers": "4GB", "max_wal_size": "8GB", "checkpoint_timeout": "15min"}
"""As one sets them for databases of some gigabytes; the defaults are for a hundredth of that."""
GROWTH_GOAL = Goal(1.5, less=True)
AFTER = PAGE.replace("$first: Int!", "$first: Int!, $after: String").replace(
    "first: $first", "first: $first, after: $after"
)


def main() -> None:
    suite.run("scale", __doc__, measure, options)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--levels", type=int, nargs="+", default=[200_000, 2_000_000], help="how many in each database")
    parser.add_argument("--items", type=int, default=1_000, help="items of one bulk-sync")
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--requests", type=int, default=20, help="requests of each kind in one turn; one bulk-sync")
    parser.add_argument(
        "--reconcile", action="store_true", help="check that the ledger explains every level, at the end"
    )


def measure(engine: str, workers: int, asked: argparse.Namespace) -> Iterator[Row]:
    with contextlib.ExitStack() as stack:
        new_url = stack.enter_context(databases(engine, **POSTGRESQL))
        shops = []
        for levels in sorted(asked.levels):
            size = Load(max(10, levels // LOCATIONS // 10 * 10), LOCATIONS, published=True)
            began = time.perf_counter()
            url = new_url()
            load_database(url, size, lambda what, levels=levels: _tell(f"{engine}: {levels:,} levels: {what}"))  # type: ignore[misc]
            _tell(f"{engine}: {levels:,} levels loaded in {time.perf_counter() - began:.0f} s")
            ours = stack.enter_context(gateway(url, workers=workers, bulk_items_max=str(max(asked.items, 1_000))))
            shops.append(Stocked(size, Shop(url, key(url)), ours, asked.items))
        for what, ask, requests in (
            ("page of 50", Stocked.page, asked.requests),
            ("one SKU", Stocked.single, asked.requests),
            (f"bulk-sync of {asked.items:,}", Stocked.bulk_sync, 1),
        ):
            yield from _compared(what, shops, ask, requests, asked.turns)
        largest = shops[-1]
        yield export(largest.client, largest.headers, largest.server)
        if asked.reconcile:
            for each in shops:
                began = time.perf_counter()
                _tell(f"{each.size.levels:,} levels: {stockgate(each.shop.url, 'reconcile').strip()}")
                _tell(f"reconciled in {time.perf_counter() - began:.0f} s")


@dataclass
class Stocked:
    """A database of one size behind a gateway."""

    size: Load
    shop: Shop
    server: Server
    items: int

    def __post_init__(self) -> None:
        self.chance = random.Random(self.size.items)  # noqa: S311 (examples)
        self.headers = {**self.shop.headers, "Content-Type": "application/json"}
        self.client = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=120)
        self.cursors = [self._cursor(self.chance.randint(1, max(1, self.size.items - 100))) for _ in range(PAGES)]
        self.written = 100_000

    def page(self) -> float:
        """How many seconds a page took."""
        variables = {"first": 50, "after": self.chance.choice(self.cursors)}
        return self._ask("/graphql", {"query": AFTER, "variables": variables}, lambda answer: len(_nodes(answer)) == 50)

    def single(self) -> float:
        wanted = sku(self.chance.randint(1, self.size.items))
        body = {"query": SINGLE, "variables": {"sku": wanted}}
        return self._ask("/graphql", body, lambda answer: len(answer["data"]["product"]["stockLevels"]) == LOCATIONS)

    def bulk_sync(self) -> float:
        """Other levels each time, with a quantity that none of them has yet."""
        self.written += 1
        levels = self.chance.sample(range(self.size.levels), self.items)
        items = [
            {"sku": sku(n // LOCATIONS + 1), "location_slug": slug(n % LOCATIONS + 1), "stock": self.written}
            for n in levels
        ]
        path = "/wp-json/mulopimfwc/v1/inventory/bulk-sync"
        return self._ask(path, {"items": items}, lambda answer: answer["results"]["success"] == self.items)

    def _cursor(self, item: int) -> str:
        query = "query($id: ID!) { products(first: 1, filter: {ids: [$id]}) { pageInfo { endCursor } } }"
        body = {"query": query, "variables": {"id": str(item)}}
        cursor: str = post(self.server.port, "/graphql", body, self.headers)["data"]["products"]["pageInfo"][
            "endCursor"
        ]
        return cursor

    def _ask(self, path: str, body: Any, is_right: Callable[[Any], bool]) -> float:
        sent = orjson.dumps(body)
        began = time.perf_counter()
        self.client.request("POST", path, sent, self.headers)
        answer = self.client.getresponse()
        text = answer.read()
        seconds = time.perf_counter() - began
        if answer.status != 200 or b'"errors":[{' in text[:20] or not is_right(orjson.loads(text)):
            raise SystemExit(f"{path} was answered {answer.status}: {text[:300]!r}")
        return seconds


def _nodes(answer: Any) -> Sequence[Any]:
    nodes: Sequence[Any] = answer["data"]["products"]["nodes"]
    return nodes


def _compared(
    what: str, shops: Sequence[Stocked], ask: Callable[[Stocked], float], requests: int, turns: int
) -> Iterator[Row]:
    seconds: list[list[list[float]]] = [[] for _ in shops]
    for turn in range(WARM_UP + turns):
        for shop, own in zip(shops, seconds, strict=True):
            took = [ask(shop) for _ in range(requests)]
            if turn >= WARM_UP:
                own.append(took)
    medians = [[statistics.median(turn) for turn in own] for own in seconds]
    for shop, own, middle in zip(shops, seconds, medians, strict=True):
        ratios = [here / there for here, there in zip(middle, medians[0], strict=True)]
        quantiles = statistics.quantiles((each for turn in own for each in turn), n=100)
        figures = {"levels": shop.size.levels, "p50 ms": quantiles[49] * 1000, "p99 ms": quantiles[98] * 1000}
        goal = None if shop is shops[0] else GROWTH_GOAL
        named = f"{what}, {shop.size.levels:,} levels"
        yield Row(named, statistics.median(ratios), goal, noise(ratios), less=True, figures=figures)


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
