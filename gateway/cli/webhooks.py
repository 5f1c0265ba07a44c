"""Commands that manage webhook endpoints: who is sent what, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import webhook_listing
from gateway.cli.database import with_database
from gateway.cli.failures import CommandError
from gateway.cli.keys import AsJson, span_of

if TYPE_CHECKING:  # imported when a command runs, so that --help is quick
    from collections.abc import Iterator

    from sqlalchemy.ext.asyncio import AsyncSession

    from gateway.webhooks.registration import Registration
    from storage.database import Database
    from storage.webhook_endpoints import Endpoint

_OPTIONS = {
    "url": "URL", "topics": "--topic", "name": "--name", "locations": "--location", "products": "--sku",
    "start": "--from", "previous_valid_for_seconds": "--previous-valid-for", "id": "ID",
}  # fmt: skip
Number = Annotated[int, typer.Argument(metavar="ID", help="As `stockgate webhook list` shows it.")]


class From(StrEnum):
    """Where an endpoint goes on that missed events."""

    OLDEST = "oldest"
    NOW = "now"


def create(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events are sent: https://erp.example/hook.")],
    topic: Annotated[
        list[str] | None,
        typer.Option(help="What it is told of; repeatable. `stock.*` is all that begins so. [default: *, all]"),
    ] = None,
    name: Annotated[str, typer.Option(help="Who it is. [default: the URL's host]")] = "",
    location: Annotated[
        list[str] | None,
        typer.Option(metavar="SLUG", help="Only what happens at this location; repeatable. Everywhere without it."),
    ] = None,
    sku: Annotated[
        list[str] | None,
        typer.Option(help="Only what happens to this product and its variations; repeatable. To all without it."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Send events to an address from now on, and show the secret they are signed with, this once.

    Topics: stock.changed, stock.out, stock.back, stock.low, stock.recovered, low_stock.digest, location.created,
    location.updated, location.deleted, location.restored, product.created, product.updated, product.deleted,
    product.restored, import.finished. Events are signed as the Standard Webhooks specification says; any of its
    libraries verifies them with the secret. The README says more under "Receiving events".
    """
    from urllib.parse import urlsplit

    from storage import webhook_endpoints
    from storage.webhook_endpoints import NewEndpoint

    async def make(database: Database, server: Registration) -> tuple[Endpoint, str]:
        await server.check(url)
        secret, sealed = server.new_secret()

        async def write(session: AsyncSession) -> Endpoint:
            narrowed = await _filters(location, sku).columns(session)
            called = name or urlsplit(url).hostname or url
            new = NewEndpoint(called, url, tuple(dict.fromkeys(topic or ["*"])), sealed, **narrowed)
            return await webhook_endpoints.create(session, new)

        return await database.transact(write), secret

    endpoint, secret = _run(make)
    _show_secret(endpoint, secret, "", as_json=as_json)


def list_endpoints(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead.")] = False
) -> None:
    """List webhook endpoints: what they are told of, and how far behind they are."""
    from storage import change_feed, webhook_endpoints

    async def read(session: AsyncSession) -> tuple[Sequence[Endpoint], int]:
        return await webhook_endpoints.page(session, limit=10_000), await change_feed.horizon(session)

    endpoints, horizon = with_database(lambda database: database.read(read))
    if as_json:
        _print_json([webhook_listing.as_object(endpoint, horizon) for endpoint in endpoints])
    elif endpoints:
        webhook_listing.show(webhook_listing.table(endpoints, horizon))
    else:
        typer.echo("There is no webhook endpoint. `stockgate webhook create URL` makes one.")


def show(number: Number, *, as_json: AsJson = False) -> None:
    """Show all there is to know of a webhook endpoint, but its secret."""
    from storage import change_feed, webhook_endpoints

    async def read(session: AsyncSession) -> tuple[Endpoint, int]:
        return await webhook_endpoints.known(session, number), await change_feed.horizon(session)

    with _refusals_told():
        endpoint, horizon = with_database(lambda database: database.read(read))
    told = webhook_listing.as_object(endpoint, horizon)
    if as_json:
        _print_json(told)
    else:
        webhook_listing.show(webhook_listing.details(told))


def pause(number: Number) -> None:
    """Send an endpoint nothing until it is resumed. It goes on where it was."""
    from storage import webhook_endpoints

    _run(lambda database, _: database.transact(webhook_endpoints.pause, number))
    typer.echo(f"Webhook endpoint {number} is paused. `stockgate webhook resume {number}` goes on where it is.")


def resume(
    number: Number,
    start: Annotated[
        From | None,
        typer.Option("--from", help="Go on with the oldest event that is left, or with what happens from now on."),
    ] = None,
) -> None:
    """Send an endpoint events again that was paused or disabled, from where it was.

    While it was not active the ledger may have been pruned, and events with it that it has not had. Then you are told
    which, and have to say --from.
    """
    from storage import webhook_endpoints
    from storage.webhook_endpoints import Start

    chosen = None if start is None else Start(start.value)
    endpoint = _run(lambda database, _: database.transact(webhook_endpoints.resume, number, start=chosen))
    typer.echo(f"Webhook endpoint {number} is active again. It goes on after sequence {endpoint.position}.")


def disable(
    number: Number, reason: Annotated[str, typer.Option(help="Why; shown in lists.")] = "Disabled by an operator."
) -> None:
    """Give an endpoint up, and say why. `stockgate webhook resume` takes it up again."""
    from storage import webhook_endpoints

    _run(lambda database, _: database.transact(webhook_endpoints.disable, number, reason))
    typer.echo(f"Webhook endpoint {number} is disabled.")


