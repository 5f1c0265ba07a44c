"""Commands about the database itself: migrate, reconcile; and how every other command gets at it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from gateway.cli.failures import CommandError

if TYPE_CHECKING:  # imported when a command runs, so that --help is quick
    from storage.database import Database
    from storage.ledger_partitions import Month
    from storage.reconciliation import Drift

T = TypeVar("T")


def with_database(use: Callable[[Database], Awaitable[T]], *, prepared: bool = True) -> T:
    """Open the database of the settings, run `use` on it, close it.

    SQLite migrates by itself first; on PostgreSQL `prepared` demands that `stockgate migrate` was run.
    """

    async def run() -> T:
        from storage import migrations

        async with _opened() as database:
            if prepared:
                await migrations.prepare(database)
            return await use(database)

    return asyncio.run(run())


@asynccontextmanager
async def _opened() -> AsyncIterator[Database]:
    from gateway import databases, settings

    database = databases.for_command(settings.load())
    try:
        yield database
    finally:
        await database.close()


def migrate() -> None:
    """Bring the database to the newest schema.

    Run it after every upgrade when the database is PostgreSQL; SQLite files migrate by themselves. Harmless when there
    is nothing to do. On PostgreSQL it makes the ledger's partitions of the next months, too, as `serve` does.
    """
    from storage import ledger_partitions, migrations

    async def run(database: Database) -> Sequence[Month]:
        await migrations.upgrade(database)
        return await database.transact(ledger_partitions.make_ahead)

    made = with_database(run, prepared=False)
    typer.echo("The database has the newest schema.")
    if made:
        typer.echo(f"The ledger has partitions up to {made[-1].year}-{made[-1].month:02}.")


def reconcile(
    *,
    repair: Annotated[bool, typer.Option(help="Write a correcting ledger entry for every level that drifted.")] = False,
) -> None:
    """Check that the ledger explains every stock level; exit 1 when it does not.

    For each level the sum of its ledger entries must be its quantity, and the last entry must be its present state.
    They only drift apart when something other than Stockgate wrote to the database. --repair keeps the quantities that
    everybody sees and writes the difference into the ledger, where it stays to be explained.
    """
    from storage import reconciliation

    async def run(database: Database) -> list[Drift]:
        if repair:
            return await database.transact(reconciliation.repair)
        return await database.read(reconciliation.drifts)

    found = with_database(run)
    for drift in found:
        typer.echo(str(drift))
    if not found:
        typer.echo("The ledger explains every stock level.")
    elif repair:
        typer.echo(f"{len(found)} levels repaired.")
    else:
        raise CommandError(
            f"{len(found)} stock levels differ from the ledger. `stockgate reconcile --repair` mends them."
        )
