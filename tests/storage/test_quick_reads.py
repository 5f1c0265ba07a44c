"""Short statements run on the event loop: only they, and with the same answers as in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.database import Database
from storage.quick_reads import QuickReads
from storage.readers import SQLITE_PRAGMAS
from storage.sqlite_library import dbapi

LONG = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT max(i) FROM n"


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A file with one row."""
    path = str(tmp_path / "shop.db")
    with dbapi.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE level (on_hand INTEGER)")
        connection.execute("INSERT INTO level VALUES (7)")
    connection.close()
    return path


@pytest.fixture
def seconds() -> list[float]:
    """What the clock says next, again and again."""
    return [0.0]


@pytest.fixture
def quick(path: str, seconds: list[float]) -> Iterator[QuickReads]:
    reads = QuickReads(path, SQLITE_PRAGMAS, [("twice", 1, lambda value: 2 * value)], lambda: seconds[0])
    yield reads
    reads.close()


def test_a_short_statement_is_answered_at_once_from_its_second_run_on(quick: QuickReads) -> None:
    asked = [quick.fetch_rows("SELECT twice(on_hand + ?) FROM level", [n]) for n in range(4)]
    assert asked == [None, [(16,)], [(18,)], [(20,)]]
    assert [quick.fetch_rows("SELECT 1 WHERE 0", []) for _ in range(2)] == [None, []]


def test_a_statement_that_is_long_for_some_values_is_ended_and_rarely_tried_again(quick: QuickReads) -> None:
    assert [quick.fetch_rows(LONG, [n]) for n in (5, 5, 10**9)] == [None, [(5,)], None]
    tried = []
    for run in range(200):
        quick._periods = 0
        assert quick.fetch_rows(LONG, [10**9]) is None
        tried += [run] if quick._periods else []
    assert tried == [4, 13, 30, 63, 128]
    for _ in range(128):
        assert quick.fetch_rows(LONG, [5]) in ([(5,)], None)
    assert quick.fetch_rows(LONG, [5]) == [(5,)]


def test_a_disk_that_is_slow_sends_a_statement_to_a_thread(
    quick: QuickReads, seconds: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick.fetch_rows("SELECT 1", [])
    passing = iter([0.0, 0.02])
    monkeypatch.setattr(quick, "_clock", lambda: next(passing))
    assert quick.fetch_rows("SELECT 1", []) == [(1,)]
    assert [quick.fetch_rows("SELECT 1", []) for _ in range(4)] == [None] * 4


def test_nothing_is_waited_for_and_nothing_written(quick: QuickReads, path: str) -> None:
    read = "SELECT on_hand FROM level"
    quick.fetch_rows(read, [])
    assert [quick.fetch_rows("UPDATE level SET on_hand = 0", []) for _ in range(3)] == [None] * 3
    writer = dbapi.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE level SET on_hand = 8")
    assert quick.fetch_rows(read, []) == [(7,)]
    writer.execute("COMMIT")
    assert quick.fetch_rows(read, []) == [(8,)]
    quick.close()
    writer.execute("PRAGMA journal_mode=DELETE")
    writer.execute("BEGIN EXCLUSIVE")
    others = QuickReads(path, ())
    assert [others.fetch_rows(read, []) for _ in range(3)] == [None] * 3
    others.close()
    writer.close()


@pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
async def test_a_database_answers_alike_on_the_loop_and_in_threads(catalogue: Database) -> None:
    sql = "SELECT group_concat(id) FROM product WHERE id <= ?"
    first = await catalogue.fetch_text(sql, [2])
    threads = threading.active_count()
    assert [await catalogue.fetch_text(sql, [2]) for _ in range(5)] == [first] * 5
    assert threading.active_count() == threads
    for _ in range(2):
        with pytest.raises(dbapi.OperationalError, match="no such column"):
            await catalogue.fetch_text("SELECT missing FROM product", [])
    beating = 0

    async def beat() -> None:
        nonlocal beating
        while True:
            await asyncio.sleep(0)
            beating += 1

    beats = asyncio.create_task(beat())
    for _ in range(3):
        assert await catalogue.fetch_text(LONG, [300_000]) == 300_000
    beats.cancel()
    assert beating > 3  # the loop went on meanwhile
