"""`scripts/bench peers`: the gateway and other GraphQL servers on the same data, asked for the same facts.

PostGraphile compiles queries to SQL, as the gateway does; the other is an app of ordinary Strawberry resolvers with
DataLoaders. Seeded 10,000 products × 20 locations; one process each, load from a separate one over 8 connections. Both
sides must tell the same facts, and take turns within one run.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

import postgraphile
import suite
from ratios import of_turns
from read import same
from read_questions import PAGE, SINGLE
from servers import Server, gateway, load, post, server
from shop import Shop, run, seeded_shop
from suite import Goal, Row

GOALS: Final = {"page vs PostGraphile": 4.0, "single vs PostGraphile": 1.0, "page vs DataLoaders": 60.0}
_CHECKED: Final = 10
_WARM_S: Final = 5.0
OURS: Final = {"page": PAGE, "single": SINGLE}
Told = Callable[[Mapping[str, Any]], Mapping[str, Any]]
Variables = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Peer:
    """Another server: how to start it on a database, where and what it is asked, and a product of it in our words."""

    serving: Callable[[str], AbstractContextManager[Server]]
    path: str
    questions: Mapping[str, str]
    told: Told


@dataclass(frozen=True, slots=True)
class Side:
    """One that is asked a question."""

    server: Server
    path: str
    query: str
    told: Told

    def facts(self, variables: Variables, shop: Shop) -> list[Any]:
        """What it tells, but for what is its own: how cursors look, and the order of a product's levels."""
        facts: list[Any] = []
        for given in variables:
            body = {"query": self.query, "variables": given}
            answer = post(self.server.port, self.path, body, shop.headers)["data"]
            page = answer.get("products")
            products = [self.told(product) for product in (page["nodes"] if page else [answer["product"]])]
            facts += [{**product, "stockLevels": _sorted(product["stockLevels"])} for product in products]
            facts += [page["pageInfo"]["hasNextPage"]] if page else []
        return facts

    def requests(self, variables: Variables, shop: Shop) -> list[dict[str, Any]]:
        """The same question with each of these variables, to be sent in turn."""
        bodies = [json.dumps({"query": self.query, "variables": given}) for given in variables]
        return [{"path": self.path, "headers": shop.headers, "body": body} for body in bodies]


POSTGRAPHILE: Final = Peer(
    postgraphile.serving, "/graphql", {"page": postgraphile.PAGE, "single": postgraphile.SINGLE},
    postgraphile.in_our_words,
)  # fmt: skip
DATALOADERS: Final = Peer(
    lambda url: server("dataloaders:create_app", STOCKGATE_BENCH_URL=url), "/graphql/", {"page": PAGE}, dict
)


def main() -> None:
    suite.run("peers", __doc__, measure, options)


def options(parser: argparse.ArgumentParser) -> None:
    suite.add_catalogue(parser)
    suite.add_turns(parser)
    suite.add_only(parser, GOALS)


def measure(engine: str, workers: int, asked: argparse.Namespace) -> Iterator[Row]:
    if workers != 1:
        raise SystemExit("Peers are compared by one process each: --workers 1.")
    peers = {"DataLoaders": DATALOADERS}
    if engine == "postgresql":  # the only engine that PostGraphile knows
        peers = {"PostGraphile": POSTGRAPHILE, **peers}
    with seeded_shop(engine, asked.products, asked.locations) as shop, gateway(shop.url) as ours:
        rows = run(shop.url, "SELECT sku_key FROM product WHERE sku_key <> '' ORDER BY id")
        skus = [row[0] for row in rows][:: max(1, len(rows) // 1000)]  # in lower case, as peers have to ask for them
        variables: dict[str, Variables] = {"page": [{"first": 50}], "single": [{"sku": sku} for sku in skus]}
        for name, peer in peers.items():
            named = {what: f"{what} vs {name}" for what in peer.questions}
            wanted = [what for what in peer.questions if named[what] in asked.only]
            if not wanted:
                continue
            with peer.serving(shop.url) as other:
                for what in wanted:
                    sides = (
                        Side(ours, "/graphql", OURS[what], dict),
                        Side(other, peer.path, peer.questions[what], peer.told),
                    )
                    pairs = _turns(sides, variables[what], shop, asked)
                    yield of_turns(named[what], Goal(GOALS[named[what]]), pairs, "peer")


def _turns(
    sides: Sequence[Side], variables: Variables, shop: Shop, asked: argparse.Namespace
) -> list[list[dict[str, Any]]]:
    """What both sides gave, turn by turn. The first turn does not count: just-in-time compilers have to get warm."""
    facts = [side.facts(variables[:_CHECKED], shop) for side in sides]
    same("the facts", *facts)
    requests = [side.requests(variables, shop) for side in sides]
    turns = [
        [
            load(side.server.port, some, connections=8, seconds=_WARM_S if not turn else asked.seconds)
            for side, some in zip(sides, requests, strict=True)
        ]
        for turn in range(asked.turns + 1)
    ]
    return turns[1:]


def _sorted(levels: Sequence[Any]) -> list[Any]:
    return sorted(levels, key=lambda level: level["location"]["databaseId"])


if __name__ == "__main__":
    main()
