"""The command that brings in a WooCommerce store: import woocommerce."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.cli import on_behalf
from gateway.cli.catalog import told
from gateway.cli.database import with_database
from gateway.cli.failures import CommandError

if TYPE_CHECKING:  # imported when the command runs, so that --help is quick
    from gateway.store_import.copying import Copied, Copying
    from storage.database import Database

_SHOWN_MAX: Final = 20
_KEY, _SECRET = "WOOCOMMERCE_KEY", "WOOCOMMERCE_SECRET"


def import_woocommerce(
    url: Annotated[str, typer.Option(help="The store's address: https://shop.example.")],
    key: Annotated[
        str | None, typer.Option(help=f"Its consumer key, ck_…; {_KEY} without it, or you are asked.")
    ] = None,
    secret: Annotated[
        str | None,
        typer.Option(help=f"Its consumer secret, cs_…. Others on this machine see it here: better {_SECRET}."),
    ] = None,
    location: Annotated[
        str | None, typer.Option(metavar="SLUG", help="Where its stock is; the default location without it.")
    ] = None,
    requests_per_second: Annotated[
        float, typer.Option(min=0.1, max=1000, help="How many requests the store gets in a second.")
    ] = 5.0,
    *,
    as_key: on_behalf.As = "",
    stock: Annotated[bool, typer.Option(help="Whether quantities are taken over, too.")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done, page by page.")] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew, also where an earlier import was interrupted.")
    ] = False,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Take http, and certificates of anybody: for trials.")
    ] = False,
) -> None:
    """Bring in the products, variations and stock of a WooCommerce store.

    Reads all pages of its REST API (wc/v3) with a consumer key that may read: make one in the store under WooCommerce,
    Settings, Advanced, REST API. Products keep their ids, SKUs, prices, sale dates, attributes, images and meta data;
    `stock_quantity` becomes what the location has, with an entry in the ledger. The store itself is only read.

    Run it again at any time: what has changed is updated, nothing is doubled. What was interrupted goes on where it
    was; a store that is busy is asked again, as it says. A product with a SKU or an id that another product has here is
    told and left out, wholly, with its variations; the exit code is then 1, and all others are there.

    For example: WOOCOMMERCE_KEY=ck_... stockgate import woocommerce --url https://shop.example --dry-run
    """
    from zoneinfo import ZoneInfo

    from gateway import settings
    from gateway.store_import.client import Access
    from gateway.store_import.copying import Copying

    access = Access(
        url,
        _pair_half(key, _KEY, "Consumer key", hide=False),
        _pair_half(secret, _SECRET, "Consumer secret", hide=True),
        insecure=insecure,
        requests_per_second=requests_per_second,
    )
    how = Copying(location, stock, dry_run, restart, zone=ZoneInfo(settings.load().timezone))
    copied = with_database(lambda database: _copied(database, access, how, as_key))
    _tell(copied, dry_run=dry_run)


def _pair_half(given: str | None, variable: str, asked: str, *, hide: bool) -> str:
    """From the command line, the environment or the terminal."""
    value = given or os.environ.get(variable, "")
    if not value and sys.stdin.isatty():
        value = typer.prompt(asked, hide_input=hide, err=True)
    if not value.strip():
        raise CommandError(f"The store's {asked.lower()} is needed: set {variable}.")
    return value.strip()


async def _copied(database: Database, access: object, how: Copying, as_key: str) -> Copied:
    from dataclasses import replace

    import stamina.instrumentation
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from gateway.store_import.client import Access, Store, StoreError
    from gateway.store_import.copying import copy
    from storage import store_imports

    if as_key:
        how = replace(how, origin=await on_behalf.origin(database, as_key, store_imports.origin_of("")))
    assert isinstance(access, Access)  # noqa: S101 (for the type checker: it is imported late)
    stamina.instrumentation.set_on_retry_hooks([])  # what is asked again is told here, in our words
    columns = (TextColumn("Products"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        try:
            async with Store(access, lambda text: bar.console.print(f"stockgate: {text}", highlight=False)) as store:
                return await copy(
                    database, store, how, lambda done, total: bar.update(task, completed=done, total=total)
                )
        except StoreError as error:
            raise CommandError(str(error)) from None


def _tell(copied: Copied, *, dry_run: bool) -> None:
    if copied.resumed_after:
        typer.echo(f"Gone on after page {copied.resumed_after}, where an earlier import was interrupted.")
    for noun, counts in (("products", copied.products), ("stock levels", copied.stock)):
        typer.echo(told(noun, counts, dry_run=dry_run))
    for note in copied.notes[:_SHOWN_MAX]:
        typer.echo(f"note: {note}", err=True)
    if copied.refused:
        more = len(copied.refused) - _SHOWN_MAX
        lines = [*map(str, copied.refused[:_SHOWN_MAX]), *([f"… and {more} more"] if more > 0 else [])]
        verb = "would be" if dry_run else "were"
        raise CommandError(f"{len(copied.refused)} products {verb} left out, with their variations:", *lines)
