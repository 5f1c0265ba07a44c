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
from storage.sqlite_library import dbapi

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


def test_without_the_wheel_it_is_the_standard_library_s() -> None:
    script = """import sys; sys.modules["pysqlite3"] = None
import sqlite3; from storage.sqlite_library import dbapi; assert dbapi is sqlite3"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, timeout=30)


def test_its_errors_are_told_as_what_they_mean(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailableError, match="unable to open"), told():
        dbapi.connect(tmp_path / "no folder" / "shop.db")
