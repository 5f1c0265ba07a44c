"""A large import that is killed with -9 five times, wherever it is, ends exact."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import text

from gateway.csv_files import BOM, row
from gateway.dialects.mulopimfwc_v1.csv_rows import COLUMNS
from storage import imports, reconciliation
from storage.database import Database
from storage.imports import Job, State

LOCATIONS: Final = 20
STOCKGATE: Final = Path(sys.executable).parent / "stockgate"


@pytest.mark.campaign
@pytest.mark.parametrize("rows", [50_000, 1_000_000])
async def test_an_import_that_is_killed_five_times_ends_exact(rows: int, tmp_path: Path) -> None:
    chance = random.Random(rows)  # noqa: S311 (no secret)
    url, file = f"sqlite:///{tmp_path}/stockgate.db", tmp_path / "stock.csv"
    environment = {**os.environ, "STOCKGATE_DATABASE_URL": url}
    size = ("--products", str(rows // LOCATIONS), "--locations", str(LOCATIONS))
    start = partial(asyncio.create_subprocess_exec, STOCKGATE, env=environment, stdout=DEVNULL, stderr=DEVNULL)
    assert await (await start("seed", *size)).wait() == 0
    database = Database(url)
    wanted = await _write(database, file, chance)
    points: list[Callable[[Job], bool]] = [
        lambda job: job.state is State.READING and job.rows > 0,
        lambda job: job.state is State.PREVIEWING and job.previewed_chunks > 0,
        *[_applied(part) for part in sorted(chance.random() for _ in range(3))],
    ]
    command = ("import", "inventory", str(file), "--yes")
    for point in points:
        process = await start(*command)
        while process.returncode is None:
            found = await database.read(imports.page, first=1)
            if found and point(found[0]):
                break
            await asyncio.sleep(0.01)
        await asyncio.sleep(chance.random() * 0.1)
        process.kill()  # raises when there is none: then it was too late
        assert await process.wait() == -signal.SIGKILL
    assert await (await start(*command)).wait() == 0
    [job] = await database.read(imports.page, first=2)
    assert (job.state, job.rows, job.refused) == (State.FINISHED, rows, 0)

    changed = sum(before != after for before, after in wanted.values())
    assert (job.to_change, job.changed) == (changed, changed)
    levels = await database.read(_rows, "SELECT product_id, location_id, on_hand FROM stock_level")
    assert {(row[0], row[1]): row[2] for row in levels} == {key: after for key, (_, after) in wanted.items()}
    assert await database.read(reconciliation.drifts) == []
    entries = await database.read(
        _rows,
        """SELECT count(*), count(DISTINCT e.product_id * 1000 + e.location_id) FROM ledger_entry e
            JOIN stock_change_group g ON g.id = e.group_id WHERE g.dialect = 'import'""",
    )
    assert entries == [(changed, changed)]
    await database.close()


def _applied(part: float) -> Callable[[Job], bool]:
    return lambda job: job.state is State.APPLYING and job.applied_chunks > part * job.chunks * 0.9


async def _write(database: Database, file: Path, chance: random.Random) -> dict[tuple[int, int], tuple[int, int]]:
    """A file in the order of the export; of each level what it has and what it shall have."""
    levels = await database.read(
        _rows,
        """SELECT product_id, sku, location_id, slug, on_hand FROM stock_level JOIN product ON product.id = product_id
            JOIN location ON location.id = location_id ORDER BY product_id, location_id""",
    )
    wanted = {(row[0], row[2]): (row[4], chance.randrange(100)) for row in levels}
    with file.open("w", encoding="utf-8") as out:
        out.write(BOM + row(COLUMNS[:7]))  # no prices: an empty one would clear what a level has of its own
        for product_id, sku, location_id, slug, _ in levels:
            stock = wanted[product_id, location_id][1]
            out.write(row([str(product_id), sku, "Name", str(location_id), slug, "Name", str(stock)]))
    return wanted


async def _rows(session: Any, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in (await session.execute(text(sql))).all()]
