"""The command that moves a whole database into another one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.failures import CommandError

if TYPE_CHECKING:  # imported when the command runs, so that --help is quick
    from rich.progress import Progress

    from storage.data_migration import Comparison, Meter


def migrate_data(
    source: Annotated[str, typer.Option("--from", metavar="URL", help="The database to read; it stays as it is.")],
    target: Annotated[str, typer.Option("--to", metavar="URL", help="The database to fill: migrated, and empty.")],
    *,
    verify_only: Annotated[
        bool, typer.Option("--verify-only", help="Copy nothing: compare the two, and exit 1 where they differ.")
    ] = False,
) -> None:
    """Move a whole database, SQLite or PostgreSQL, into an empty one of either kind.

    Every row of every table keeps its number, so keys, cursors, sequences and idempotency keys go on working. What was
    written is read again and compared with the source, row by row, before it is committed: it is all or nothing, in one
    transaction. Interrupted, even by kill -9, it leaves the target empty as it was: run the same command again.

    Stop serving first. The source is read as one snapshot of the moment the command begins, so it can be served
    meanwhile, but what is written to it after that moment is not in the target. Nobody can write to the target until
    the move is done.

    URLs are as in STOCKGATE_DATABASE_URL. A password need not be in one: PGPASSWORD and ~/.pgpass are read.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as bars:
        compared = asyncio.run(_run(source, target, Bars(bars), verify_only=verify_only))
    _show(compared)
    if different := [each for each in compared if not each.is_same]:
        raise CommandError(*(f"{each.table}: {each.difference}." for each in different))
    total = sum(each.source.rows for each in compared)
    typer.echo(f"{total:,} rows {'are' if verify_only else 'were moved, and are'} the same in both databases.")


class Bars:
    """A bar for each table, with its rate and the time that is left."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def begin(self, what: str, rows: int) -> None:
        """A bar of its own for what begins."""
        self._task = self._progress.add_task(what, total=rows, rate="", visible=rows > 0)

    def advance(self, rows: int) -> None:
        """Move the bar on."""
        self._progress.advance(self._task, rows)
        speed = self._progress.tasks[self._task].speed
        self._progress.update(self._task, rate=f"{speed:,.0f} rows/s" if speed else "")


async def _run(source: str, target: str, meter: Meter, *, verify_only: bool) -> Sequence[Comparison]:
    from storage import data_migration
    from storage.database import Database

    async with AsyncExitStack() as opened:
        databases = Database(source), Database(target)
        for database in databases:
            opened.push_async_callback(database.close)
        work = data_migration.compare if verify_only else data_migration.move
        try:
            return await work(*databases, meter)
        except data_migration.DataMigrationError as error:
            raise CommandError(str(error)) from error


def _show(compared: Sequence[Comparison]) -> None:
    """The counts and digests of each table on both sides."""
    typer.echo(f"{'TABLE':<22}{'ROWS, FROM':>14}{'TO':>14}  {'SHA-256, FROM':<18}{'TO':<18}")
    for each in compared:
        counts = f"{each.source.rows:>14,}{each.target.rows:>14,}"
        digests = f"{each.source.digest[:16]:<18}{each.target.digest[:16]:<18}"
        typer.echo(f"{each.table:<22}{counts}  {digests}{'same' if each.is_same else 'DIFFERENT'}")
