"""What all benchmarks share: the command line, a row for each thing measured, the tables, and the JSON file.

A benchmark is one file whose first line says "`scripts/bench <name>`". It has a `measure(engine, workers, asked)` that
yields rows, and calls run(). The headline of a row is a ratio, because the machine's own speed changes from one minute
to the next and from one machine to another; what it is the ratio of is for the benchmark to say.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from machine import facts
from rich.console import Console
from rich.table import Table
from servers import ENGINES, versions

_TEXT: Final = frozenset({"engine", "what", "answer"})  # columns that are read from the left
Measure = Callable[[str, int, argparse.Namespace], Iterable["Row"]]


@dataclass(frozen=True, slots=True)
class Goal:
    """What a ratio should be: at least the limit, or less than it."""

    limit: float
    less: bool = False

    def __str__(self) -> str:
        return f"{'<' if self.less else '≥'} {self.limit:g}"

    def is_met(self, ratio: float) -> bool:
        return ratio < self.limit if self.less else ratio >= self.limit


@dataclass(frozen=True, slots=True)
class Row:
    """One thing measured.

    `noise` is how far the ratio of another run may be from this one, relative to it. `less` says that a smaller ratio
    is the better one; a goal says so, too. `missed` are sentences on other goals that were not reached.
    """

    what: str
    ratio: float
    goal: Goal | None = None
    noise: float = 0.0
    less: bool = False
    figures: Mapping[str, float | int | str] = field(default_factory=dict)
    missed: Sequence[str] = ()

    def misses(self) -> list[str]:
        """Sentences on the goals that were not reached."""
        if self.goal is None or self.goal.is_met(self.ratio):
            return list(self.missed)
        return [f"{self.ratio:.2f} is not {self.goal}", *self.missed]

    def to_json(self, engine: str, workers: int) -> dict[str, Any]:
        """As it is in the file; the ratio first."""
        goal = str(self.goal) if self.goal else None
        less = self.less or (self.goal is not None and self.goal.less)
        return {
            "ratio": self.ratio, "goal": goal, "noise": self.noise, "better": "less" if less else "more",
            "engine": engine, "workers": workers, "what": self.what, "figures": dict(self.figures),
            "misses": self.misses(),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choices:
    """What a benchmark is asked for when nothing is said: engines, and numbers of worker processes."""

    engines: Sequence[str] = ENGINES
    workers: Sequence[int] = (1,)


def run(
    name: str,
    about: str | None,
    measure: Measure,
    options: Callable[[argparse.ArgumentParser], None] = lambda _parser: None,
    choices: Choices = Choices(),
) -> None:
    """Read the command line of `scripts/bench <name>`, measure, print the tables and write the file."""
    asked = _asked(name, about, options, choices)
    engines = choices.engines if asked.engine == "both" else (asked.engine,)
    found: list[dict[str, Any]] = []
    head = {"bench": name, **facts(engines), "options": _options(asked)}
    for engine, workers in itertools.product(engines, asked.workers):
        for row in measure(engine, workers, asked):
            found.append(row.to_json(engine, workers))
            print(f"{name}: {engine}, {workers} workers: {row.what}: {row.ratio:.2f}", file=sys.stderr)
            head["versions"].update(versions)
            _write(asked.json, {**head, "rows": found})  # after each: what is known is kept, whatever comes
    console = Console(width=None if sys.stdout.isatty() else 180)
    for table in tables(found, f"{name} at {head['commit']}"):
        console.print(table)
    console.print(f"Figures: {asked.json}", *_sentences(found), sep="\n", highlight=False)
    if asked.strict and any(row["misses"] for row in found):
        raise SystemExit(1)


def _asked(
    name: str, about: str | None, options: Callable[[argparse.ArgumentParser], None], choices: Choices
) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=f"scripts/bench {name}", description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    both = ["both"] if len(choices.engines) > 1 else []
    parser.add_argument("--engine", choices=[*choices.engines, *both], default=(both or choices.engines)[0])
    parser.add_argument("--workers", type=int, nargs="+", default=list(choices.workers), help="processes that serve")
    parser.add_argument("--json", type=Path, default=Path(f"bench-{name}.json"), help="where the figures go")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a goal is missed")
    options(parser)
    return parser.parse_args()


def add_catalogue(parser: argparse.ArgumentParser, products: int = 10_000, locations: int = 20) -> None:
    """The options that say how much is seeded."""
    parser.add_argument("--products", type=int, default=products)
    parser.add_argument("--locations", type=int, default=locations)


def add_turns(parser: argparse.ArgumentParser, turns: int = 7, seconds: float = 2) -> None:
    """The options that say how long the two sides take turns."""
    parser.add_argument("--seconds", type=float, default=seconds, help="length of one turn")
    parser.add_argument("--turns", type=int, default=turns)


def add_only(parser: argparse.ArgumentParser, questions: Iterable[str]) -> None:
    """The option that names some of the questions."""
    every = list(questions)
    parser.add_argument("--only", choices=every, nargs="+", default=every, help="just these")


def tables(rows: Sequence[Mapping[str, Any]], title: str) -> list[Table]:
    """One for each set of figures, ratios first."""
    by_figures: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        by_figures.setdefault(tuple(row["figures"]), []).append(row)
    return [_table(title, names, some) for names, some in by_figures.items()]


def _table(title: str, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title=title)
    for heading in ("ratio", "±", "goal", "engine", "workers", "what", *names):
        table.add_column(heading, justify="left" if heading in _TEXT else "right", no_wrap=heading == "what")
    for row in rows:
        given = (row["ratio"], f"{row['noise']:.0%}", row["goal"] or "", row["engine"], row["workers"], row["what"])
        cells = [shown(value) for value in (*given, *(row["figures"][name] for name in names))]
        table.add_row(*cells, style="red" if row["misses"] else None)
    return table


def shown(value: float | str) -> str:
    """A figure with as many digits as one wants to read."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else value


def _sentences(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"Missed: {row['engine']}, {row['workers']} workers, {row['what']}: {'; '.join(row['misses'])}"
        for row in rows
        if row["misses"]
    ]


def _options(asked: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name, value in vars(asked).items() if name not in {"json", "strict", "engine", "workers"}}


def _write(path: Path, found: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else asdict(value)
