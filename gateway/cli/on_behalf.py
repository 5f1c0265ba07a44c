"""Whose data a command brings in: an API key can be named, so that what it owns by a source rule is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.failures import CommandError
from storage.changes import Origin

if TYPE_CHECKING:  # imported when a command runs, so that --help is quick
    from storage.database import Database
    from storage.tables import ApiKey

As = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="KEY",
        help="Write as this API key, by its number or name: what it owns (`stockgate rules`), at its locations. "
        "Without it the command owns nothing.",
    ),
]


async def origin(database: Database, key: str, otherwise: Origin) -> Origin:
    """The origin of what is brought in: the API key that was named, else none. Raises CommandError."""
    from storage import access

    if not key:
        return otherwise
    found = matching(await database.read(access.list_api_keys), key)
    if not found:
        raise CommandError(f"--as {key!r}: {UNKNOWN}")
    row = found[-1]  # of one that was rotated the newest
    locations = None if row.location_ids is None else frozenset(row.location_ids)
    return Origin(otherwise.dialect, row.id, row.name, locations)


UNKNOWN = "no valid API key has this number or name. `stockgate key list` shows them."


def matching(keys: Sequence[ApiKey], text: str) -> list[ApiKey]:
    """The valid API keys that have this number, else this name: one that was rotated has it twice."""
    from storage import access

    valid = [key for key in keys if access.is_valid(key)]
    return [key for key in valid if str(key.id) == text] or [key for key in valid if key.name == text]
