"""Database: engine, transact() for writes, read() for reads. The only file that sees a URL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any, Concatenate, Final, Literal, NoReturn, ParamSpec, TypeVar

import stamina
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from storage import deadline, engine_errors, mathematics, postgres_engine, sqlite_driver, tally, turnstile
from storage.checkpoints import WRITERS_PRAGMA, Checkpoints
from storage.connecting import Connections, Connector
from storage.errors import InventoryError, StorageUnavailableError
from storage.listening import Listener
from storage.readers import SQLITE_PRAGMAS, SQLITE_READERS, PostgresReader, Reader, SqliteReader
from storage.replicas import Replicas, ReplicatedReader
from storage.transactions import TRANSACTIONS, Observer
from storage.turnstile import WAITING_MAX, Rank, Turnstiles
from storage.wakeups import PostgresWakeups, SqliteWakeups, Wake, Wakeups
from storage.writer_lock import WriterLock

P = ParamSpec("P")
T = TypeVar("T")
Operation = Callable[Concatenate[AsyncSession, P], Awaitable[T]]
EngineName = Literal["sqlite", "postgresql"]

_DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}


class Database:
    """One SQLite file or one PostgreSQL database.

    Operations are functions that take a session first and never commit; only transact() begins, commits and retries.
    """

    def __init__(
        self, url: str, connections: Connections | None = None, *, waiting_max: Mapping[Rank, int] = WAITING_MAX
    ) -> None:
        """`waiting_max` is how many may wait for each kind of access.

        Raises StorageUnavailableError when the URL names no database this program can use.
        """
        self.url = _driver_url(url)
        self.name: EngineName = "sqlite" if self.url.drivername.startswith("sqlite") else "postgresql"
        self.connector = Connector(self.url, connections or Connections())
        self.engine = _create_engine(self.url, self.connector)
        tally.listen(self.engine.sync_engine)
        self._writing = self.engine.execution_options(stockgate_writes=True, **_BEGUN_BY_US[self.name])
        self._checkpoints = Checkpoints(str(self.url.database)) if self.name == "sqlite" else None
        self._reader: Reader = (
            SqliteReader(str(self.url.database)) if self.name == "sqlite" else PostgresReader(self.connector)
        )
        self.replicas: Replicas | None = None
        if self.name == "postgresql" and (read_urls := self.connector.connections.read_urls):
            self.replicas = Replicas(self._reader, map(_driver_url, read_urls), self.connector.connections)
            self._reader = ReplicatedReader(self._reader, self.replicas)
        self._wakeups: Wakeups = (
            SqliteWakeups(str(self.url.database))
            if self.name == "sqlite"
            else PostgresWakeups(Listener(self.connector.listener), self._reader.fetch_text)
        )
        self.observers: list[Observer] = []
        """Are told each prepared statement before it is run. SQLAlchemy's own events have the others."""
        self.committed: list[Wake] = []
        """To be called after each commit of this process. With any, other processes are told, too."""
        self.forgotten: list[Wake] = []
        """To be called when another process changed what this one may have in memory, as attend() hears."""
        each_max, replicas = self.connector.connections.each_max, len(self.connector.connections.read_urls)
        self.turnstiles = (
            Turnstiles.of_sqlite(SQLITE_READERS, each_max, waiting_max)
            if self.name == "sqlite"
            else Turnstiles.of_postgresql(each_max, replicas, waiting_max)
        )
        self._writer = WriterLock(str(self.url.database)) if self.name == "sqlite" else None

    def __repr__(self) -> str:
        return f"Database({self.url.render_as_string(hide_password=True)})"

    async def close(self) -> None:
        """Close every connection."""
        await self._wakeups.close()
        await self.connector.close()
        if self._checkpoints is not None:
            await self._checkpoints.close()
        async with self._writer.checkpointing() if self._writer else nullcontext():
            await self._reader.close()
            await self.engine.dispose()
        if self._writer:
            self._writer.close()

    @property
    def interleaves(self) -> bool:
        """Whether several statements of one transaction may be asked for at once: aiosqlite's thread runs one after the
        other, asyncpg refuses them."""
        return self.name == "sqlite"

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Where an engine has one writer at a time, to be held while writing: transact() does."""
        return self._writer.held() if self._writer else nullcontext()

    async def transact(self, operation: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run an operation in one transaction: committed and durable when this returns, without effect when it raises.

        What the engine asks to retry (deadlock, serialization) is retried from the start, with jitter.
        Raises StorageUnavailableError when nothing can be written now, DeadlineExceededError when it took too long.
        """
        try:
            result: T = await self._attempt(operation, args, kwargs, keep=True)
        except InventoryError as refused:
            for code in refused.codes:
                tally.refused(code)
            raise
        finally:  # also after one that failed: the log may be what fills the disk
            if self._checkpoints is not None:
                self._checkpoints.due()
        tally.wrote()
        turnstile.rank_as(None)  # whoever has written is told what came of it, however many wait
        if self.replicas is not None and (written := await self.replicas.wrote()):
            self._wakeups.tell_written(*written)
        if self.committed:
            for wake in self.committed:
                wake()
            self._wakeups.announce()
        return result

    async def rehearse(self, operation: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A dry run: the same call as transact(), rolled back at the end."""
        result: T = await self._attempt(operation, args, kwargs, keep=False)
        return result

    async def _attempt(self, operation: Any, args: Any, kwargs: Any, *, keep: bool) -> Any:
        with engine_errors.told():
            try:  # without what a retry takes to be set up
                return await self._once(operation, args, kwargs, keep=keep)
            except Exception as error:
                if not engine_errors.is_retryable(error):
                    raise
            async for attempt in stamina.retry_context(
                on=engine_errors.is_retryable,
                attempts=11,
                wait_initial=0.005,
                wait_max=0.5,
                wait_jitter=0.05,
                timeout=30,
            ):
                with attempt:
                    return await self._once(operation, args, kwargs, keep=keep)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _once(self, operation: Any, args: Any, kwargs: Any, *, keep: bool) -> Any:
        async with (
            deadline.Observed(_NOT_WRITTEN) as observed,
            self.turnstiles.writes,
            self.turn(),
            self._writing.connect() as connection,
            AsyncSession(connection, expire_on_commit=False) as session,
            TRANSACTIONS[self.name](session, connection, self.observers) as transaction,
        ):
            with engine_errors.before_commit():
                result = await operation(session, *args, **kwargs)
            observed.lift()  # a commit that was begun is waited for
            if keep:
                await transaction.commit()
            return result

    async def read(self, operation: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a read on one consistent snapshot. Raises StorageUnavailableError when nothing can be read now."""
        async with self.reading() as session:
            return await operation(session, *args, **kwargs)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session on one consistent snapshot, for a read that streams."""
        with engine_errors.told():
            replicas = self.replicas
            connected = self.engine.connect() if replicas is None else replicas.connected(self.engine)
            async with deadline.Observed(_NOT_READ), self.turnstiles.sessions, connected as connection:
                if self.name == "postgresql":
                    await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                async with AsyncSession(connection) as session:
                    yield session

    async def fetch_text(self, sql: str, values: Sequence[Any]) -> str | None:
        """The one column of the one row of a statement, straight from the driver's own connection.

        The short way for statements whose text is cached: no session, no row objects.
        Raises StatementTooComplexError when the engine cannot take the statement, StorageUnavailableError when nothing
        can be read now, DeadlineExceededError when it took too long.
        """
        with engine_errors.told():
            async with deadline.Observed(_NOT_READ), self.turnstiles.texts:
                with tally.statement(sql):
                    return await self._reader.fetch_text(sql, values)

    async def fetch_rows(self, sql: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """All rows of a statement, as fetch_text() has the one."""
        with engine_errors.told():
            async with deadline.Observed(_NOT_READ), self.turnstiles.texts:
                with tally.statement(sql):
                    return await self._reader.fetch_rows(sql, values)

    async def watch(self, wake: Wake) -> NoReturn:
        """Call `wake` whenever another process committed, until cancelled. Holds a connection of its own."""
        await self._wakeups.watch(wake)

    async def attend(self) -> NoReturn:
        """Have forgotten what another process changed, until cancelled. On PostgreSQL it holds a connection."""
        await self._wakeups.attend(self._forget, self.replicas)

    def _forget(self) -> None:
        for forget in self.forgotten:
            forget()


def _driver_url(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        raise StorageUnavailableError(f"Not a database URL: {text!r}. {_URL_HELP}") from None
    backend = url.drivername.split("+")[0]
    if backend not in _DRIVERS:
        raise StorageUnavailableError(f"No driver for {backend!r}. {_URL_HELP}")
    if backend == "sqlite":
        if url.database in {None, "", ":memory:"}:
            raise StorageUnavailableError(f"SQLite needs a file, not memory: several connections share it. {_URL_HELP}")
        parent = Path(str(url.database)).absolute().parent
        if not parent.is_dir():
            raise StorageUnavailableError(f"The folder of the database file does not exist: {parent}")
    return url.set(drivername=_DRIVERS[backend])


_BEGUN_BY_US: Final[dict[EngineName, dict[str, Any]]] = {
    "sqlite": {},
    "postgresql": {"isolation_level": "AUTOCOMMIT"},
}
_NOT_READ: Final = "The answer took longer than a request may. Ask for less at once."
_NOT_WRITTEN: Final = "The change took longer than a request may, and nothing of it was written. Try again."
_URL_HELP: Final = "Use sqlite:///stockgate.db or postgresql://user:password@host/database."


def _create_engine(url: URL, connector: Connector) -> AsyncEngine:
    connections_max = connector.connections.each_max
    if url.drivername.startswith("postgresql"):
        return postgres_engine.create(url, connector)
    engine = create_async_engine(
        url,
        module=sqlite_driver.DRIVER,
        pool_size=connections_max,
        max_overflow=0,
        pool_reset_on_return=None,  # whoever begins a transaction here ends it
        hide_parameters=True,
        connect_args={"cached_statements": 512},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself: begin() below does
        cursor = connection.cursor()
        for pragma in (*SQLITE_PRAGMAS, WRITERS_PRAGMA):
            cursor.execute(pragma)
        cursor.execute(mathematics.KNOWN)
        for function in mathematics.missing(row[0] for row in cursor.fetchall()):
            connection.create_function(*function, deterministic=True)
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        # A write that began as a read could not upgrade its lock after another writer's commit: it would lose an
        # update or fail. So writes take the one writer's lock first, as FOR UPDATE does row by row on PostgreSQL.
        driver: Any = connection.connection.driver_connection
        if not driver.in_transaction:  # transact() has begun it
            writes = connection.get_execution_options().get("stockgate_writes")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
