"""Which SQLite this program runs on: the newer of the machine's own and the one that comes with a wheel.

Everything that opens an SQLite file in this process does it through `dbapi`, and nothing else imports sqlite3 to do so:
closing a file anywhere in a process drops the process's POSIX locks on it. One library knows which of its connections
share a file and waits with the closing; two libraries do not know of each other, so that the one would take the
other's locks away in the middle of a transaction. (A test sees to it.)
"""

from __future__ import annotations

import importlib
import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import aiosqlite
import structlog

log = structlog.get_logger("stockgate.storage")


def _newest() -> ModuleType:
    libraries = [sqlite3]
    with suppress(ImportError):  # there are wheels for a few platforms only
        libraries.append(importlib.import_module("pysqlite3.dbapi2"))
    return max(libraries, key=lambda library: library.sqlite_version_info)


if TYPE_CHECKING:
    dbapi = sqlite3  # whose interface the other one has, too
else:
    dbapi = _newest()


_MENDED: Final = {(3, 44): 6, (3, 50): 7}
"""In older lines: since which patch."""


def has_wal_reset_bug(version: tuple[int, int, int]) -> bool:
    """Whether a commit while another connection checkpoints may, very seldom, damage the file.

    https://www.sqlite.org/wal.html#walresetbug: since 3.7.0, mended in 3.51.3 and in two older lines.
    """
    major, minor, patch = version
    return (3, 7, 0) <= version < (3, 51, 3) and patch < _MENDED.get((major, minor), patch + 1)


def check() -> None:
    """Say in the log, once, what the library that is used would do to a file if its writers did not queue."""
    if has_wal_reset_bug(dbapi.sqlite_version_info):
        log.warning(
            "This SQLite can damage a file when one process commits while another checkpoints (the WAL-reset bug). "
            "Stockgate's processes take turns, so they do not; other programs should not write to the file. "
            "SQLite 3.51.3 and later have no such bug.",
            sqlite=dbapi.sqlite_version,
        )


def connection(database: str | Path, **options: Any) -> aiosqlite.Connection:
    """What aiosqlite.connect() gives, on this library: to be awaited or entered."""
    opened = aiosqlite.Connection(lambda: _open(str(database), **options), iter_chunk_size=64)
    opened._thread.daemon = True  # noqa: SLF001 (as SQLAlchemy does: no connection keeps a process alive)
    return opened


def _open(database: str, **options: Any) -> Any:
    """Not a file that cannot be written to now: all connections of a process share what the first one of them found,
    so that none could write as long as there is one, even when the file can be written to again."""
    places = [database, os.path.dirname(os.path.abspath(database))]  # noqa: PTH100, PTH120 (strings are quicker)
    if not all(os.access(place, os.W_OK) for place in places if os.path.exists(place)):  # noqa: PTH110 (as above)
        raise dbapi.OperationalError("attempt to open a readonly database")
    return dbapi.connect(database, **options)
