"""`stockgate import inventory`: stock from a file, with a preview."""

from __future__ import annotations

import asyncio
import gc
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final

import typer

from gateway.cli import on_behalf
from gateway.cli.database import with_database
from gateway.cli.failures import CommandError
from storage.changes import Origin, Reason
from storage.import_rows import Mode, Policy

if TYPE_CHECKING:  # imported when a command runs, so that --help is quick
    from storage.database import Database
    from storage.imports import Job, Options

_PRINCIPAL: Final = "stockgate import"
_WAIT_S: Final = 0.5


def import_inventory(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A CSV, TSV or JSON Lines file; - reads standard input.")
    ],
    *,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="NAME=COLUMN", help="What a column of the file is: Qty=stock. NAME= ignores it."),
    ] = None,
    mode: Annotated[Mode, typer.Option(help="set: the file has counts. adjust: it has what came and went.")] = Mode.SET,
    policy: Annotated[
        Policy, typer.Option(help="partial: write the good rows. atomic: begin only if every row is good.")
    ] = Policy.PARTIAL,
    location: Annotated[str, typer.Option(help="The slug of the location of rows that name none.")] = "",
    file_format: Annotated[
        str, typer.Option("--format", help="csv (with any delimiter) or jsonl; otherwise the name's ending says it.")
    ] = "",
    encoding: Annotated[str, typer.Option(help="Of the file, when it is neither UTF-8, UTF-16 nor Windows-1252.")] = "",
    reason: Annotated[Reason, typer.Option(help="What the ledger shall say.")] = Reason.SYNC,
    note: Annotated[str, typer.Option(help="In your own words, for the ledger; otherwise the file's name.")] = "",
    as_key: on_behalf.As = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only the preview: nothing is written.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask. Without a terminal nobody is asked.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Import a file that was imported before.")] = False,
    errors: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the rows that failed there, with line and reason.")
    ] = None,
) -> None:
    """Import stock levels from a file.

    The columns are those of the export of mulopimfwc/v1: product_id or sku (or gtin), location_id or location_slug (or
    location_code), stock, regular_price, sale_price, backorders, disabled. Names like Qty, Price or Warehouse are
    understood, --map says the rest, and other columns are not looked at. A column that is not there changes nothing; an
    empty price or backorders cell clears what the location has of its own, an empty stock cell leaves the stock.
    JSON Lines has one object with the same names per line; null changes nothing.

    Everything is read and compared first, and shown: what would change, what is so already, and each row that fails
    with its line and reason. Then rows are written in chunks of 1,000. Stopped in between, however hard, the same
    command goes on where it was, and no row counts twice. --errors leaves a file to mend and import. Exit status 1 says
    that rows failed.

    In a terminal: stockgate import inventory stock.csv --dry-run
    From a script: stockgate import inventory stock.csv --map Qty=stock --policy atomic --yes --errors failed.csv
    """
    from gateway.csv_files import FileError
    from gateway.imports.columns import mapping_of
    from gateway.imports.files import FORMATS, format_of
    from storage.imports import Options

    if file_format and file_format not in FORMATS:
        raise CommandError(f"--format is one of {', '.join(FORMATS)}, not {file_format!r}.")
    try:
        options = Options(
            mode,
            policy,
            file_format or format_of(file.name),
            mapping_of(mapping or []),
            location,
            encoding,
            reason,
            note,
        )
        with _opened(file) as source:
            command = _Command(source, file.name, options, as_key, dry_run=dry_run, yes=yes, again=again, errors=errors)
            with _seldom_collected():
                with_database(command.run)
    except FileError as error:
        raise CommandError(f"{file}: {error}") from None
    except KeyboardInterrupt:
        raise CommandError("Interrupted. The same command goes on where it was.") from None


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Rows come and go by the thousand, and none refers to itself: looking for that took a tenth of the time."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    """The file; standard input is laid down on disk first, as it is read twice."""
    if str(file) != "-":
        try:
            with file.open("rb") as source:
                yield source
        except OSError as error:
            raise CommandError(f"Cannot read {file}: {error.strerror}.") from None
        return
    with tempfile.TemporaryFile() as spooled:
        stream = typer.get_binary_stream("stdin")
        while piece := stream.read(1 << 20):
            spooled.write(piece)
        yield spooled


class _Command:
    """One run of the command."""

    def __init__(
        self,
        source: BinaryIO,
        name: str,
        options: Options,
        as_key: str,
        *,
        dry_run: bool,
        yes: bool,
        again: bool,
        errors: Path | None,
    ) -> None:
        self._source, self._name, self._options, self._as_key = source, name, options, as_key
        self._dry_run, self._yes, self._again, self._errors = dry_run, yes, again, errors

    async def run(self, database: Database) -> None:
        """Read, preview, ask, apply; or what of it is left to do."""
        from storage import imports

        by = imports.holder()
        job = await self._job(database, by)
        try:
            await self._work(database, job, by)
        finally:
            await database.transact(imports.let_go, job.id, by)

    async def _job(self, database: Database, by: str) -> Job:
        """The job of this file: an unfinished one is gone on with."""
        from gateway.imports.jobs import fingerprint_of
        from storage import imports
        from storage.imports import State

        origin = await on_behalf.origin(database, self._as_key, Origin(imports.DIALECT, principal=_PRINCIPAL))
        fingerprint = await fingerprint_of(self._source, self._options, origin)
        found = await database.read(imports.latest, fingerprint)
        if found is not None and found.state is State.FINISHED and not (self._again or self._dry_run):
            assert found.finished_at is not None  # noqa: S101 (for the type checker: it is finished)
            raise CommandError(
                f"This file was imported on {found.finished_at:%Y-%m-%d at %H:%M} UTC, as import {found.id}: "
                f"{found.changed} changed. Say --again to import it once more."
            )
        if found is None or found.state is State.FINISHED:
            found = await database.transact(
                imports.create, name=self._name, fingerprint=fingerprint, options=self._options, origin=origin
            )
        elif found.applied_chunks:
            typer.echo(f"Going on with import {found.id}: {found.applied_chunks} of {found.chunks} chunks are applied.")
        return await _taken(database, found.id, by)

    async def _work(self, database: Database, job: Job, by: str) -> None:
        from gateway.imports.jobs import read_in
        from storage import imports
        from storage.import_run import Run
        from storage.imports import State

        if job.state is State.READING:
            with _progress("Reading", lambda job: job.rows) as told:
                job = await read_in(database, job, by, self._source, told)
            for note in job.notes:
                typer.echo(note, err=True)
        if job.state is State.PREVIEWING:
            run = Run(database, job, by)
            with _progress("Comparing", lambda job: _part(job, job.previewed_chunks), job.rows) as run.told:
                job = await run.go_on()
        if job.state is State.PREVIEWED:
            _show(job)
            if self._dry_run or not self._agreed(job):
                await self._write_errors(database, job)
                await database.transact(imports.cancel, job.id)
                typer.echo("Nothing was written.")
                _exit(job.failed)
                return
            begun = await database.transact(imports.begin_applying, job.id)
            job = begun or job
        if job.state is State.APPLYING:
            run = Run(database, job, by)
            with _progress("Writing", lambda job: _part(job, job.applied_chunks), job.rows) as run.told:
                job = await run.go_on()
        await self._write_errors(database, job)
        _end(job)

    def _agreed(self, job: Job) -> bool:
        if self._yes or not job.to_change or not typer.get_text_stream("stdin").isatty():
            return True
        return typer.confirm(f"Write {job.to_change} changes?")

    async def _write_errors(self, database: Database, job: Job) -> None:
        """The rows that failed, as a file that can be mended and imported."""
        if self._errors is None:
            return
        from gateway.imports.failures import failed_rows

        try:
            with self._errors.open("w", encoding="utf-8", newline="") as out:
                async for text in failed_rows(database, job.id):
                    out.write(text)
        except OSError as error:
            raise CommandError(f"Cannot write {self._errors}: {error.strerror}.") from None


async def _taken(database: Database, job_id: int, by: str) -> Job:
    """The job, leased; after a process that was killed there is a moment to wait for its lease to end."""
    from storage import imports

    told = False
    while True:
        job = await database.transact(imports.take, job_id, by)
        if job is not None:
            return job
        now = await database.read(imports.by_id, job_id)
        if now is None or now.state not in imports.OPEN:
            raise CommandError(f"Import {job_id} is being worked on by another process, and has ended.")
        if not told:
            typer.echo(f"Another process has import {job_id}, or had it until it was killed. Waiting for it…", err=True)
            told = True
        await asyncio.sleep(_WAIT_S)


def _part(job: Job, chunks: int) -> int:
    """Rows in so many chunks."""
    return job.rows * chunks // job.chunks if job.chunks else 0


@contextmanager
def _progress(what: str, done: Callable[[Job], int], total: int | None = None) -> Iterator[Callable[[Job], None]]:
    """A bar with rate and time left in a terminal, and now and then a line elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

    class Rate(ProgressColumn):
        """Rows per second."""

        def render(self, task: Any) -> Any:
            from rich.text import Text

            return Text(f"{task.speed or task.finished_speed or 0:,.0f} rows/s")

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(what, done, total)
        return
    count = TextColumn("{task.completed:,.0f} rows")
    columns: Sequence[ProgressColumn] = (TextColumn("{task.description:<9}"), BarColumn(), TaskProgressColumn(), count)
    with Progress(*columns, Rate(), TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task(what, total=total)
        yield lambda job: bar.update(task, completed=done(job))


class _Lines:
    """Says each tenth, and without a total each hundred thousand rows, that it goes on."""

    def __init__(self, what: str, done: Callable[[Job], int], total: int | None) -> None:
        self._what, self._done, self._total = what, done, total
        self._step = max((total or 1_000_000) // 10, 100_000)
        self._next = self._step

    def __call__(self, job: Job) -> None:
        rows = self._done(job)
        if rows >= self._next:
            of = f" of {self._total}" if self._total else ""
            typer.echo(f"{self._what}: {rows}{of} rows.", err=True)
            self._next = rows - rows % self._step + self._step


def _show(job: Job) -> None:
    """The preview."""
    typer.echo(f"{job.rows} rows: {job.to_change} to change, {job.unchanged} unchanged, {job.failed} failed.")
    for shown in job.sample:
        typer.echo(f"  {_sample_line(shown)}")
    more = job.to_change + job.failed - len(job.sample)
    if more > 0:
        typer.echo(f"  … and {more} more.")


def _sample_line(shown: Any) -> str:
    if "message" in shown:
        where = f" {shown['column']}" if shown["column"] else ""
        value = f" {shown['value']!r}" if shown["value"] else ""
        return f"line {shown['line']}:{where}{value}: {shown['message']}"
    changes = ", ".join(
        f"{name} {_text(each['before'])} -> {_text(each['after'])}" for name, each in shown["changes"].items()
    )
    name = shown["sku"] or f"product {shown['product_id']}"
    return f"line {shown['line']}: {name} at location {shown['location_id']}: {changes}"


def _text(value: object) -> str:
    return "–" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _end(job: Job) -> None:
    """What came of it."""
    from storage.imports import State

    if job.state is State.FINISHED:
        typer.echo(f"Import {job.id}: {job.changed} changed, {job.rows - job.changed - job.refused} unchanged.")
        _exit(job.refused)
        return
    if job.error:
        _show(job)
        raise CommandError(job.error)
    raise CommandError(f"Import {job.id} was {job.state} when {job.changed} levels were changed.")


def _exit(failed: int) -> None:
    if failed:
        raise CommandError(f"{failed} rows failed.")
