"""Commands that keep the ledger from growing for ever: ledger archive, ledger prune."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.database import with_database
from gateway.cli.failures import CommandError

if TYPE_CHECKING:  # imported when a command runs, so that --help is quick
    from storage.database import Database
    from storage.feed_needs import Need
    from storage.pruning import Old

Before = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Entries from before this day, in UTC: 2026-01-01.")
]
Months = Annotated[
    int | None,
    typer.Option("--keep-months", min=1, max=1200, help="All but this month and so many before it."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def archive(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file, such as ledger-2025.jsonl.gz.")],
    before: Before = None,
    keep_months: Months = None,
    *,
    prune: Annotated[bool, typer.Option("--prune", help="Then prune exactly what the file has.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Write old entries of the ledger to a file.

    Give --before or --keep-months. The file is JSON Lines, compressed with gzip: the first line says what it is, each
    entry has one, with the SKU and the location's slug as they are now and with the request that made it, and the last
    line has their number, the sum of their deltas and the SHA-256 of all lines before it. The file gets its name when
    it was read back and compared with the database, and is never written over. Clients need not stop meanwhile.

    With --prune the entries are removed then, and nothing else, as `stockgate ledger prune` does.
    """
    old = _surveyed(before, keep_months)
    typer.echo(f"{_shown(old)} go into {file}{', and then out of the ledger' if prune else ''}.")
    if dry_run or not old.entries:
        return
    if prune:
        _confirm(yes=yes)
    _run("Archiving", old, lambda database: _archived(database, old, file))
    typer.echo(f"Written and checked: {file}.")
    if prune:
        _run("Pruning", old, lambda database: _pruned(database, old))
        typer.echo(_DONE)


def prune(before: Before = None, keep_months: Months = None, *, dry_run: DryRun = False, yes: Yes = False) -> None:
    """Remove old entries of the ledger for good.

    Give --before or --keep-months. What a level's entries added up to stays, as its opening: `stockgate reconcile` goes
    on explaining every quantity. What cannot be told any more: the history from before, and what requests from before
    changed, so that these cannot be taken back. Who follows the change feed from before that is told so
    (SEQUENCE_PRUNED). `stockgate ledger archive` writes all of it to a file first. What active webhook endpoints have
    not been sent yet stays.

    Clients need not stop: months that are wholly old are dropped at once on PostgreSQL, and all else goes in small
    batches. When it is interrupted, or killed, run it again.
    """
    old = _surveyed(before, keep_months)
    typer.echo(f"{_shown(old)} go out of the ledger for good.")
    if dry_run or not old.entries:
        return
    _confirm(yes=yes)
    _run("Pruning", old, lambda database: _pruned(database, old))
    typer.echo(_DONE)


_PATIENCE_S = 60.0  # for one that was killed a moment ago, and that the server has not missed yet
_DONE = "Pruned. What the entries added up to is in their levels' openings."


def _surveyed(before: datetime | None, months: int | None) -> Old:
    from storage import pruning

    if (before is None) == (months is None):
        raise CommandError("Give either --before or --keep-months.")
    time = before.replace(tzinfo=UTC) if before else pruning.before_months(months or 0)
    if time > datetime.now(UTC) - pruning.YOUNGEST:
        raise CommandError(f"--before must be a day ago or more, not {time:%Y-%m-%d}.")
    return with_database(lambda database: database.read(pruning.survey, time))


def _shown(old: Old) -> str:
    return _counted(old) + (_kept(old.kept_for) if old.kept_for else "")


def _kept(need: Need) -> str:
    return f" (what comes after sequence {need.position} stays: {need.who} has not had it yet)"


def _counted(old: Old) -> str:
    if not old.entries:
        return f"0 entries from before {old.before:%Y-%m-%d}"
    return (
        f"{old.entries} entries of {old.levels} stock levels by {old.groups} requests,"
        f" from {old.first:%Y-%m-%d} to before {old.before:%Y-%m-%d},"
    )


def _confirm(*, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError("Nothing was done: nobody is here to ask. Say --yes.")
    if not typer.confirm("Go on?", err=True):
        raise CommandError("Nothing was done.")


async def _archived(database: Database, old: Old, file: Path) -> AsyncIterator[int]:
    from storage import archiving

    try:
        async for number in archiving.write(database, old, file):
            yield number
    except archiving.ArchiveError as error:
        raise CommandError(str(error)) from None


async def _pruned(database: Database, old: Old) -> AsyncIterator[int]:
    from storage import pruning, retention

    try:
        async for number in pruning.prune(database, old, patience_s=_PATIENCE_S):
            yield number
    except retention.BusyError as error:
        raise CommandError(f"{error} What was removed until now is in the openings; run it again.") from None


def _run(what: str, old: Old, steps: Callable[[Database], AsyncIterator[int]]) -> None:
    """Take all steps, and show on standard error how far they are."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=old.entries)

        async def run(database: Database) -> None:
            async for number in steps(database):
                bar.advance(task, number)

        with_database(run)
