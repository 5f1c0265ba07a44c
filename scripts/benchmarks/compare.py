"""`scripts/bench compare A.json B.json`: the ratios of two runs of one benchmark, and what became of them.

A change is a regression when the ratio is worse by more than --threshold and by more than both runs' noise together.
Exits 1 when there is one. Ratios are compared and not times: two machines, or one machine on two days, can be compared
by them; what differs between the two runs is told.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

Key = tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one ratio."""

    key: Key
    before: float
    after: float
    better: str
    noise: float

    @property
    def relative(self) -> float:
        return self.after / self.before - 1 if self.before else math.inf * self.after if self.after else 0.0

    def verdict(self, threshold: float) -> str:
        gain = -self.relative if self.better == "less" else self.relative
        if abs(gain) <= max(threshold, self.noise):
            return ""
        return "better" if gain > 0 else "REGRESSION"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/bench compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path, metavar="A.json")
    parser.add_argument("after", type=Path, metavar="B.json")
    parser.add_argument("--threshold", type=float, default=0.1, help="a change up to this is none; 0.1 is 10 %%")
    asked = parser.parse_args()
    before, after = (json.loads(path.read_text()) for path in (asked.before, asked.after))
    if before["bench"] != after["bench"]:
        raise SystemExit(f"Two benchmarks cannot be compared: {before['bench']} and {after['bench']}.")
    changes = compared(before, after)
    console = Console(width=130)
    console.print(_table(changes, before, after, asked.threshold))
    for line in (*differences(before, after), *_unpaired(before, after)):
        console.print(line, highlight=False)
    if any(change.verdict(asked.threshold) == "REGRESSION" for change in changes):
        raise SystemExit(1)


def compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """The changes of what both runs have measured, in the order of the second."""
    earlier = _by_key(before)
    return [
        Change(key, earlier[key]["ratio"], row["ratio"], row["better"], math.hypot(earlier[key]["noise"], row["noise"]))
        for key, row in _by_key(after).items()
        if key in earlier
    ]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What else than the commit differs between the two runs."""
    told = []
    for part in ("machine", "versions", "options"):
        names = sorted({*before[part], *after[part]} - {"load_before"})
        told += [
            f"{part}: {name}: {before[part].get(name)} → {after[part].get(name)}"
            for name in names
            if before[part].get(name) != after[part].get(name)
        ]
    return told


def _unpaired(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    ours, theirs = _by_key(before), _by_key(after)
    return [
        *(f"only in the first: {_named(key)}" for key in ours if key not in theirs),
        *(f"only in the second: {_named(key)}" for key in theirs if key not in ours),
    ]


def _by_key(run: Mapping[str, Any]) -> dict[Key, Mapping[str, Any]]:
    return {(row["engine"], row["workers"], row["what"]): row for row in run["rows"]}


def _named(key: Key) -> str:
    engine, workers, what = key
    return f"{engine}, {workers} workers, {what}"


def _table(changes: list[Change], before: Mapping[str, Any], after: Mapping[str, Any], threshold: float) -> Table:
    table = Table(title=f"{before['bench']}: {before['commit']} → {after['commit']}")
    for heading in ("ratio before", "after", "change", "noise", "better is", "engine", "workers", "what", ""):
        table.add_column(heading, justify="left" if heading in {"engine", "what", ""} else "right")
    styles = {"REGRESSION": "red", "better": "green"}
    for change in changes:
        verdict = change.verdict(threshold)
        engine, workers, what = change.key
        table.add_row(
            f"{change.before:.2f}", f"{change.after:.2f}", f"{change.relative:+.1%}", f"± {change.noise:.1%}",
            change.better, engine, str(workers), what, verdict, style=styles.get(verdict),
        )  # fmt: skip
    return table


if __name__ == "__main__":
    main()
