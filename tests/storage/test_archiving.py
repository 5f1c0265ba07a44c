"""Archives of the ledger: whole, or not there."""

from __future__ import annotations

import asyncio
import gzip
import os
import random
import sys
from decimal import Decimal
from pathlib import Path

import orjson
import pytest
from sqlalchemy import text

from storage import archiving, ledger_partitions, pruning, reconciliation
from storage.archiving import Archive, ArchiveError
from storage.changes import AdjustQuantity
from storage.database import Database
from storage.tables import LedgerEntry
from tests.builders import a_change, a_transfer
from tests.storage.reading import on_hand, rows
from tests.storage.test_pruning import NOW, ago, apply, explained


async def archive(database: Database, path: Path) -> pruning.Old:
    old = await database.read(pruning.survey, ago(6))
    assert sum([number async for number in archiving.write(database, old, path)]) == old.entries
    return old


def lines_of(path: Path) -> list[bytes]:
    return gzip.decompress(path.read_bytes()).splitlines(keepends=True)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*old*"))


async def test_an_archive_has_what_was_old_with_who_wrote_it(catalogue: Database, tmp_path: Path) -> None:
    group = await apply(catalogue, ago(9), a_change(1, 1, regular_price=Decimal("7.5")), a_transfer(1, 1, 2))
    await apply(catalogue, ago(3), a_change(2, 1))
    path = tmp_path / "old.jsonl.gz"
    await archive(catalogue, path)
    first, *lines, last = [orjson.loads(line) for line in lines_of(path)]
    assert (first["format"], first["before"][:10]) == ("stockgate ledger archive 1", f"{ago(6):%Y-%m-%d}")
    shown = [(line["sequence"], line["sku"], line["location"], line["delta"], line["on_hand"]) for line in lines]
    assert shown == [
        (1, "SKU-1", "location-1", 10, 10),
        (2, "SKU-1", "location-1", -1, 9),
        (3, "SKU-1", "location-2", 1, 1),
    ]
    assert (lines[0]["regular_price"], lines[0]["created_at"][:10]) == ("7.50", f"{ago(9):%Y-%m-%d}")
    assert (lines[0]["group"]["id"], lines[0]["group"]["principal"]) == (group, "tests")
    assert archiving.read(path) == Archive(3, 10, last["sha256"])
    with pytest.raises(ArchiveError, match="there already"):
        await archive(catalogue, path)
    assert names_in(tmp_path) == ["old.jsonl.gz"]


@pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)  # the file matters, not the engine
async def test_what_is_not_whole_is_no_archive(catalogue: Database, tmp_path: Path) -> None:
    await apply(catalogue, ago(9), *(a_change(1, 1, regular_price=Decimal(n + 1)) for n in range(20)))
    path = tmp_path / "old.jsonl.gz"
    await archive(catalogue, path)
    lines = lines_of(path)
    for wrong in (
        lines[:-1],
        lines[1:],
        [*lines[:3], *lines[4:]],
        [*lines[:2], lines[2].replace(b":10", b":11", 1), *lines[3:]],
        [],
    ):
        path.write_bytes(gzip.compress(b"".join(wrong)))
        with pytest.raises(ArchiveError, match="not a whole archive"):
            archiving.read(path)
    path.write_bytes(gzip.compress(b"".join(lines))[:-9])
    with pytest.raises(ArchiveError):
        archiving.read(path)
    with pytest.raises(ArchiveError, match="No such file"):
        await archive(catalogue, tmp_path / "nowhere" / "old.jsonl.gz")


async def test_what_went_while_the_file_was_written_is_found_missing(catalogue: Database, tmp_path: Path) -> None:
    await apply(catalogue, ago(9), a_change(1, 1), a_change(1, 2))
    old = await catalogue.read(pruning.survey, ago(6))

    async def lose(session: object) -> None:
        await session.execute(text("DELETE FROM ledger_entry WHERE sequence = 1"))  # type: ignore[attr-defined]

    await catalogue.transact(lose)
    with pytest.raises(ArchiveError, match="1 entries were written, but there were 2"):
        [_ async for _ in archiving.write(catalogue, old, tmp_path / "old.jsonl.gz")]
    assert names_in(tmp_path) == []


@pytest.mark.campaign
async def test_pruning_that_is_killed_again_and_again_ends_and_loses_nothing(
    catalogue: Database, tmp_path: Path
) -> None:
    if catalogue.name == "postgresql":
        for months in (9, 7):  # entries of the months between are in the default partition
            await catalogue.transact(ledger_partitions._make, NOW.later(-months))
    one = AdjustQuantity(1)
    for n in range(16):
        lines = [a_change(1 + n % 2, 1 + m % 2, quantity=one) for m in range(1000)]
        await apply(catalogue, ago(9 - n // 4, 1), *lines)
    quantities, kills, chance = await on_hand(catalogue), 0, random.Random(5)  # noqa: S311 (no secret)
    url = catalogue.url.render_as_string(hide_password=False).replace("+aiosqlite", "").replace("+asyncpg", "")
    while True:
        command = [f"{Path(sys.executable).parent}/stockgate", "ledger", "archive", f"{tmp_path}/{kills}.gz"]
        process = await asyncio.create_subprocess_exec(
            *command, "--before", f"{ago(6):%Y-%m-%d}", "--prune", "--yes",
            env={**os.environ, "STOCKGATE_DATABASE_URL": url}, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(chance.uniform(0.5, 1) * (2 + kills / 2)):
                _, told = await process.communicate()
                assert process.returncode == 0, told
                break
        except TimeoutError:
            process.kill()
            await process.wait()
            kills += 1
        assert await catalogue.read(reconciliation.drifts) == []
    assert kills > 2
    assert await on_hand(catalogue) == quantities == await explained(catalogue)
    assert min(row["created_at"] for row in await rows(catalogue, LedgerEntry)) >= ago(6)
