"""The command that tells what each key still calls."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gateway.cli.database import with_database
from gateway.cli.failures import CommandError

if TYPE_CHECKING:  # imported when the command runs, so that --help is quick
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from storage.key_use import Route
    from storage.tables import ApiKey

_HEADINGS: Final = ("KEY", "NAME", "DIALECT", "ROUTE", "CALLS", "WRITES", "REFUSED", "LAST", "IN GRAPHQL")


def report(
    key_id: Annotated[
        int | None, typer.Argument(metavar="[KEY]", help="Only this key, by its number in `stockgate key list`.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=400, help="How far back.")] = 30,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object instead.")] = False,
) -> None:
    """Tell which dialects and routes each key still calls, and what GraphQL has for them.

    Also which keys that are still valid called nothing in that time. Calls are written down every half minute.
    """
    keys, routes = with_database(lambda database: database.read(_read, key_id, days))
    unused = _unused(keys, {route.api_key_id for route in routes}, days)
    if as_json:
        told = {
            "days": days,
            "routes": [_as_object(route, keys) for route in routes],
            "unused": [{"id": key.id, "name": key.name, "last_used_at": _iso(key.last_used_at)} for key in unused],
        }
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    rows = [_HEADINGS, *(_row(route, keys) for route in routes)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows if routes else []:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if not routes:
        typer.echo(f"Nothing was called in {days} days.")
    for key in unused:
        typer.echo(f"Unused for {days} days: key {key.id} ({key.name}), last used {_minute(key.last_used_at)}.")


async def _read(session: AsyncSession, key_id: int | None, days: int) -> tuple[dict[int, ApiKey], Sequence[Route]]:
    from storage import access, key_use

    keys = {key.id or 0: key for key in await access.list_api_keys(session) if key_id in {None, key.id}}
    if key_id is not None and not keys:
        raise CommandError(f"There is no API key {key_id}. `stockgate key list` shows those that exist.")
    return keys, await key_use.report(session, days=days, api_key_id=key_id)


def _unused(keys: dict[int, ApiKey], used: set[int], days: int) -> list[ApiKey]:
    """Those that are valid, older than that, and called nothing."""
    from storage import access

    since = datetime.now(UTC) - timedelta(days=days)
    return [
        key
        for number, key in keys.items()
        if number not in used
        and access.is_valid(key)
        and key.created_at < since
        and (key.last_used_at is None or key.last_used_at < since)
    ]


def _row(route: Route, keys: dict[int, ApiKey]) -> tuple[str, ...]:
    from schema.equivalents import equivalent

    key = keys.get(route.api_key_id)
    counts = (route.calls, route.writes, route.refused)
    return (
        str(route.api_key_id),
        key.name if key else "?",
        route.dialect,
        route.route,
        *map(str, counts),
        _minute(route.last_at),
        equivalent(route.dialect, route.route),
    )


def _as_object(route: Route, keys: dict[int, ApiKey]) -> dict[str, Any]:
    from schema.equivalents import equivalent

    key = keys.get(route.api_key_id)
    return {
        "key": route.api_key_id,
        "name": key.name if key else None,
        "dialect": route.dialect,
        "route": route.route,
        "calls": route.calls,
        "writes": route.writes,
        "refused": route.refused,
        "last_at": _iso(route.last_at),
        "graphql": equivalent(route.dialect, route.route) or None,
    }


def _iso(when: datetime | None) -> str | None:
    return when.astimezone(UTC).isoformat() if when else None


def _minute(when: datetime | None) -> str:
    return f"{when:%Y-%m-%d %H:%M}" if when else "never"
