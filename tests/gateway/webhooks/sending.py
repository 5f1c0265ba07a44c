"""Dispatchers, clocks and endpoints for tests that send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from gateway.server_secret import ServerSecret
from gateway.settings import Settings
from gateway.webhooks import sealing
from gateway.webhooks.allowed import Allowed
from gateway.webhooks.client import Client
from gateway.webhooks.dispatcher import Dispatcher
from gateway.webhooks.standard import Standard
from storage import inventory, webhook_endpoints
from storage.changes import AdjustQuantity
from storage.database import Database
from storage.tables import WebhookDelivery
from storage.webhook_endpoints import Endpoint, NewEndpoint
from tests.builders import a_change, a_group
from tests.storage.reading import rows

SERVER_SECRET = "a secret of the server, long enough"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Clock:
    """Stands still, until a test sets it."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **time: float) -> None:
        """So much time passes."""
        self.now += timedelta(**time)


async def register(database: Database, url: str, **values: Any) -> Endpoint:
    """An endpoint that wants changes of stock."""
    new = {"name": "ERP", "url": url, "topics": ("stock.changed",), "secret": sealing.seal(SERVER_SECRET, SECRET)}
    return await database.transact(webhook_endpoints.create, NewEndpoint(**{**new, **values}))


async def sell(database: Database, item: int = 1, location: int = 1, *, times: int = 1) -> list[str]:
    """Change a level so many times, each in a transaction of its own, and name the events."""
    made = []
    for _ in range(times):
        change = a_change(item, location, quantity=AdjustQuantity(1))
        await database.transact(inventory.apply, a_group(change))
        [[sequence]] = await database.fetch_rows("SELECT max(sequence) FROM ledger_entry", [])
        made.append(f"evt_{sequence}")
    return made


@asynccontextmanager
async def sending(database: Database, clock: Callable[[], datetime], **options: Any) -> AsyncIterator[Dispatcher]:
    """A process's dispatcher, while it runs."""
    client = Client(Allowed.of(["127.0.0.1"]))
    settings = Settings(secret_key=SERVER_SECRET)
    formats = {"standard": Standard(ServerSecret(settings), **options)}
    dispatcher = Dispatcher(database, client, formats, concurrency=8, clock=clock, dice=lambda: 0.0)
    dispatcher.start()
    try:
        yield dispatcher
    finally:
        await dispatcher.close()
        await client.close()


async def until(condition: Callable[[], Any]) -> None:
    """Wait for something that is about to happen."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 (what happens is in another process, or has no event)
            await asyncio.sleep(0.01)


async def deliveries(database: Database) -> Sequence[Any]:
    """The rows of deliveries, in order."""
    found = [SimpleNamespace(**row) for row in await rows(database, WebhookDelivery)]
    return sorted(found, key=lambda row: (row.endpoint_id, row.sequence))


async def state_of(database: Database, endpoint: Endpoint) -> Endpoint:
    """The endpoint as it is now."""
    return await database.read(webhook_endpoints.known, endpoint.id)
