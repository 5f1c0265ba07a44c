"""What benches of ratios share: how they are asked, the figures of pairs of neighbouring turns, and the table.

The gateway takes turns with the other side within one run, and the ratio is the median over pairs, because the
machine's own speed changes from one minute to the next.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from servers import ENGINES

_HEADINGS = ("ratio", "goal", "engine", "what", "requests/s", "floor or peer", "p50 ms", "p99 ms")
Row = dict[str, Any]


def report(
    name: str, about: str | None, questions: Collection[str], measure: Callable[[str, argparse.Namespace], list[Row]]
) -> None:
    """Read the command line of `scripts/bench <name>`, measure each engine, and print a row for each question."""
    parser = argparse.ArgumentParser(prog=f"scripts/bench {name}", description=about)
    parser.add_argument("--engine", choices=[*ENGINES, "both"], default="both")
    parser.add_argument("--products", type=int, default=10_000)
    parser.add_argument("--locations", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=2, help="length of one turn")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--only", choices=questions, nargs="+", default=list(questions), help="just these questions")
    parser.add_argument("--json", type=Path, default=Path(f"bench-{name}.json"), help="where the figures go")
    asked = parser.parse_args()
    engines = ENGINES if asked.engine == "both" else (asked.engine,)
    rows = [row for engine in engines for row in measure(engine, asked)]
    asked.json.write_text(json.dumps(rows, indent=1))
    table = Table(title=f"{asked.products} products × {asked.locations} locations, 1 worker, 8 connections")
    for heading in _HEADINGS:
        table.add_column(heading, justify="left" if heading in {"engine", "what"} else "right")
    for row in rows:
        table.add_row(
            f"{row['ratio']:.2f}", f"≥ {row['goal']:g}", row["engine"], row["what"], f"{row['per_second']:.1f}",
            f"{row['other_per_second']:.1f}", f"{row['p50_ms']:.2f}", f"{row['p99_ms']:.2f}",
        )  # fmt: skip
    Console(width=120).print(table)


def figures(pairs: Sequence[Sequence[Mapping[str, float]]]) -> dict[str, float]:
    """Of turns of the gateway and of the other side, pair by pair."""

    def per_second(run: Mapping[str, float]) -> float:
        return run["requests"] / run["seconds"]

    mine, others = zip(*pairs, strict=True)
    return {
        "ratio": statistics.median(per_second(own) / per_second(other) for own, other in pairs),
        "per_second": statistics.median(map(per_second, mine)),
        "other_per_second": statistics.median(map(per_second, others)),
        "p50_ms": statistics.median(run["p50_ms"] for run in mine),
        "p99_ms": statistics.median(run["p99_ms"] for run in mine),
    }
