"""A transaction that writes, begun and ended on the driver's own connection, so that statements can be run there as
text (storage/prepared.py) between those of SQLAlchemy's session."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, Final, Self

import aiosqlite
import asyncpg
from sqlalchemy import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from storage import deadline, engine_errors, sqlite_driver, tally
from storage.postgres_engine import ASKED
from storage.prepared import TRANSACTION
from storage.readers import BUSY_TIMEOUT_MS

_BEHIND_S: Final = 4 * deadline.LATE_S_MAX
_TOLERATED_S: Final = 1.0  # so that most requests need not change the connection's timeout
_BUSY_TIMEOUT: Final = "stockgate_busy_timeout_ms"

Observer = Callable[[str], None]
"""Is told the text of each statement before it is run."""


class _Transaction(ABC):
    """What both engines have in common. Whoever leaves it without commit() takes everything back."""

    def __init__(self, session: AsyncSession, connection: AsyncConnection, observers: Sequence[Observer]) -> None:
        self.dialect: Dialect = connection.dialect
        self._session = session
        self._observers = observers
        session.info[TRANSACTION] = self

    async def __aenter__(self) -> Self:
        await self._begin()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Take back what was not committed: first the session, which would go on with what is no longer there."""
        if self._session.in_transaction():
            await self._session.rollback()
        await self._rollback()

    async def commit(self) -> None:
        """Make all of it durable."""
        if self._session.in_transaction():
            await self._session.commit()  # what it has not sent yet
        await self._commit()

    @abstractmethod
    async def _begin(self) -> None: ...

    @abstractmethod
    async def _commit(self) -> None: ...

    @abstractmethod
    async def _rollback(self) -> None: ...

    def _observe(self, sql: str) -> AbstractContextManager[Any]:
        """A statement is run in this block."""
        for observer in self._observers:
            observer(sql)
        return tally.statement(sql)


class SqliteTransaction(_Transaction):
    """Takes the one writer's lock first. The session finds it begun, and its own COMMIT may be the one that counts."""

    def __init__(self, session: AsyncSession, connection: AsyncConnection, observers: Sequence[Observer]) -> None:
        super().__init__(session, connection, observers)
        self._driver: aiosqlite.Connection = _driver_of(connection)
        self._info = connection.info
        self._is_open = False

    async def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Any]:
        with self._observe(sql):
            rows, _ = await sqlite_driver.run(self._driver, sql, values)
        return rows

    async def write(self, sql: str, values: Sequence[Any]) -> int:
        with self._observe(sql):
            _, count = await sqlite_driver.run(self._driver, sql, values)
        return count

    async def _begin(self) -> None:
        await self._wait_until_deadline()
        self._is_open = True
        try:
            await sqlite_driver.run(self._driver, "BEGIN IMMEDIATE", ())
        except BaseException:
            await self._rollback()  # who is cancelled may have begun all the same
            raise

    async def _wait_until_deadline(self) -> None:
        """Nothing interrupts a connection that waits for another process's lock: it must not wait longer than we do."""
        left_s = deadline.left() + _BEHIND_S  # so that our own clock says first that it was the deadline
        wanted = BUSY_TIMEOUT_MS if left_s + _TOLERATED_S > BUSY_TIMEOUT_MS / 1000 else max(int(left_s * 1000), 1)
        if self._info.get(_BUSY_TIMEOUT, BUSY_TIMEOUT_MS) != wanted:
            await sqlite_driver.run(self._driver, f"PRAGMA busy_timeout={wanted}", ())
            self._info[_BUSY_TIMEOUT] = wanted

    async def _commit(self) -> None:
        if self._driver.in_transaction:
            await sqlite_driver.run(self._driver, "COMMIT", ())
        self._is_open = False

    async def _rollback(self) -> None:
        """Behind whatever the driver's thread is still at, and without effect if that has ended the transaction."""
        if self._is_open:
            self._is_open = False
            await self._driver.rollback()


class PostgresTransaction(_Transaction):
    """The session's connection is in AUTOCOMMIT: it has BEGIN, COMMIT and ROLLBACK to us, savepoints are its own."""

    def __init__(self, session: AsyncSession, connection: AsyncConnection, observers: Sequence[Observer]) -> None:
        super().__init__(session, connection, observers)
        self._driver: asyncpg.Connection[asyncpg.Record] = _driver_of(connection)
        self._transaction = self._driver.transaction()
        self._is_open = False
        self._asked: set[int] = connection.info[ASKED]
        self._pid = self._driver.get_server_pid()

    async def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Any]:
        with self._observe(sql), self._asking():
            return await self._driver.fetch(sql, *values)

    async def write(self, sql: str, values: Sequence[Any]) -> int:
        with self._observe(sql), self._asking():
            status: str = await self._driver.execute(sql, *values)  # such as INSERT 0 3
        return int(status.rpartition(" ")[2])

    async def _begin(self) -> None:
        with engine_errors.before_commit():
            await self._or_hang_up(self._transaction.start())
        self._is_open = True

    async def _commit(self) -> None:
        self._is_open = False
        await self._or_hang_up(self._transaction.commit())

    async def _rollback(self) -> None:
        if self._is_open and not self._driver.is_closed():
            await self._or_hang_up(self._transaction.rollback())

    async def _or_hang_up(self, step: Awaitable[None]) -> None:
        """Whether there is a transaction is not known after a step that failed or was cancelled: nobody else may get
        the connection then."""
        try:
            with self._asking():
                await step
        except BaseException:
            self._driver.terminate()
            raise

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """A statement is under way, which may never be answered: storage/unanswered.py."""
        self._asked.add(self._pid)
        try:
            yield
        finally:
            self._asked.discard(self._pid)


def _driver_of(connection: AsyncConnection) -> Any:
    checked_out = connection.sync_connection
    assert checked_out is not None  # noqa: S101 (for the type checker: it is connected)
    return checked_out.connection.driver_connection


TRANSACTIONS: Final[Mapping[str, Callable[[AsyncSession, AsyncConnection, Sequence[Observer]], _Transaction]]] = {
    "sqlite": SqliteTransaction,
    "postgresql": PostgresTransaction,
}
"""By the name of the engine."""