def delete(number: Number) -> None:
    """Forget an endpoint and all its deliveries. What it has not had yet is never sent."""
    from storage import webhook_endpoints

    endpoint = _run(lambda database, _: database.transact(webhook_endpoints.remove, number))
    typer.echo(f"Webhook endpoint {number} ({endpoint.name}, {endpoint.url}) is forgotten.")


def rotate(
    number: Number,
    previous_valid_for: Annotated[
        str, typer.Option(metavar="SPAN", help="How long the previous secret signs, too: 90m, 12h, 30d, 4w, or 0.")
    ] = "24h",
    *,
    as_json: AsJson = False,
) -> None:
    """Give an endpoint another secret, and show it, this once.

    For a while events are signed with both, so that none is refused while the receiver learns the new one.
    """
    from storage import webhook_endpoints

    span = span_of(previous_valid_for) if previous_valid_for != "0" else timedelta()
    if span is None:
        raise CommandError(f"--previous-valid-for {previous_valid_for!r} is no span: 90m, 12h, 30d, 4w, or 0.")

    async def write(database: Database, server: Registration) -> tuple[Endpoint, str]:
        secret, sealed = server.new_secret()
        return await database.transact(webhook_endpoints.rotate_secret, number, sealed, previous_for=span), secret

    endpoint, secret = _run(write)
    until = f" The previous one signs until {endpoint.previous_until:%Y-%m-%d %H:%M} UTC." if span else ""
    _show_secret(endpoint, secret, until, as_json=as_json)


def deliveries(
    number: Number,
    status: Annotated[
        list[webhook_listing.DeliveryState] | None, typer.Option(help="Only those that became this; repeatable.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many, the newest first.")] = 20,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead.")] = False,
) -> None:
    """List what became of events at an endpoint, the newest first.

    They are kept for STOCKGATE_WEBHOOK_DELIVERIES_DAYS days.
    """
    from storage import webhook_deliveries, webhook_endpoints

    async def read(session: AsyncSession) -> Sequence[dict[str, Any]]:
        await webhook_endpoints.known(session, number)
        wanted = [each.value for each in status] if status else None
        return await webhook_deliveries.newest(session, number, statuses=wanted, limit=limit)

    with _refusals_told():
        found = with_database(lambda database: database.read(read))
    if as_json:
        _print_json([webhook_listing.delivery_object(row) for row in found])
    elif found:
        webhook_listing.show(webhook_listing.deliveries_table(found))
    else:
        typer.echo("None. Deliveries are listed once they were tried.")


def redeliver(
    delivery: Annotated[
        int, typer.Argument(metavar="DELIVERY", help="Its number, as `stockgate webhook deliveries` shows it.")
    ],
) -> None:
    """Send an event again that was delivered or given up, with the id it had. A running server sends it."""
    from storage import webhook_deliveries

    now = datetime.now(UTC)
    number = _run(lambda database, _: database.transact(webhook_deliveries.redeliver, delivery, now=now))
    typer.echo(f"Delivery {delivery} is sent again, as soon as webhook endpoint {number} is active.")


def try_out(number: Number, *, as_json: AsJson = False) -> None:
    """Send an endpoint a `webhook.test` from here, now and once, whatever its status, and show what it answers."""
    from storage import webhook_endpoints

    async def send(database: Database, server: Registration) -> Any:
        return await server.try_out(await database.read(webhook_endpoints.known, number))

    answer = _run(send)
    if as_json:
        _print_json({"status": answer.status, "duration_ms": answer.duration_ms, "error": answer.error})
    elif answer.error is None:
        typer.echo(f"It answered {answer.status} after {answer.duration_ms} ms.")
    if answer.error is not None:
        raise CommandError(f"Not delivered after {answer.duration_ms} ms. {answer.error}")


def _filters(locations: list[str] | None, skus: list[str] | None) -> Any:
    from storage.changes import ItemKey, LocationKey
    from storage.webhook_filters import Filters

    return Filters(
        [LocationKey("slug", slug) for slug in locations] if locations else None,
        [ItemKey("sku", sku) for sku in skus] if skus else None,
    )


def _run(work: Callable[[Database, Registration], Awaitable[Any]]) -> Any:
    """What some work gives. Raises CommandError with everything that is wrong."""
    from gateway import settings
    from gateway.webhooks.registration import Registration

    server = Registration(settings.load())
    with _refusals_told():
        return with_database(lambda database: work(database, server))


@contextmanager
def _refusals_told() -> Iterator[None]:
    from storage.errors import InventoryError
    from storage.webhook_endpoints import EndpointRefusedError

    try:
        yield
    except EndpointRefusedError as error:
        raise CommandError(*(f"{_option(each.field)}: {each.message}" for each in error.refused)) from None
    except InventoryError as error:
        raise CommandError(f"{_option(error.field)}: {error.message}") from None


def _option(field: str | None) -> str:
    """The option that gives a field; of several the one that was given as its number says."""
    name, _, rest = (field or "").partition("[")
    return _OPTIONS.get(name, name) + (f" number {int(rest[:-1]) + 1}" if rest else "")


def _show_secret(endpoint: Endpoint, secret: str, more: str, *, as_json: bool) -> None:
    if as_json:
        _print_json({"id": endpoint.id, "secret": secret})
    else:
        typer.echo(f"Webhook endpoint {endpoint.id}. Its secret, shown this once:{more}\n{secret}")


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))
