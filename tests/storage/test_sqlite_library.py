"""One SQLite library in the whole process: the newest that is there."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from storage.database import Database
from storage.engine_errors import told
from storage.errors import StorageUnavailableError
from storage.sqlite_library import dbapi, has_wal_reset_bug

_VERSION = "SELECT sqlite_version()"
ROOT = Path(__file__).parents[2]
ALLOWED = {"storage/sqlite_library.py", "tests/storage/test_sqlite_library.py"}


def test_nothing_else_opens_a_file_with_a_library_of_its_own() -> None:
    """A second library in one process would drop the first one's locks on the file."""
    opens = re.compile(
        r"import (sqlite3|pysqlite3)|from (sqlite3|pysqlite3)|aiosqlite\.connect|aiosqlite import connect"
    )
    found = {
        str(file.relative_to(ROOT))
        for folder in ("gateway", "schema", "storage", "scripts", "tests")
        for file in (ROOT / folder).rglob("*.py")
        if opens.search(file.read_text())
    }
    assert found == ALLOWED


async def test_it_is_the_newer_one_and_everything_runs_on_it(tmp_path: Path) -> None:
    async def version(session: AsyncSession) -> str:
        return str((await session.execute(text(_VERSION))).scalar_one())

    database = Database(f"sqlite:///{tmp_path / 'shop.db'}")
    try:
        assert dbapi.sqlite_version_info >= sqlite3.sqlite_version_info
        assert await database.transact(version) == await database.fetch_text(_VERSION, ()) == dbapi.sqlite_version
        assert database.engine.dialect.server_version_info == dbapi.sqlite_version_info
    finally:
        await database.close()


@pytest.mark.parametrize(
    ("version", "has_it"),
    [
        ((3, 6, 23), False), ((3, 7, 0), True), ((3, 40, 1), True), ((3, 44, 5), True), ((3, 44, 6), False),
        ((3, 45, 0), True), ((3, 50, 0), True), ((3, 50, 6), True), ((3, 50, 7), False), ((3, 51, 0), True),
        ((3, 51, 2), True), ((3, 51, 3), False), ((3, 52, 0), False), ((3, 53, 4), False), ((4, 0, 0), False),
    ],
)  # fmt: skip
def test_versions_with_the_wal_reset_bug_are_known(version: tuple[int, int, int], has_it: bool) -> None:  # noqa: FBT001
    assert has_wal_reset_bug(version) is has_it


def test_without_the_wheel_it_is_the_standard_library_s_of_whose_bug_the_log_tells() -> None:
    script = """import sys; sys.modules["pysqlite3"] = None
import sqlite3; from storage import sqlite_library; assert sqlite_library.dbapi is sqlite3
sqlite3.sqlite_version_info = 3, 40, 1; sqlite_library.check()
sqlite3.sqlite_version_info = 3, 51, 3; sqlite_library.check()"""
    done = subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, timeout=30, stdout=subprocess.PIPE)
    assert done.stdout.count(b"the WAL-reset bug") == 1


def test_its_errors_are_told_as_what_they_mean(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailableError, match="unable to open"), told():
        dbapi.connect(tmp_path / "no folder" / "shop.db")


async def test_a_file_is_not_opened_while_it_is_read_only_and_is_written_to_as_soon_as_it_is_not(
    sqlite_template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(sqlite_template)
    with monkeypatch.context() as protected:
        protected.setattr("os.access", lambda *_: False)  # tests may run as root, who may write anywhere
        for ask in (database.fetch_text(_VERSION, ()), database.transact(_count)):
            with pytest.raises(StorageUnavailableError, match="readonly database"):
                await ask
    assert await database.transact(_count) == 0
    await database.close()


async def _count(session: AsyncSession) -> int:
    return int((await session.execute(text("SELECT count(*) FROM product"))).scalar_one())
