"""Commands that write what there is to files: export inventory, products, locations, ledger."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal

import typer

from gateway.cli.database import with_database
from gateway.cli.failures import CommandError

if TYPE_CHECKING:  # imported when a command runs, so that --help is quick
    from gateway.exports.formats import Writing
    from storage.database import Database
    from storage.exports import Kind

FileFormat = Annotated[
    Literal["csv", "jsonl", "parquet"] | None,
    typer.Option("--format", help="Otherwise the ending of the file's name says it; csv without one."),
]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE", help="Written over when it is there; - is standard output.")
]

_STDOUT = Path("-")
_CONSISTENT = """All of it is as it was at one moment, whoever writes meanwhile, and takes the same memory for any
    size. The sequence that is printed goes with it: what has changed since is in the change feed after it (GET
    /api/changes?after=...). Texts that a spreadsheet would run get a ' in front, which imports take away again."""


def _documented(what: str, columns: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The help of an export."""

    def document(command: Callable[..., None]) -> Callable[..., None]:
        command.__doc__ = f"""{what}

    {columns}

    {_CONSISTENT}
    """
        return command

    return document


@_documented(
    "Write every stock level to a file.",
    """The columns of the export of mulopimfwc/v1, and reserved and safety_stock behind them. `stockgate import
    inventory` reads it, and `stockgate import catalog`, which takes over reserved and safety_stock, too.""",
)
def inventory(file_format: FileFormat = None, output: Output = _STDOUT) -> None:
    """Documented above."""
    _export("inventory", file_format, output)


@_documented(
    "Write all products and variations to a file.",
    """The columns are those of `stockgate import catalog`, which reads it: with ids, so that they stay the same.""",
)
def products(file_format: FileFormat = None, output: Output = _STDOUT) -> None:
    """Documented above."""
    _export("products", file_format, output)


@_documented(
    "Write all locations to a file, but those that are archived.",
    """The columns are those of `stockgate import catalog`, which reads it: with ids, so that they stay the same.""",
)
def locations(file_format: FileFormat = None, output: Output = _STDOUT) -> None:
    """Documented above."""
    _export("locations", file_format, output)


@_documented(
    "Write the ledger to a file: every change of stock, who made it and why.",
    """In the order of sequences, each entry with what its level was after it. For looking into: `stockgate ledger
    archive` is for keeping.""",
)
def ledger(file_format: FileFormat = None, output: Output = _STDOUT) -> None:
    """Documented above."""
    _export("ledger", file_format, output)


def _export(kind: str, file_format: str | None, output: Path) -> None:
    from gateway.exports.formats import NO_PARQUET, WRITINGS, Format
    from storage.exports import Kind

    named = file_format or output.suffix.removeprefix(".").casefold() or "csv"
    if named == "parquet":
        raise CommandError(NO_PARQUET)
    if named not in {each.value for each in Format}:
        raise CommandError(f"{output}: its ending is none of .csv and .jsonl, so give --format.")
    writing = WRITINGS[Format(named)]
    with _opened(output) as file:
        rows, sequence = with_database(lambda database: _written(database, Kind(kind), writing, file))
    where = "" if output == _STDOUT else f" to {output}"
    typer.echo(f"{rows} rows written{where}, up to sequence {sequence}.", err=True)


async def _written(database: Database, kind: Kind, writing: Writing, file: BinaryIO) -> tuple[int, int]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from storage import exports

    console = Console(stderr=True)
    columns = (TextColumn(kind.capitalize()), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        async with exports.begun(database, kind) as export:
            task = bar.add_task("", total=export.total)
            _write(file, writing.head(export.columns))
            async for rows in export.rows():
                _write(file, writing.lines(export.columns, rows))
                bar.advance(task, len(rows))
            return export.total, export.sequence


def _write(file: BinaryIO, written: bytes) -> None:
    try:
        file.write(written)
    except BrokenPipeError:  # whoever reads has enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except OSError as error:
        raise CommandError(f"Cannot write the file: {error.strerror}.") from None


@contextlib.contextmanager
def _opened(output: Path) -> Iterator[BinaryIO]:
    """Where to write. A file gets its name when it is whole."""
    if output == _STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    partial = output.with_name(f"{output.name}.partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(output)
    except OSError as error:
        raise CommandError(f"Cannot write {output}: {error.strerror}.") from None
    finally:
        partial.unlink(missing_ok=True)
