"""Schema migrations: Alembic, run from the program, each step the same on both engines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Database
from storage.errors import StorageUnavailableError

_LOCK = 7_402_518_936  # of pg_advisory_xact_lock: two processes that start at once migrate one after the other


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without a file of its own."""
    alembic = Config()
    alembic.set_main_option("script_location", str(Path(__file__).parent))
    alembic.set_main_option("path_separator", "os")
    alembic.attributes["connection"] = connection
    return alembic


async def upgrade(database: Database) -> None:
    """Bring the database to the newest schema, in one transaction. Harmless when it is there already."""

    def run(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        command.upgrade(config(connection), "head")

    try:
        async with database.turn(), database.engine.connect() as connection, _tables_may_be_made_anew(connection):
            await connection.execution_options(stockgate_writes=True)
            await connection.run_sync(run)
            await connection.commit()
    except (DBAPIError, OSError) as error:
        raise StorageUnavailableError(f"Cannot migrate {database!r}: {getattr(error, 'orig', error)}") from error


@asynccontextmanager
async def _tables_may_be_made_anew(connection: AsyncConnection) -> AsyncIterator[None]:
    """SQLite changes some things of a table only by a new one; the old one must go though others refer to it.

    https://www.sqlite.org/lang_altertable.html#otheralter: foreign keys can be switched off only outside a transaction.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = (await connection.get_raw_connection()).driver_connection
    await driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        await connection.rollback()  # in case it failed: within a transaction the pragma would do nothing
        await driver.execute("PRAGMA foreign_keys=ON")


async def pending(database: Database) -> bool:
    """Whether the database's schema is not the one this program needs.

    Raises StorageUnavailableError when the database cannot be reached.
    """

    def current(connection: Connection) -> tuple[str, ...]:
        return MigrationContext.configure(connection).get_current_heads()

    try:
        async with database.engine.connect() as connection:
            return set(await connection.run_sync(current)) != set(ScriptDirectory.from_config(config()).get_heads())
    except (DBAPIError, OSError) as error:
        raise StorageUnavailableError(f"Cannot reach {database!r}: {getattr(error, 'orig', error)}") from error


async def prepare(database: Database) -> None:
    """Make sure of the schema: SQLite migrates by itself; a PostgreSQL that hosts share, by a command at a chosen time.

    Raises StorageUnavailableError when a PostgreSQL database is not migrated, or nothing can be reached.
    """
    if database.name == "sqlite":
        await upgrade(database)
    elif await pending(database):
        raise StorageUnavailableError(
            f"{database!r} does not have the schema this program needs. Run: stockgate migrate"
        )
