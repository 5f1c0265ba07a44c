"""Commands that issue, list, rotate and revoke API keys and webhook secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli import key_listing
from gateway.cli.database import with_database
from gateway.cli.failures import CommandError

if TYPE_CHECKING:  # imported when a command runs, so that --help is quick
    from sqlalchemy.ext.asyncio import AsyncSession

    from storage.access import Issued, Visibility
    from storage.consumer_pairs import IssuedPair
    from storage.key_settings import KeySettings

_OPTIONS = {
    "name": "--name",
    "scopes": "--scope",
    "locations": "--location",
    "expires_at": "--expires",
    "visibility": "--visibility",
    "cap": "--visibility",
    "origins": "--origin",
    "cost_per_minute": "--cost-per-minute",
}
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
Name = Annotated[str, typer.Option(help="Who it is for; shown in lists and recorded with every change it makes.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


class KeyScope(StrEnum):
    """The scopes an API key may have."""

    READ = "read"
    STOREFRONT = "storefront"
    WRITE = "write"
    ADMIN = "admin"


def create_key(
    name: Name,
    scope: Annotated[
        list[KeyScope] | None,
        typer.Option(
            help="What it may do; repeatable. `admin` includes the others, and `storefront` is for web pages. "
            "[default: read]"
        ),
    ] = None,
    location: Annotated[
        list[str] | None,
        typer.Option(metavar="SLUG", help="Limit it to this location; repeatable. Everywhere without it."),
    ] = None,
    expires: Annotated[
        str,
        typer.Option(
            metavar="WHEN", help="A date (its end), a time (2027-01-31T18:00Z), or from now: 90m, 12h, 30d, 4w."
        ),
    ] = "",
    *,
    visibility: Annotated[
        str,
        typer.Option(
            metavar="exact|band|capped:N",
            help="How exactly it sees quantities: as they are, only in bands (in stock, low, none), or up to N. "
            "[default: exact; band for a storefront key that does not read]",
        ),
    ] = "",
    origin: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="A web origin whose pages may use it; repeatable. Any caller without it."),
    ] = None,
    cost_per_minute: Annotated[
        int | None, typer.Option(help="Its budget of query cost. The server's without it.")
    ] = None,
    wc: Annotated[
        bool,
        typer.Option("--wc", help="Make it a consumer pair, ck_… and cs_…, for clients of the WooCommerce REST API."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create an API key and show it, this once: only its hash is kept.

    Send it as `X-API-Key` or as `Authorization: Bearer`. A key with only the scope `storefront` may be in a web page.
    With --wc it is a consumer pair, which opens `wc/v3` and nothing else.
    """
    from storage import access, consumer_pairs
    from storage.access import Scope
    from storage.key_settings import KeySettings

    seen, cap = visibility_of(visibility) if visibility else (None, None)
    asked = KeySettings(
        name,
        tuple(Scope(str(item)) for item in dict.fromkeys(scope or [KeyScope.READ])),
        expires_at=expiry(expires, datetime.now(UTC)) if expires else None,
        visibility=seen,
        cap=cap,
        origins=tuple(dict.fromkeys(text.lower() for text in origin)) if origin else None,
        cost_per_minute=cost_per_minute,
    )
    _check(asked)
    if wc:
        _check_pair(asked)

    async def issue(session: AsyncSession) -> Issued | IssuedPair:
        location_ids = await _location_ids(session, location) if location else None
        if wc:
            asked_there = replace(asked, location_ids=location_ids)
            return await consumer_pairs.issue(session, asked_there, _server_secret())
        return await access.issue_api_key(
            session,
            asked.name,
            asked.scopes,
            location_ids=location_ids,
            expires_at=asked.expires_at,
            visibility=asked.visibility,
            cap=asked.cap,
            origins=asked.origins,
            cost_per_minute=asked.cost_per_minute,
        )

    _show(with_database(lambda database: database.transact(issue)), as_json=as_json)


def _show(issued: Issued | IssuedPair, instead: str = "", *, as_json: bool) -> None:
    """Print a new key or pair."""
    from storage.consumer_pairs import IssuedPair

    if isinstance(issued, IssuedPair):
        kind, told = "Consumer pair", {"consumer_key": issued.consumer_key, "consumer_secret": issued.consumer_secret}
    else:
        kind, told = "API key", {"token": issued.token}
    if as_json:
        typer.echo(json.dumps({"id": issued.id, **told}))
    else:
        typer.echo("\n".join([f"{kind} {issued.id}{instead}, shown this once:", *told.values()]))


