"""`scripts/bench` tells of every benchmark, and `compare` finds what became worse."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
BENCHMARKS = ROOT / "scripts" / "benchmarks"
NAMES = sorted(
    path.stem for path in BENCHMARKS.glob("*.py") if path.read_text().startswith(f'"""`scripts/bench {path.stem}')
)


def test_every_benchmark_has_its_line() -> None:
    """`compare` measures nothing: it is told of in the text."""
    described = re.findall(
        r"^\| `([\w.]+)` \|", (ROOT / "scripts/README.md").read_text().partition("## Benchmarks")[2], re.MULTILINE
    )
    assert sorted([*described, "compare"]) == NAMES


def test_what_became_worse_beyond_noise_and_threshold_fails_the_comparison(tmp_path: Path) -> None:
    rows = [
        _row("page", 0.90, noise=0.02),
        _row("noisy", 0.90, noise=0.50),
        _row("growth", 1.20, better="less"),
        _row("gone", 1.0),
    ]
    same = _compare(tmp_path, rows, rows)
    assert (same.returncode, "REGRESSION" in same.stdout) == (0, False)
    allowed = _compare(
        tmp_path, rows, [_row("page", 0.85), _row("noisy", 0.60, noise=0.2), _row("growth", 0.5, better="less")]
    )
    assert allowed.returncode == 0
    assert "only in the first: sqlite, 1 workers, gone" in allowed.stdout
    worse = _compare(tmp_path, rows, [_row("page", 0.70), _row("growth", 1.5, better="less")])
    assert worse.returncode == 1
    assert [line.split()[-2] for line in worse.stdout.splitlines() if "page" in line] == ["REGRESSION"]
    assert worse.stdout.count("REGRESSION") == 2
    lenient = _compare(tmp_path, rows, [_row("page", 0.70), _row("growth", 1.5, better="less")], "--threshold", "0.3")
    assert lenient.returncode == 0


def test_two_benchmarks_are_not_compared(tmp_path: Path) -> None:
    done = _compare(tmp_path, [], [], name="write")
    assert done.returncode == 1
    assert "read and write" in done.stderr


def _row(what: str, ratio: float, *, noise: float = 0.0, better: str = "more") -> dict[str, Any]:
    return {"what": what, "ratio": ratio, "noise": noise, "better": better, "engine": "sqlite", "workers": 1}


def _compare(
    folder: Path, before: list[Any], after: list[Any], *options: str, name: str = "read"
) -> subprocess.CompletedProcess[str]:
    facts = {"commit": "0", "machine": {}, "versions": {}, "options": {}}
    paths = folder / "A.json", folder / "B.json"
    for path, bench, rows in zip(paths, ("read", name), (before, after), strict=True):
        path.write_text(json.dumps({"bench": bench, **facts, "rows": rows}))
    command = [sys.executable, str(BENCHMARKS / "compare.py"), *map(str, paths), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
