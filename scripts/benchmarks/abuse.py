"""`scripts/bench abuse`: what hostile documents cost the server, in CPU time above that of a trivial query.

Twelve shapes, each at a size and at two and four times that size; every request is another document, so that nothing
of it is remembered. The time is that of all threads of the server's process, as the kernel counts it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from servers import Server, database_url, server, stockgate

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
    parser = argparse.ArgumentParser(prog="scripts/bench abuse", description=__doc__)
    parser.add_argument("--requests", type=int, default=20, help="documents of each shape and size")
    asked = parser.parse_args()
    with database_url("sqlite") as url:
        stockgate(url, "seed", "--products", "100", "--locations", "3")
        token = json.loads(stockgate(url, "key", "create", "--name", "bench", "--scope", "read", "--json"))["token"]
        settings = {"STOCKGATE_DATABASE_URL": url, "STOCKGATE_LOG_LEVEL": "warning"}
        with server("gateway.app:create_app", **settings) as ours:
            table, missed = _measure(ours, token, asked.requests)
    Console(width=120).print(table)
    if missed:
        raise SystemExit(f"{', '.join(missed)}: not refused within {GOAL_MS:g} ms.")


def _measure(ours: Server, token: str, requests: int) -> tuple[Table, list[str]]:
    asking = _Asking(ours, token, requests)
    asking.cpu_ms("{ __typename }", "null")  # warm
    trivial, _ = asking.cpu_ms("{ __typename }", "null")
    table = Table(title=f"CPU above a trivial query ({trivial:.2f} ms), median of {requests} documents")
    for heading in ("shape", "n", "bytes", "answer", "ms at n", "at 2n", "at 4n", "goal"):
        table.add_column(heading, justify="left" if heading in {"shape", "answer"} else "right")
    missed = []
    for shape in SHAPES:
        found = [asking.cpu_ms(shape.document(n), shape.variables(n)) for n in shape.sizes]
        above = [max(ms - trivial, 0.0) for ms, _ in found]
        if shape.goal and (above[0] >= GOAL_MS or not found[0][1].startswith("QUERY_TOO_COMPLEX")):
            missed.append(shape.name)
        table.add_row(
            shape.name, f"{shape.sizes[0]:,}", f"{len(shape.document(shape.sizes[0])):,}",
            " / ".join(dict.fromkeys(answer.removeprefix("QUERY_TOO_COMPLEX ") for _, answer in found)),
            *(f"{ms:.2f}" for ms in above), f"< {GOAL_MS:g}" if shape.goal else "",
        )  # fmt: skip
    return table, missed


@dataclass
class _Asking:
    server: Server
    token: str
    requests: int
    asked: int = 0

    def cpu_ms(self, document: str, variables: str) -> tuple[float, str]:
        """The median CPU time of such requests, and what they were answered."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=120)
        spent = []
        for _ in range(self.requests):
            self.asked += 1
            query = json.dumps(f"{document} #{self.asked}")
            body = f'{{"query": {query}, "variables": {variables}}}'
            before = _cpu_ns(self.server.process.pid)
            connection.request("POST", "/graphql", body, {"X-API-Key": self.token, "Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
            spent.append((_cpu_ns(self.server.process.pid) - before) / 1e6)
        connection.close()
        return statistics.median(spent), _told(answer)


def _told(answer: dict[str, Any]) -> str:
    if "errors" not in answer:
        return "answered"
    extensions = answer["errors"][0]["extensions"]
    return f"{extensions['code']} {extensions.get('limit', '')}".strip()


def _cpu_ns(pid: int) -> int:
    return sum(_times(pid))


def _times(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        yield int((task / "schedstat").read_text().split()[0])


if __name__ == "__main__":
    main()
