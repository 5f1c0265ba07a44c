"""SQLite's driver as the engine uses it: one hop to the driver's thread for each statement.

SQLAlchemy's own cursor makes four: to be made, for the statement, for its rows, and to be closed. Each costs as much as
a small statement does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
)

from storage import sqlite_library
from storage.sqlite_library import dbapi


class _Done(NamedTuple):
    """What is known of a statement that was run. Nothing of it is open any more."""

    description: Any = None
    rowcount: int = -1
    lastrowid: Any = None
    arraysize: int = 1


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    """Runs a statement and takes all its rows at once."""

    __slots__ = ()
    _awaitable_cursor_close = False

    def _make_new_cursor(self, _connection: Any) -> Any:
        return _Done()

    def _aenter_cursor(self, cursor: Any) -> Any:
        return cursor

    async def _execute_async(self, operation: str, parameters: Any) -> Any:
        await self._run(dbapi.Connection.execute, operation, () if parameters is None else parameters)

    async def _executemany_async(self, operation: str, seq_of_parameters: Any) -> Any:
        await self._run(dbapi.Connection.executemany, operation, seq_of_parameters)

    async def _run(self, run: Any, operation: str, parameters: Any) -> None:
        driver: Any = self._connection
        async with self._adapt_connection._execute_mutex:  # noqa: SLF001 (of the class that this one extends)
            # aiosqlite's own way into its thread: its public ones tell either the rows or how many were changed
            done, rows = await driver._execute(_in_thread, run, driver._conn, operation, parameters)  # noqa: SLF001
        self._cursor, self._rows = done, deque(rows)

    def close(self) -> None:
        self._rows.clear()


def _in_thread(run: Any, connection: dbapi.Connection, *asked: Any) -> tuple[_Done, Sequence[Any]]:
    cursor: dbapi.Cursor = run(connection, *asked)
    try:
        rows = cursor.fetchall() if cursor.description else ()
        return _Done(cursor.description, cursor.rowcount, cursor.lastrowid), rows
    finally:
        cursor.close()


async def run(driver: aiosqlite.Connection, sql: str, values: Sequence[Any]) -> tuple[Sequence[Any], int]:
    """Run a statement on the driver's connection: its rows, and how many rows it changed."""
    aiosqlite_own: Any = driver
    fetched: tuple[Sequence[Any], int] = await aiosqlite_own._execute(_fetched, aiosqlite_own._conn, sql, values)  # noqa: SLF001 (as above)
    return fetched


def _fetched(connection: dbapi.Connection, sql: str, values: Sequence[Any]) -> tuple[Sequence[Any], int]:
    cursor = connection.execute(sql, values)
    try:
        return cursor.fetchall(), cursor.rowcount
    finally:
        cursor.close()


class _Connection(AsyncAdapt_aiosqlite_connection):
    __slots__ = ()
    _cursor_cls = _Cursor


class _Driver(AsyncAdapt_aiosqlite_dbapi):
    def connect(self, *args: Any, **options: Any) -> AsyncAdapt_aiosqlite_connection:
        ours = super().connect(*args, async_creator_fn=sqlite_library.connection, **options)
        return _Connection(self, ours.driver_connection)

    def _init_dbapi_attributes(self) -> None:
        """Errors and versions of the library that is used: aiosqlite's own are always the standard library's."""
        super()._init_dbapi_attributes()
        for name in (
            "DatabaseError",
            "Error",
            "IntegrityError",
            "NotSupportedError",
            "OperationalError",
            "ProgrammingError",
            "sqlite_version",
            "sqlite_version_info",
        ):
            setattr(self, name, getattr(self.sqlite, name))


DRIVER: Final = _Driver(aiosqlite, dbapi)
"""To be given to create_async_engine() as its `module`."""
