"""Commands that fill the catalogue: seed, import catalog."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.database import with_database
from gateway.cli.failures import CommandError


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
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A JSON document; - reads standard input.")],
) -> None:
    """Import locations, products and stock from a JSON document.

    {"locations": [...], "products": [...], "stock": [...]}, each a list of rows with the names of the columns. A row
    updates what its id, SKU, slug or code names, and creates it otherwise; what the document does not mention stays as
    it is. Everything is checked first: either all of it is imported or, with every problem told by its place, nothing.
    Importing the same document twice changes nothing.
    """
    from storage import catalog
    from storage.catalog_document import load

    try:
        text = typer.get_binary_stream("stdin").read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise CommandError(f"Cannot read {file}: {error.strerror}.") from None
    document = load(text)
    done = with_database(lambda database: database.transact(catalog.import_catalog, document))
    for noun, counts in (("locations", done.locations), ("products", done.products), ("stock levels", done.stock)):
        typer.echo(f"{noun}: {counts.created} created, {counts.updated} updated, {counts.unchanged} unchanged")
