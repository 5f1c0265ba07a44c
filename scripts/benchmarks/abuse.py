"""`scripts/bench abuse`: what hostile documents cost the server, in CPU time above that of a trivial query.

Twelve shapes, each at a size and at two and four times that size; every request is another document, so that nothing
of it is remembered. The time is that of all threads of the server's processes, as the kernel counts it; the ratio says
how many times a trivial query a document of size n costs.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import suite
from ratios import noise
from servers import Server, cpu_seconds, gateway
from shop import seeded_shop
from suite import Row

GOAL_MS = 10.0


@dataclass(frozen=True)
class Shape:
    """A document of size n; `goal` is the size at which the server has GOAL_MS."""

    name: str
    sizes: tuple[int, int, int]
    document: Callable[[int], str]
    variables: Callable[[int], str] = lambda _n: "null"
    goal: bool = False


def _links(count: int, spread: str, on: str = "Query") -> str:
    links = " ".join(f"fragment F{n} on {on} {{ {spread.format(n + 1)} }}" for n in range(count))
    return f"{links} fragment F{count} on {on} {{ __typename }}"


def _deep(n: int) -> str:
    return f'{{"x": {"[" * n}{"]" * n}}}'


def _twice(n: int) -> tuple[int, int, int]:
    return n, 2 * n, 4 * n


def _repeated(text: str, between: str = " ") -> Callable[[int], str]:
    return lambda n: between.join(text.format(i) for i in range(n))


_LISTED = '"x" '
_SPREAD = _repeated("...F{0}")
_BESIDE = _repeated("fragment F{0} on Product {{ sku name id }}")
_ASKING = _repeated("query Q{0} {{ ...F0 }}")
_ALIASES = _repeated("a{0}: __typename")
_UNKNOWN = _repeated("x{0}")
SHAPES = (
    Shape("fragments doubling", _twice(60), lambda n: "{ ...F0 } " + _links(n, "...F{0} ...F{0}"), goal=True),
    Shape("aliases", _twice(10_000), lambda n: f"{{ {_ALIASES(n)} }}", goal=True),
    Shape("directives", _twice(1_000), lambda n: "{ __typename " + "@include(if: true) " * n + "}", goal=True),
    Shape("first: n", _twice(1_000_000), lambda n: f"{{ products(first: {n}) {{ nodes {{ sku }} }} }}", goal=True),
    Shape("nested n deep", _twice(100), lambda n: f"{{ product {'{ parent ' * n}{{ id }}{' }' * n} }}", goal=True),
    Shape("one field repeated", _twice(250), lambda n: f"{{ product(id: 1) {{ {'sku ' * n} }} }}"),
    Shape("fields to merge", _twice(80), lambda n: f"{{ product(id: 1) {{ {'parent { parent { sku } } ' * n} }} }}"),
    Shape("fragments abreast", _twice(24), lambda n: f"{{ product(id: 1) {{ {_SPREAD(n)} }} }} {_BESIDE(n)}"),
    Shape("operations", _twice(12), lambda n: f"{_ASKING(n)} {_links(n, '...F{0}')}"),
    Shape("a list of n", _twice(900), lambda n: f"{{ products(filter: {{skus: [{_LISTED * n}]}}) {{ totalCount }} }}"),
    Shape("unknown fields", _twice(240), lambda n: f"{{ product(id: 1) {{ {_UNKNOWN(n)} }} }}"),
    Shape("deep variables", _twice(250), lambda _n: "query($x: ID) { product(id: $x) { id } }", _deep),
)  # fmt: skip


def main() -> None:
    suite.run("abuse", __doc__, measure, options, suite.Choices(engines=("sqlite",)))


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--requests", type=int, default=20, help="documents of each shape and size")
    suite.add_only(parser, (shape.name for shape in SHAPES))


def measure(engine: str, workers: int, asked: argparse.Namespace) -> Iterator[Row]:
    with seeded_shop(engine, 100, 3) as shop, gateway(shop.url, workers=workers) as ours:
        asking = _Asking(ours, shop.headers, asked.requests)
        asking.costs("{ __typename }", "null")  # warm
        trivial = statistics.median(asking.costs("{ __typename }", "null")[0])
        for shape in SHAPES:
            if shape.name in asked.only:
                yield _row(shape, asking, trivial)


def _row(shape: Shape, asking: _Asking, trivial: float) -> Row:
    found = [asking.costs(shape.document(n), shape.variables(n)) for n in shape.sizes]
    above = [max(statistics.median(spent) - trivial, 0.0) for spent, _ in found]
    missed = []
    if shape.goal and above[0] >= GOAL_MS:
        missed.append(f"{above[0]:.1f} ms is not < {GOAL_MS:g} ms")
    if shape.goal and not found[0][1].startswith("QUERY_TOO_COMPLEX"):
        missed.append(f"was {found[0][1]}")
    figures: dict[str, float | int | str] = {
        "n": shape.sizes[0], "bytes": len(shape.document(shape.sizes[0])),
        "answer": " / ".join(dict.fromkeys(answer.removeprefix("QUERY_TOO_COMPLEX ") for _, answer in found)),
        "ms at n": above[0], "at 2n": above[1], "at 4n": above[2], "goal ms": f"< {GOAL_MS:g}" if shape.goal else "",
    }  # fmt: skip
    ratios = [spent / trivial for spent in found[0][0]]
    return Row(shape.name, statistics.median(ratios), None, noise(ratios), less=True, figures=figures, missed=missed)


@dataclass
class _Asking:
    server: Server
    headers: dict[str, str]
    requests: int
    asked: int = 0

    def costs(self, document: str, variables: str) -> tuple[list[float], str]:
        """The CPU time of each of such requests in milliseconds, and what they were answered."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=120)
        spent = []
        for _ in range(self.requests):
            self.asked += 1
            query = json.dumps(f"{document} #{self.asked}")
            body = f'{{"query": {query}, "variables": {variables}}}'
            before = cpu_seconds(self.server)
            connection.request("POST", "/graphql", body, {**self.headers, "Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
            spent.append((cpu_seconds(self.server) - before) * 1000)
        connection.close()
        return spent, _told(answer)


def _told(answer: dict[str, Any]) -> str:
    if "errors" not in answer:
        return "answered"
    extensions = answer["errors"][0]["extensions"]
    return f"{extensions['code']} {extensions.get('limit', '')}".strip()


if __name__ == "__main__":
    main()
