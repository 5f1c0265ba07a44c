"""`scripts/bench hot`: a flash sale: many writers take units of one level, one at a time.

Writers with a connection each send `inventoryAdjust` of -1 over GraphQL, and `adjust_by: -1` over stock-api: all to one
level, and in turn each to a level of its own; the ratio is the median over pairs of turns of the requests per second,
and says what it costs to want the same row. Afterwards no update is lost: the level went down by exactly what was
acknowledged, its ledger has an entry for each, and each entry begins where the one before it ended.
"""

from __future__ import annotations

import argparse
import base64
import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import suite
from ratios import noise
from servers import Server, gateway, load, post
from shop import Shop, run, seeded_shop
from suite import Goal, Row

ADJUST: Final = """mutation($input: InventoryAdjustInput!) { inventoryAdjust(input: $input) {
    stockLevels { onHand } userErrors { code } } }"""
STOCK: Final = 1_000_000_000
SPREAD_GOAL: Final = Goal(0.5)
Requests = Sequence[Mapping[str, Any]]


def main() -> None:
    suite.run("hot", __doc__, measure, options)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--writers", type=int, default=64)
    suite.add_turns(parser, turns=5, seconds=3)
    suite.add_only(parser, WIRES)


def measure(engine: str, workers: int, asked: argparse.Namespace) -> Iterator[Row]:
    with seeded_shop(engine, asked.writers + 1, 1) as shop, gateway(shop.url, workers=workers) as ours:
        for name in asked.only:
            yield _row(name, shop, ours, asked)


def _row(name: str, shop: Shop, ours: Server, asked: argparse.Namespace) -> Row:
    _stock(shop, ours, asked.writers + 1)
    item = WIRES[name]
    one, each = [item(shop, 1)], [item(shop, n + 2) for n in range(asked.writers)]
    first = _last_sequence(shop)
    pairs = [(_turn(ours, one, asked), _turn(ours, each, asked)) for _ in range(asked.turns)]
    ratios = [_per_second(hot) / _per_second(spread) for hot, spread in pairs]
    hot = [turn for turn, _ in pairs]
    acknowledged = sum(turn["requests"] - turn["errors"] for turn in hot)
    refused = sum(turn["errors"] for turn in hot)
    taken, entries, breaks = _books(shop, first)
    figures = {
        "requests/s": statistics.median(map(_per_second, hot)),
        "spread": statistics.median(_per_second(spread) for _, spread in pairs),
        "p50 ms": statistics.median(turn["p50_ms"] for turn in hot),
        "p99 ms": statistics.median(turn["p99_ms"] for turn in hot),
        "acknowledged": acknowledged, "taken": taken, "entries": entries, "breaks": breaks, "refused": refused,
    }  # fmt: skip
    missed = [
        *([f"{acknowledged} were acknowledged, {taken} taken"] if taken != acknowledged else []),
        *([f"{acknowledged} were acknowledged, the ledger has {entries}"] if entries != acknowledged else []),
        *([f"{breaks} entries do not begin where the one before ended"] if breaks else []),
        *([f"{refused} requests failed"] if refused else []),
    ]
    what, ratio = f"{name}, {asked.writers} writers", statistics.median(ratios)
    return Row(what, ratio, SPREAD_GOAL, noise(ratios), figures=figures, missed=missed)


def _turn(ours: Server, requests: Requests, asked: argparse.Namespace) -> dict[str, Any]:
    return load(ours.port, list(requests), connections=asked.writers, seconds=asked.seconds, apart=1, strict=False)


def _per_second(turn: Mapping[str, Any]) -> float:
    return float((turn["requests"] - turn["errors"]) / turn["seconds"])


def _graphql(shop: Shop, item: int) -> Mapping[str, Any]:
    line = {"product": {"id": str(item)}, "location": {"slug": "seed-001"}, "delta": -1}
    body = json.dumps({"query": ADJUST, "variables": {"input": {"lines": [line]}}})
    return {"path": "/graphql", "headers": shop.headers, "body": body}


def _stock_api(shop: Shop, item: int) -> Mapping[str, Any]:
    login = base64.b64encode(f"bench:{shop.token}".encode()).decode()
    body = json.dumps({"warehouses": [{"id": 1, "stock": {"adjust_by": -1}}]})
    path = f"/api/v2/inventory/sku/SEED-{item:06}"
    return {"method": "PATCH", "path": path, "headers": {"Authorization": f"Basic {login}"}, "body": body}


WIRES: Final = {"inventoryAdjust": _graphql, "stock-api PATCH": _stock_api}


def _stock(shop: Shop, ours: Server, items: int) -> None:
    """There is enough of everything."""
    lines = [{"sku": f"SEED-{n + 1:06}", "location_slug": "seed-001", "stock": STOCK} for n in range(items)]
    done = post(ours.port, "/wp-json/mulopimfwc/v1/inventory/bulk-sync", {"items": lines}, shop.headers)
    if done["results"]["success"] != items:
        raise SystemExit(f"Not stocked: {done}")


def _last_sequence(shop: Shop) -> int:
    return int(run(shop.url, "SELECT max(sequence) FROM ledger_entry")[0][0])


def _books(shop: Shop, after: int) -> tuple[int, int, int]:
    """Units taken of the one level, entries of it, and entries that do not follow from the one before."""
    [[on_hand]] = run(shop.url, "SELECT on_hand FROM stock_level WHERE product_id = 1")
    entries = run(
        shop.url,
        f"SELECT before, delta, on_hand FROM ledger_entry WHERE product_id = 1 AND sequence > {after} ORDER BY version",
    )
    stock, breaks = STOCK, 0
    for before, delta, left in entries:
        breaks += (before, delta, left) != (stock, -1, stock - 1)
        stock = left
    return STOCK - on_hand, len(entries), breaks + (stock != on_hand)


if __name__ == "__main__":
    main()
