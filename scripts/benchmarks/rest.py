"""`scripts/bench rest`: the REST dialects against bare Starlette routes that run the same SQL by hand.

Seeded 10,000 products × 20 locations; load from a separate process over 8 connections. The gateway gives
the same answers as the floor, which writes to a copy of the database, and takes turns with it within one run; the ratio
is the median over pairs of neighbouring turns. Every write changes what it names.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import suite
from load import COUNTER
from ratios import of_turns
from servers import Server, gateway, load, server, stockgate
from shop import SCOPES, run, seeded_shop
from suite import Goal, Row
from write_floor import copied

GOAL: Final = 0.4
WC, STOCK, COUNT = "/wp-json/wc/v3/products", "/api/v2/inventory/sku", "/api/product/inventory"
PAGES, BATCHES, BATCH = 20, 20, 100


@dataclass(frozen=True)
class Item:
    """A seeded product, as the three dialects name it."""

    id: int
    sku: str
    gtin: str


@dataclass(frozen=True)
class Question:
    """Requests that differ only in what they name, and what of their answers differs between two servers."""

    what: str
    requests: list[dict[str, Any]]
    differs: frozenset[str] = field(default_factory=frozenset)


def main() -> None:
    suite.run("rest", __doc__, measure, options)


def options(parser: argparse.ArgumentParser) -> None:
    suite.add_catalogue(parser)
    suite.add_turns(parser)
    suite.add_only(parser, QUESTIONS)


def measure(engine: str, workers: int, asked: argparse.Namespace) -> Iterator[Row]:
    with seeded_shop(engine, asked.products, asked.locations) as shop:
        keys = {"wc": _basic(*_wc_login(shop.url)), "stock": _basic("bench", shop.token), "till": shop.token}
        items = _items(shop.url)
        with (
            copied(shop.url) as copy,
            gateway(shop.url, workers=workers, wc_keys_over_http="on") as ours,
            server("rest_floor:create_app", workers=workers, STOCKGATE_BENCH_URL=copy) as floor,
        ):
            questions = [ask(items, keys) for name, ask in QUESTIONS.items() if name in asked.only]
            for question in questions:  # before any turn: then both databases are still alike
                for request in question.requests[:3]:
                    _same(question, *(_answer(side.port, request) for side in (ours, floor)))
            for question in questions:  # counts last: no total is below them
                pairs = [[_turn(side, question, asked.seconds) for side in (ours, floor)] for _ in range(asked.turns)]
                yield of_turns(question.what, Goal(GOAL), pairs)


def _turn(side: Server, question: Question, seconds: float) -> dict[str, Any]:
    return load(side.port, question.requests, connections=8, seconds=seconds)


# What is asked

Keys = Mapping[str, dict[str, str]]


def _pages(_items: Sequence[Item], keys: Any) -> Question:
    paths = [f"{WC}?per_page={BATCH}&page={page}" for page in range(1, PAGES + 1)]
    asked = [{"method": "GET", "path": path, "headers": keys["wc"]} for path in paths]
    return Question(f"GET wc/v3/products?per_page={BATCH}", asked)


def _updates(items: Sequence[Item], keys: Any) -> Question:
    body = f'{{"stock_quantity": {COUNTER}}}'
    asked = [{"method": "PUT", "path": f"{WC}/{item.id}", "headers": keys["wc"], "body": body} for item in items]
    return Question("PUT wc/v3/products/{id}", asked, _MODIFIED)


def _batches(items: Sequence[Item], keys: Any) -> Question:
    asked = []
    for n in range(BATCHES):
        lines = ", ".join(f'{{"id": {item.id}, "stock_quantity": {COUNTER}}}' for item in items[n::BATCHES][:BATCH])
        path = f"{WC}/batch"
        asked.append({"method": "POST", "path": path, "headers": keys["wc"], "body": f'{{"update": [{lines}]}}'})
    return Question(f"POST wc/v3/products/batch of {BATCH}", asked, _MODIFIED)


def _patches(items: Sequence[Item], keys: Any) -> Question:
    body = '{"warehouses": [{"id": 3, "stock": {"adjust_by": 1}}]}'
    asked = [{"method": "PATCH", "path": f"{STOCK}/{i.sku}", "headers": keys["stock"], "body": body} for i in items]
    return Question("PATCH /api/v2/inventory/sku/…", asked)


def _counts(items: Sequence[Item], keys: Any) -> Question:
    headers = {"Authorization": f"Bearer {keys['till']}"}
    bodies = [f'{{"upc": "{item.gtin}", "store": "S002", "quantity": {COUNTER}}}' for item in items]
    asked = [{"method": "POST", "path": COUNT, "headers": headers, "body": body} for body in bodies]
    return Question("POST /api/product/inventory", asked)


_MODIFIED: Final = frozenset({"date_modified", "date_modified_gmt"})
QUESTIONS: Final[Mapping[str, Callable[[Sequence[Item], Any], Question]]] = {
    "list": _pages, "update": _updates, "batch": _batches, "patch": _patches, "count": _counts
}  # fmt: skip


# The two servers


def _basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


def _wc_login(url: str) -> tuple[str, str]:
    created = json.loads(stockgate(url, "key", "create", "--wc", "--name", "bench", *SCOPES, "--json"))
    return created["consumer_key"], created["consumer_secret"]


def _items(url: str) -> list[Item]:
    """Some of the seeded products, all over the catalogue."""
    rows = run(url, "SELECT id, sku, gtin_text FROM product WHERE parent_id IS NULL ORDER BY id")
    return [Item(*row) for row in rows[:: max(1, len(rows) // 2000)]]


def _answer(port: int, asked: Mapping[str, Any]) -> tuple[int, Any]:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "application/json", "Host": "127.0.0.1", **asked["headers"]}
    body = asked.get("body", "").replace(COUNTER, "1000000")
    client.request(asked["method"], asked["path"], body or None, headers)
    answer = client.getresponse()
    found = answer.status, answer.read()
    client.close()
    return found


def _same(question: Question, ours: tuple[int, bytes], floor: tuple[int, bytes]) -> None:
    """Stops when two servers do not give the same answer: then their times say nothing."""
    texts = [_shown(question, answer) for answer in (ours, floor)]
    if texts[0] == texts[1]:
        return
    first = next((n for n, pair in enumerate(zip(*texts, strict=False)) if pair[0] != pair[1]), 0)
    start = max(0, first - 200)
    differing = [each[start : start + 600] for each in texts]
    raise SystemExit("\n".join([f"{question.what}: the answers differ.", *differing]))


def _shown(question: Question, answer: tuple[int, bytes]) -> str:
    def kept(value: Any) -> Any:
        if isinstance(value, list):
            return [kept(each) for each in value]
        if isinstance(value, dict):
            return {name: kept(each) for name, each in value.items() if name not in question.differs}
        return value

    status, body = answer
    if status != 200:
        raise SystemExit(f"{question.what}: {status} {body[:500]!r}")
    return json.dumps(kept(json.loads(body)), sort_keys=True)


if __name__ == "__main__":
    main()
