"""`scripts/bench read`: GraphQL reads against the same SQL by hand, and against ordinary resolvers.

Seeded 10,000 products × 20 locations; load from a separate process over 8 connections. The gateway gives
the same answers as the floor, and takes turns with it, or with the peer, within one run; the ratio is the median over
pairs of neighbouring turns, because the machine's own speed changes from one minute to the next.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from typing import Any

import suite
from ratios import of_turns
from read_questions import CART, LOW, PAGE, SINGLE
from servers import Server, gateway, load, post, server
from shop import Shop, run, seeded_shop
from suite import Goal, Row

GOALS = {
    "page": 0.85,
    "single": 0.5,
    "cart of 10 lines": 0.5,
    "low stock at 5 locations": 0.5,
    "page vs DataLoaders": 60.0,
}


def main() -> None:
    suite.run("read", __doc__, measure, options)


def options(parser: argparse.ArgumentParser) -> None:
    suite.add_catalogue(parser)
    suite.add_turns(parser)
    suite.add_only(parser, GOALS)


def measure(engine: str, workers: int, asked: argparse.Namespace) -> Iterator[Row]:
    with (
        seeded_shop(engine, asked.products, asked.locations) as shop,
        gateway(shop.url, workers=workers) as ours,
        server("floor:create_app", workers=workers, STOCKGATE_BENCH_URL=shop.url) as floor,
        server("dataloaders:create_app", workers=workers, STOCKGATE_BENCH_URL=shop.url) as peer,
    ):
        skus = _skus(shop)

        def turn(side: Server, path: str, bodies: Sequence[Any]) -> dict[str, Any]:
            requests = [{"path": path, "headers": shop.headers, "body": json.dumps(body)} for body in bodies]
            return load(side.port, requests, connections=8, seconds=asked.seconds)

        pages = [{"query": PAGE, "variables": {"first": 50}}]
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
                same(
                    what, *(post(side.port, at, body, shop.headers) for side, at in ((ours, "/graphql"), (floor, path)))
                )
            pairs = [(turn(ours, "/graphql", bodies), turn(other, path, bodies)) for _ in range(asked.turns)]
            yield of_turns(what, Goal(GOALS[what]), pairs, "other")


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


def same(what: str, own: Any, other: Any) -> None:
    """Stops when two servers do not give the same answer: then their times say nothing."""
    if own != other:
        texts = json.dumps(own), json.dumps(other)
        first = next((n for n, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), 0)
        start = max(0, first - 100)
        raise SystemExit("\n".join([f"{what}: the answers differ.", *(text[start : start + 300] for text in texts)]))


def _skus(shop: Shop) -> list[str]:
    """Some of the seeded SKUs, all over the catalogue."""
    skus = [row[0] for row in run(shop.url, "SELECT sku FROM product WHERE sku IS NOT NULL ORDER BY id")]
    return skus[:: max(1, len(skus) // 1000)]


if __name__ == "__main__":
    main()
