"""What was committed moves from SQLite's log into the file beside the writers; nobody who reads or writes notices."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import func, select, update

from storage import sqlite_library
from storage.checkpoints import BESIDE, Checkpoints
from storage.database import Database
from storage.tables import Location
from storage.upsert import table_of

pytestmark = [
    pytest.mark.parametrize("template_url", ["sqlite"], indirect=True),
    pytest.mark.skipif(not BESIDE, reason="With this library SQLite checkpoints by itself, as ever."),
]
_location = table_of(Location)


async def _describe(session: Any, description: str) -> None:
    await session.execute(update(_location).values(description=description))


async def _length(session: Any) -> int:
    length: int = await session.scalar(select(func.max(func.length(_location.c.description))))
    return length


async def _in_log(path: str) -> int:
    """How many pages are in the log only."""
    async with sqlite_library.connection(path) as other:
        [(_, pages, moved)] = await other.execute_fetchall("PRAGMA wal_checkpoint(NOOP)")
        return int(pages - moved)


async def _until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while True:
            if await is_so():
                return
            await asyncio.sleep(0.01)


async def test_a_filled_log_is_moved_into_the_file_also_when_a_reader_kept_it_from_that(catalogue: Database) -> None:
    path = str(catalogue.url.database)
    await catalogue.transact(_describe, "short")
    assert await _in_log(path) > 0  # little is left where it is
    async with catalogue.reading() as snapshot:
        assert await _length(snapshot) == 5
        for size in (4_000_000, 5_000_000):
            await catalogue.transact(_describe, "x" * size)
        assert await _length(snapshot) == 5
        assert await _in_log(path) >= 1_000
    await catalogue.transact(_describe, "y" * 6_000_000)

    async def is_moved() -> bool:
        return await _in_log(path) < 1_000

    await _until(is_moved)
    assert await catalogue.read(_length) == 6_000_000
    await catalogue.close()
    assert not await asyncio.to_thread(Path(f"{path}-wal").exists)  # the last one out moves the rest


async def test_the_log_is_moved_also_when_a_write_fails_for_it_may_be_what_fills_the_disk(catalogue: Database) -> None:
    async def fail(_session: Any) -> None:
        raise ZeroDivisionError

    async def is_at_rest() -> bool:
        assert catalogue._checkpoints is not None
        return catalogue._checkpoints._running is None and catalogue._checkpoints._timer is None

    async with catalogue.reading() as snapshot:
        assert await _length(snapshot) == 0
        await catalogue.transact(_describe, "x" * 6_000_000)
        await _until(is_at_rest)
    assert await _in_log(str(catalogue.url.database)) >= 1_000
    with pytest.raises(ZeroDivisionError):
        await catalogue.transact(fail)

    async def is_moved() -> bool:
        return await _in_log(str(catalogue.url.database)) < 1_000

    await _until(is_moved)


async def test_writers_do_not_depend_on_it(catalogue: Database, tmp_path: Path) -> None:
    """Its file cannot be opened, as when there are no descriptors left: that is told, and tried again."""
    path = str(catalogue.url.database)
    elsewhere = tmp_path / "gone" / "stockgate.db"
    checkpoints = Checkpoints(str(elsewhere))

    with structlog.testing.capture_logs() as logs:
        checkpoints.due()

        async def is_told() -> bool:
            return [entry["event"] for entry in logs] == ["checkpoint failed"]

        await _until(is_told)
    elsewhere.parent.mkdir()
    shutil.copy(path, elsewhere)
    with structlog.testing.capture_logs() as logs:
        checkpoints.due()
        await asyncio.sleep(0.05)
        await checkpoints.close()
    assert logs == []
    await catalogue.transact(_describe, "z")
