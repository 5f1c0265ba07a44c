"""Commands that say who may write which field."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import on_behalf
from gateway.cli.database import with_database
from gateway.cli.failures import CommandError

if TYPE_CHECKING:  # imported when a command runs, so that --help is quick
    from sqlalchemy.ext.asyncio import AsyncSession

    from storage.access import Credential
    from storage.changes import LocationKey
    from storage.rule_writes import Listed


class Field(StrEnum):
    """What can have an owner."""

    STOCK = "stock"
    PRICES = "prices"
    BACKORDERS = "backorders"
    DISABLED = "disabled"
    CATALOG = "catalog"


class Mode(StrEnum):
    """What becomes of others' writes."""

    REJECT = "reject"
    IGNORE = "ignore"


_HEADINGS = ("FIELD", "LOCATION", "OWNERS", "OTHERS' WRITES ARE", "SINCE")
Owned = Annotated[Field, typer.Argument(help="What is owned.")]
Where = Annotated[
    str,
    typer.Option("--location", metavar="SLUG", help="Where, before the rule for everywhere. Everywhere without it."),
]


def set_rule(
    field: Owned,
    owner: Annotated[
        list[str],
        typer.Option(metavar="KEY", help="An API key that may write it, by its number or its name; repeatable."),
    ],
    mode: Annotated[
        Mode,
        typer.Option(help="Refuse others' writes, or accept them and leave out what they do not own."),
    ],
    location: Where = "",
) -> None:
    """Say which API keys alone may write a field.

    `stock` is units on hand, reserved and kept back; `prices`, `backorders` and `disabled` are what they are called;
    `catalog` is everything else of products and locations. The rule that there was gives way. It binds every request
    that begins from now on, in every process.
    """
    from storage import rule_writes
    from storage.rule_writes import NewRule
    from storage.source_rules import Mode as RuleMode
    from storage.source_rules import OwnedField

    async def run(session: AsyncSession) -> Listed:
        owners = await _key_ids(session, owner)
        asked = NewRule(OwnedField(str(field)), owners, RuleMode(str(mode)), _location(location))
        return await rule_writes.set_rule(session, asked, _operator())

    typer.echo(_sentence(with_database(lambda database: database.transact(run))))


def list_rules(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")] = False
) -> None:
    """Show the rules: which field, where, whose it is, and what becomes of others' writes."""
    from storage import rule_writes

    found = with_database(lambda database: database.read(rule_writes.listed))
    if as_json:
        typer.echo(json.dumps([_as_object(each) for each in found]))
        return
    if not found:
        typer.echo("There are no rules: every API key that may write at all may write every field.")
        return
    rows = [_HEADINGS, *map(_row, found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def remove_rule(field: Owned, location: Where = "") -> None:
    """Let every API key write a field again. Without --location it is the rule for everywhere that ends."""
    from storage import rule_writes
    from storage.source_rules import OwnedField

    async def run(session: AsyncSession) -> Listed | None:
        return await rule_writes.remove_rule(session, OwnedField(str(field)), _operator(), _location(location))

    if with_database(lambda database: database.transact(run)) is None:
        raise CommandError(f"There is no rule for {field} {_place(location)}. `stockgate rules list` shows all.")
    typer.echo(f"There is no rule for {field} {_place(location)} any more.")


async def _key_ids(session: AsyncSession, named: Sequence[str]) -> list[int]:
    """The API keys that are named."""
    from storage import access

    keys = await access.list_api_keys(session)
    ids: list[int] = []
    for text in named:
        found = on_behalf.matching(keys, text)
        if not found:
            raise CommandError(f"--owner {text!r}: {on_behalf.UNKNOWN}")
        ids += [key.id or 0 for key in found]
    return list(dict.fromkeys(ids))


def _row(listed: Listed) -> tuple[str, ...]:
    """A rule as a line of the table."""
    rule = listed.rule
    since = f"{listed.updated_at.astimezone(UTC):%Y-%m-%d %H:%M}"
    mode = {"reject": "refused", "ignore": "ignored"}[rule.mode]
    return str(rule.field), listed.location_slug or "everywhere", _owners(listed), mode, since


def _owners(listed: Listed) -> str:
    return ", ".join(f"{owner.name} ({owner.id})" for owner in listed.rule.owners)


def _operator() -> Credential:
    """Whoever has the database may say everything."""
    from storage.access import Credential, Scope

    return Credential(0, "stockgate", frozenset({Scope.ADMIN}))


def _location(slug: str) -> LocationKey | None:
    from storage.changes import LocationKey

    return LocationKey("slug", slug) if slug else None


def _place(slug: str | None) -> str:
    return f"at {slug}" if slug else "everywhere"


def _sentence(listed: Listed) -> str:
    rule = listed.rule
    others = {"reject": "refused", "ignore": "accepted and not done"}[rule.mode]
    place = _place(listed.location_slug)
    return f"{rule.field} {place} is written by {_owners(listed)} only; others' writes are {others}."


def _as_object(listed: Listed) -> dict[str, Any]:
    rule = listed.rule
    return {
        "field": str(rule.field),
        "location": listed.location_slug,
        "mode": str(rule.mode),
        "owners": [{"id": owner.id, "name": owner.name} for owner in rule.owners],
        "updated_at": listed.updated_at.astimezone(UTC).isoformat(),
    }