def list_keys(*, as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead.")] = False) -> None:
    """List API keys: who they are for and what they may do. The keys themselves are not kept."""
    from storage import access

    keys = with_database(lambda database: database.read(access.list_api_keys))
    if as_json:
        typer.echo(json.dumps([key_listing.as_object(key) for key in keys], ensure_ascii=False, indent=2))
        return
    rows = [(*key_listing.HEADINGS,), *map(key_listing.row, keys)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def rotate_key(
    key_id: Annotated[int, typer.Argument(metavar="ID", help="As `stockgate key list` shows it.")],
    overlap: Annotated[
        str, typer.Option(metavar="SPAN", help="How long the old key stays valid: 90m, 12h, 30d, 4w, or 0.")
    ] = "24h",
    *,
    as_json: AsJson = False,
) -> None:
    """Create a key with the settings of another, which ends after the overlap, and show it, this once."""
    from storage import access, consumer_pairs
    from storage.tables import ApiKey

    span = span_of(overlap) if overlap != "0" else timedelta()
    if span is None:
        raise CommandError(f"--overlap {overlap!r} is no span: 90m, 12h, 30d, 4w, or 0.")

    async def rotate(session: AsyncSession) -> Issued | IssuedPair | None:
        row = await session.get(ApiKey, key_id)
        if row is not None and consumer_pairs.is_pair(row):
            return await consumer_pairs.rotate(session, key_id, _server_secret(), overlap=span)
        return await access.rotate_api_key(session, key_id, overlap=span)

    issued = with_database(lambda database: database.transact(rotate))
    if issued is None:
        raise CommandError(f"There is no API key {key_id} that is still valid. `stockgate key list` shows which are.")
    _show(issued, f" instead of {key_id}", as_json=as_json)


def revoke_key(key_id: Annotated[int, typer.Argument(metavar="ID", help="As `stockgate key list` shows it.")]) -> None:
    """Make an API key invalid, everywhere within five seconds. Revoking twice is harmless."""
    from storage import access

    if not with_database(lambda database: database.transact(access.revoke_api_key, key_id)):
        raise CommandError(f"There is no API key {key_id}. `stockgate key list` shows those that exist.")
    typer.echo(f"API key {key_id} is revoked.")


def create_webhook_secret(name: Name = "webhook", *, as_json: AsJson = False) -> None:
    """Create a webhook secret and show it, this once: only its hash is kept.

    Send it as `X-Webhook-Secret`. It opens the webhook routes and nothing else.
    """
    from storage import access

    issued = with_database(lambda database: database.transact(access.issue_webhook_secret, name))
    if as_json:
        typer.echo(json.dumps({"id": issued.id, "secret": issued.token}))
    else:
        typer.echo(f"Webhook secret {issued.id}, shown this once:\n{issued.token}")


def expiry(text: str, now: datetime) -> datetime:
    """When a key expires: a date means its end, a time without a zone is UTC.

    Raises CommandError for what is none of these, or not in the future.
    """
    if (span := span_of(text)) is not None:
        when = now + span
    else:
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            raise CommandError(
                f"--expires {text!r} is neither a date (2027-01-31) nor a time (2027-01-31T18:00Z) "
                "nor a span (90m, 12h, 30d, 4w)."
            ) from None
        if re.fullmatch(r"[0-9-]+", text):
            when = datetime.combine(when, time.max)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
    if when <= now:
        raise CommandError(f"--expires {text!r} is not in the future.")
    return when


def visibility_of(text: str) -> tuple[Visibility, int | None]:
    """A visibility with its cap. Raises CommandError for what is none."""
    from storage.access import Visibility

    if text in {"exact", "band"}:
        return Visibility(text), None
    capped = re.fullmatch(r"capped:([0-9]{1,10})", text)
    if capped is None:
        raise CommandError(f"--visibility {text!r} is none of exact, band and capped:N, as in capped:50.")
    return Visibility.CAPPED, int(capped[1])


def _check(asked: KeySettings) -> None:
    """Raises CommandError for a key that makes no sense, by the rule that mutations have, too."""
    from storage.access import Credential, Scope
    from storage.key_settings import problems

    operator = Credential(0, "stockgate", frozenset({Scope.ADMIN}))  # whoever has the database may grant everything
    if refused := [f"{_option(each.field, asked)}: {each.message}" for each in problems(asked, operator)]:
        raise CommandError(*refused)


def _check_pair(asked: KeySettings) -> None:
    """Raises CommandError for what no consumer pair can be: one that customers may see, or that sees no quantities."""
    from storage.access import Scope, Visibility

    refused = []
    if Scope.STOREFRONT in asked.scopes:
        refused.append(
            "--scope storefront: It is for web pages, where a consumer secret would be none. Leave out --wc."
        )
    if asked.visibility not in {None, Visibility.EXACT}:
        refused.append("--visibility: Clients of wc/v3 read quantities as they are. Leave it out.")
    if asked.origins:
        refused.append("--origin: A consumer secret has no place in a web page. Leave it out.")
    if refused:
        raise CommandError(*refused)


def _server_secret() -> str:
    """From which consumer secrets are derived; made if there is none yet."""
    from gateway import settings
    from gateway.server_secret import ServerSecret

    return ServerSecret(settings.load()).value_or_new()


def _option(field: str | None, asked: KeySettings) -> str:
    """The option that sets a field of KeySettings, with its value where there may be several."""
    name, _, rest = (field or "").partition("[")
    option = _OPTIONS[name]
    return f"{option} {(asked.origins or ())[int(rest[:-1])]!r}" if rest else option


def span_of(text: str) -> timedelta | None:
    """90m, 12h, 30d or 4w; None for anything else."""
    span = re.fullmatch(r"([0-9]{1,5})([mhdw])", text)
    return None if span is None else timedelta(**{_UNITS[span[2]]: int(span[1])})


async def _location_ids(session: AsyncSession, slugs: Sequence[str]) -> tuple[int, ...]:
    from storage import keys
    from storage.changes import LocationKey

    asked = {slug: LocationKey("slug", slug) for slug in slugs}
    found = await keys.resolve_locations(session, set(asked.values()))
    if unknown := [slug for slug, key in asked.items() if key not in found]:
        raise CommandError(*(f"There is no location {slug!r}." for slug in unknown))
    return tuple(sorted({found[key].id for key in asked.values()}))
