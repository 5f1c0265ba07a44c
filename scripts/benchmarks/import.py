"""`scripts/bench import`: `stockgate import inventory` of a file that changes every level, in the order of the export.

The time is of the whole command: start, read, preview, apply. The floor reads the same file with the csv module and
writes the same levels and ledger entries by hand, a thousand at a time, on a copy of the database; nothing is looked
up, compared or checked. The ratio is rows/s of the command to those of the floor. What memory grows by is the peak of
the command to that of the same command with a file of a thousand rows.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import suite
from servers import stockgate
from suite import Row
from write_floor import SqliteFloor

from gateway.csv_files import BOM, row
from gateway.dialects.mulopimfwc_v1.csv_rows import COLUMNS
from storage.sqlite_library import dbapi

ROWS_PER_S_MIN = 20_000
GROWTH_MB_MAX = 100
_COMMAND = Path(sys.executable).parent / "stockgate"


def main() -> None:
    suite.run("import", __doc__, measure, options, suite.Choices(("sqlite",)))


def options(parser: argparse.ArgumentParser) -> None:
    suite.add_catalogue(parser, 50_000)
    parser.add_argument("--turns", type=int, default=1)


def measure(_engine: str, _workers: int, asked: argparse.Namespace) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        seeded, work = Path(folder, "seeded.db"), Path(folder, "work.db")
        stockgate(_url(seeded), "seed", "--products", str(asked.products), "--locations", str(asked.locations))
        large, small = Path(folder, "large.csv"), Path(folder, "small.csv")
        rows = _write(seeded, large, 1)
        with large.open() as every, small.open("w") as first:
            first.writelines(islice(every, 1001))
        ours: list[float] = []
        floors: list[float] = []
        peaks: list[float] = []
        cpus: list[float] = []
        for _ in range(asked.turns):
            _copy(seeded, work)
            floors.append(_floor(work, large))
            _copy(seeded, work)
            _, _, least = _import(work, small)
            seconds, cpu, peak = _import(work, large)
            ours.append(rows / seconds)
            cpus.append(cpu / rows * 1e6)
            peaks.append(peak - least)
        best, floor, growth = max(ours), rows / min(floors), max(peaks)
        missed = [f"{best:,.0f} rows/s are not {ROWS_PER_S_MIN:,}"] if best < ROWS_PER_S_MIN else []
        missed += [f"memory grows by {growth:.0f} MB"] if growth >= GROWTH_MB_MAX else []
        figures: dict[str, float | int | str] = {
            "rows": rows, "rows/s": best, "floor rows/s": floor, "CPU µs/row": min(cpus), "growth MB": growth,
        }  # fmt: skip
        yield Row("import of a file", best / floor, figures=figures, noise=0.1, missed=missed)


def _url(path: Path) -> str:
    return f"sqlite:///{path}"


def _copy(source: Path, target: Path) -> None:
    for suffix in ("-wal", "-shm"):
        Path(f"{target}{suffix}").unlink(missing_ok=True)
    shutil.copy(source, target)


def _write(database: Path, file: Path, more: int) -> int:
    """Every level with so many more units, in the order of the export; how many rows that is."""
    connection = dbapi.connect(str(database))
    found = connection.execute(
        """SELECT product_id, sku, product.name, location_id, slug, location.name, on_hand FROM stock_level
            JOIN product ON product.id = product_id JOIN location ON location.id = location_id
            ORDER BY product_id, location.name"""
    )
    count = 0
    with file.open("w", encoding="utf-8") as out:
        out.write(BOM + row(COLUMNS))
        for *named, stock in found:
            out.write(row([*map(str, named), str(stock + more), "", "", "", "no"]))
            count += 1
    connection.close()
    return count


def _import(database: Path, file: Path) -> tuple[float, float, float]:
    """Seconds of the command, of CPU time in it, and its peak memory in MB."""
    environment = {**os.environ, "STOCKGATE_DATABASE_URL": _url(database)}
    began = time.perf_counter()
    process = subprocess.Popen(
        [_COMMAND, "import", "inventory", file, "--yes"], env=environment, stdout=subprocess.DEVNULL
    )
    peak, done = 0.0, 0
    while not done:
        peak = max(peak, _peak(process.pid))
        time.sleep(0.02)
        done, status, usage = os.wait4(process.pid, os.WNOHANG)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"The import failed with {process.returncode}.")
    return seconds, usage.ru_utime + usage.ru_stime, peak


def _peak(pid: int) -> float:
    """Its peak memory so far in MB, counted since it is that program: getrusage() has the one before, too."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def _floor(database: Path, file: Path) -> float:
    """Seconds that the same takes by hand."""
    began = time.perf_counter()
    floor = SqliteFloor(str(database))
    with file.open(encoding="utf-8-sig", newline="") as source:
        rows = ((int(cells[0]), int(cells[3]), int(cells[6])) for cells in islice(csv.reader(source), 1, None))
        while lines := list(islice(rows, 1000)):
            floor.write(lines)
    floor.connection.close()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
