"""Commands that fill the catalogue: seed, import catalog."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal, NamedTuple

import typer

from gateway.cli import on_behalf
from gateway.cli.database import with_database
from gateway.cli.failures import CommandError

if TYPE_CHECKING:  # imported when a command runs, so that --help is quick
    from storage.catalog import Counts, Imported
    from storage.database import Database

ListName = Literal["products", "locations", "stock"]
Format = Literal["json", "jsonl", "csv"]


def seed(
    products: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many products.")],
    locations: Annotated[int, typer.Option(min=1, max=1_000, help="How many locations; every product is at each.")],
    variations: Annotated[
        int, typer.Option(min=0, max=100, help="Make every fifth product variable, with this many variations.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="The same number makes the same catalogue.")] = 1,
) -> None:
    """Fill the database with a made-up catalogue, for benchmarks and trials.

    All of it is written in one transaction: interrupted, it leaves nothing behind.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from storage import seeding

    size = seeding.Size(products, locations, variations, seed)
    columns = (TextColumn("Stock levels"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=size.items * locations)
        with_database(lambda database: database.transact(seeding.seed, size, lambda levels: bar.advance(task, levels)))
    typer.echo(f"Seeded {products} products at {locations} locations: {size.items * locations} stock levels.")


def import_catalog(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON, JSON Lines or CSV; - reads standard input.")],
    *,
    of: Annotated[
        ListName | None,
        typer.Option("--list", help="What rows of CSV or JSON Lines are; otherwise their columns say it."),
    ] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="NAME=COLUMN", help="What a column is: Art.-Nr.=sku. NAME= ignores it."),
    ] = None,
    file_format: Annotated[
        Format | None, typer.Option("--format", help="Otherwise the ending of the file's name says it.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Of a CSV that is neither UTF-8, UTF-16 nor Windows-1252.")
    ] = None,
    location: Annotated[
        str | None,
        typer.Option(metavar="SLUG", help="Where the stock of products is; the default location without it."),
    ] = None,
    as_key: on_behalf.As = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and say what would be done.")] = False,
) -> None:
    """Import locations, products and stock from a file.

    JSON: {"locations": [...], "products": [...], "stock": [...]}, each a list of rows with the names of the columns. A
    row updates what its id, SKU, slug or code names, and creates it otherwise; what is not mentioned stays as it is.

    CSV and JSON Lines: one of these lists, which its columns tell. Names count in any spelling; those of WooCommerce's
    product CSV export are understood (ID, Type, SKU, Name, Published, Parent, Regular price, Stock, Attribute 1
    name ...): its Stock goes to one location. An empty cell is no value; a column that is not there changes nothing.
    What `stockgate export products|locations|inventory` writes is read as it is.

    Everything is checked first: either all of it is imported or, with every problem told by its place (the line and
    column), nothing. Importing the same file twice changes nothing.

    For example: stockgate import catalog wc-product-export.csv --location main-street --dry-run
    """
    from gateway.csv_files import FileError

    asking = Asking(of, tuple(mapping or ()), encoding, location, as_key)
    try:
        done, notes = _imported(file, file_format, asking, dry_run=dry_run)
    except FileError as error:
        raise CommandError(f"{file}: {error}") from None
    for noun, counts in (("locations", done.locations), ("products", done.products), ("stock levels", done.stock)):
        typer.echo(told(noun, counts, dry_run=dry_run))
    for note in notes:
        typer.echo(f"note: {note}", err=True)


def told(noun: str, counts: Counts, *, dry_run: bool) -> str:
    """What became of the rows of one list, in a line."""
    would = "would be " if dry_run else ""
    line = f"{noun}: {counts.created} {would}created, {counts.updated} {would}updated, {counts.unchanged} unchanged"
    return f"{line}; of {counts.ignored} what others own {would or 'was '}ignored" if counts.ignored else line


class Asking(NamedTuple):
    """The options of a table."""

    of: ListName | None
    mapping: tuple[str, ...]
    encoding: str | None
    location: str | None
    as_key: str = ""


def _imported(
    path: Path, file_format: Format | None, asking: Asking, *, dry_run: bool
) -> tuple[Imported, Sequence[str]]:
    """What came of it, and what there is to be said of the file."""
    from gateway.catalog_import import files
    from storage.catalog_document import load

    source = _opened(path)
    of = file_format or files.format_of(path.name, source.read(64))
    source.seek(0)
    if of == "json":
        as_key = asking.as_key
        return with_database(lambda database: _written(database, load(source.read()), as_key, dry_run=dry_run)), ()

    async def run(database: Database) -> tuple[Imported, Sequence[str]]:
        location_id = await database.read(store_imports.location_id, asking.location)
        asked = files.Asked(asking.of, asking.mapping, asking.encoding, location_id)
        table = files.read(source, of, asked)
        if location_id is None and table.document.get("stock") and "products" in table.document:
            raise CommandError(
                "There is no default location for the stock: give --location."
                if asking.location is None
                else f"There is no location {asking.location!r}."
            )
        try:
            done = await _written(database, table.document, asking.as_key, dry_run=dry_run)
        except CatalogError as error:
            raise CatalogError([table.told(problem) for problem in error.problems]) from None
        return done, table.notes

    from storage import store_imports
    from storage.catalog_document import CatalogError

    return with_database(run)


async def _written(database: Database, document: object, as_key: str, *, dry_run: bool) -> Imported:
    from storage import catalog

    run = database.rehearse if dry_run else database.transact
    origin = await on_behalf.origin(database, as_key, catalog.ORIGIN)
    return await run(partial(catalog.import_catalog, origin=origin), document)


def _opened(path: Path) -> BinaryIO:
    """The file, to be read more than once."""
    try:
        if str(path) == "-":
            return io.BytesIO(typer.get_binary_stream("stdin").read())
        with path.open("rb") as file:
            return io.BytesIO(file.read())
    except OSError as error:
        raise CommandError(f"Cannot read {path}: {error.strerror}.") from None
