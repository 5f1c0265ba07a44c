"""Commands that report: low stock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gateway.cli.database import with_database

if TYPE_CHECKING:  # imported when a command runs, so that --help is quick
    from storage.database import Database
    from storage.low_stock import LowLevel, Wanted

COLUMNS: Final = (
    "sku", "name", "location", "available", "threshold", "threshold_source", "deficit", "outflow_per_day",
    "days_of_cover", "product_id", "location_id",
)  # fmt: skip
"""The columns of a file; those that a terminal shows have a heading."""
_HEADINGS: Final = {
    "sku": "SKU", "name": "Product", "location": "Location", "available": "Available", "threshold": "Threshold",
    "deficit": "Deficit", "outflow_per_day": "Out per day", "days_of_cover": "Days of cover",
}  # fmt: skip
_TEXTS: Final = ("sku", "name", "location")
_DASH: Final = "-"
_NAMED: Final = typer.Option("--location", help="Only there: a slug, a code or an id. Again for another one.")
_SKUS: Final = typer.Option("--product", help="Only this SKU, with its variations. Again for another one.")
_DAYS: Final = typer.Option("--days", min=1, max=366, help="Over how many days what went out is looked at.")
_LIMIT: Final = typer.Option("--limit", min=1, help="At most so many, those that last the shortest.")
_CSV: Final = typer.Option("--csv", help="Write CSV to this file; - is standard output.")
_JSON: Final = typer.Option("--json", help="Print JSON, one level a line.")


def low_stock(
    *,
    location: Annotated[list[str] | None, _NAMED] = None,
    product: Annotated[list[str] | None, _SKUS] = None,
    days: Annotated[int, _DAYS] = 28,
    limit: Annotated[int | None, _LIMIT] = None,
    csv: Annotated[str | None, _CSV] = None,
    json: Annotated[bool, _JSON] = False,
) -> None:
    """Show what is low on stock: how much is missing, and for how many days the rest lasts."""
    from storage.low_stock import Wanted

    if csv is not None and json:
        raise typer.BadParameter("Choose one of --csv and --json.")
    rows = [_told(level, days) for level in _read(Wanted(location, product, days, limit))]
    if csv is not None:
        _write_csv(csv, rows)
    elif json:
        _write_json(rows)
    else:
        _show(rows, days)


def _read(wanted: Wanted) -> Sequence[LowLevel]:
    from storage import low_stock as reading

    async def read(database: Database) -> Sequence[LowLevel]:
        return await database.read(reading.read, wanted)

    return with_database(read)


def _told(level: LowLevel, days: int) -> dict[str, Any]:
    from storage.low_stock import cover_of, per_day_of

    told = level._asdict()
    outflow = told.pop("outflow")
    return {
        **told,
        "outflow_per_day": per_day_of(outflow, days),
        "days_of_cover": cover_of(level.available, outflow, days),
    }


def _cells(row: dict[str, Any], columns: Iterable[str], missing: str) -> list[str]:
    return [missing if row[name] is None else str(row[name]) for name in columns]


def _write_csv(target: str, rows: Sequence[dict[str, Any]]) -> None:
    from gateway import csv_files

    text = "".join([csv_files.row(COLUMNS), *(csv_files.row(_cells(row, COLUMNS, "")) for row in rows)])
    if target == _DASH:
        typer.echo(text, nl=False)
    else:
        Path(target).write_text(text, encoding="utf-8", newline="")
        typer.echo(f"Wrote {len(rows)} levels to {target}.", err=True)


def _write_json(rows: Sequence[dict[str, Any]]) -> None:
    import orjson

    for row in rows:
        typer.echo(orjson.dumps({name: row[name] for name in COLUMNS}).decode())


def _show(rows: Sequence[dict[str, Any]], days: int) -> None:
    """A table for people: its width is the terminal's."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        typer.echo("Nothing is low on stock.")
        return
    table = Table(caption=f"What went out in {days} days is looked at.", caption_justify="left")
    for name, heading in _HEADINGS.items():
        is_text = name in _TEXTS
        table.add_column(heading, justify="left" if is_text else "right", overflow="fold" if is_text else "ellipsis")
    for row in rows:
        style = "red" if row["available"] <= 0 else ""
        cells: list[Text] = [Text(_shown(cell), style=style) for cell in _cells(row, _HEADINGS, _DASH)]
        table.add_row(*cells)
    Console().print(table)


def _shown(cell: str) -> str:
    """Nothing that a terminal would obey."""
    return "".join(character if character.isprintable() else " " for character in cell)
