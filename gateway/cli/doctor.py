"""The command that looks a deployment over."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:  # imported when the command runs, so that --help is quick
    from gateway.doctor.findings import Finding

_COLOURS: Final = {"OK": "green", "WARN": "yellow", "FAIL": "bold red"}


def doctor(
    url: Annotated[
        str, typer.Option(metavar="URL", help="Ask the server there, as clients do; STOCKGATE_PUBLIC_URL without it.")
    ] = "",
    key: Annotated[
        str,
        typer.Option(envvar="STOCKGATE_DOCTOR_KEY", help="A key that may read: to see whether events come at once."),
    ] = "",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead.")] = False,
) -> None:
    """Look the deployment over: settings, database, clock, disk, files, keys, webhooks, and the way clients come.

    Each finding is OK, WARN or FAIL, with what to do. Nothing is changed. The exit code is 1 when anything is FAIL.
    """
    found = asyncio.run(_examine(url, key))
    if as_json:
        told = [{"level": str(each.level), "check": each.check, "told": each.told, "fix": each.fix} for each in found]
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    elif sys.stdout.isatty():
        _table(found)
    else:
        for each in found:
            typer.echo(f"{each.level:4}  {each.check}: {each.told}" + (f" -> {each.fix}" if each.fix else ""))
    if any(str(each.level) == "FAIL" for each in found):
        raise typer.Exit(1)


async def _examine(url: str, key: str) -> list[Finding]:
    from gateway.doctor import of_database, of_machine, of_public_url, of_settings

    found, settings = of_settings.check()
    if settings is None:
        return found
    found += of_machine.check(settings)
    found += [finding async for finding in of_database.check(settings)]
    if at := url or settings.public_url:
        found += [finding async for finding in of_public_url.check(at, settings, key=key)]
    return found


def _table(found: list[Finding]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("", "What", "Found", "What to do", box=None, pad_edge=False)
    for each in found:
        level = str(each.level)
        table.add_row(Text(level, style=_COLOURS[level]), each.check, Text(each.told), Text(each.fix))
    Console().print(table)
