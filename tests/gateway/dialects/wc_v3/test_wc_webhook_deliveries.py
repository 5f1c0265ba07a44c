"""What webhooks deliver: a real server, the client that registers them, and a receiver on a socket."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest
import woocommerce

from gateway.app import create_app
from gateway.dialects.wc_v3.webhook_format import signature
from gateway.settings import Settings
from storage import inventory, webhook_endpoints
from storage.changes import AdjustQuantity
from storage.database import Database
from storage.webhook_endpoints import Endpoint
from tests.builders import a_change, a_group
from tests.gateway.dialects.wc_v3.conftest import API, MAIN, Pairs
from tests.gateway.live.live_server import PATIENCE_S, serving, settled
from tests.gateway.webhooks.receiver import Received, Receiver, receiving, status

pytestmark = [
    pytest.mark.parametrize(
        "changed_settings", [{"webhook_targets_allowed": ["127.0.0.0/8"], "wc_keys_over_http": "on"}]
    ),
    pytest.mark.parametrize("template_url", ["sqlite"], indirect=True),
]
SECRET: Final = "secret-x"
_STEP_S: Final = 0.02
QUIET_S: Final = 0.3
"""So long is waited for what shall not come."""


@dataclass
class Served:
    """A shop that is served, one who manages it, and whoever is told of it."""

    base: str
    http: httpx.AsyncClient
    client: woocommerce.API
    database: Database
    receiver: Receiver

    async def call(self, method: str, path: str, *args: Any, **options: Any) -> Any:
        """What the client is answered; it waits in a thread of its own."""
        answer = await asyncio.to_thread(getattr(self.client, method), path, *args, **options)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()

    async def webhook(self, topic: str = "product.updated", **asked: Any) -> int:
        """The id of a new webhook, whose ping was answered."""
        pinged = len(self.receiver.received)
        sent = {"topic": topic, "delivery_url": self.receiver.url, "secret": SECRET, **asked}
        id_: int = (await self.call("post", "webhooks", sent))["id"]
        await settled(lambda: len(self.receiver.received) > pinged)
        return id_

    async def stored(self, id_: int) -> Endpoint:
        """A webhook as it is kept."""
        endpoint = await self.database.read(webhook_endpoints.by_id, id_)
        assert endpoint is not None
        return endpoint

    async def adjust(self, *items: int, by: int = 1, location: int = MAIN) -> None:
        """Change stock as another transport does."""
        changes = [a_change(item, location, quantity=AdjustQuantity(by)) for item in items]
        await self.database.transact(inventory.apply, a_group(*changes))

    async def deliveries(self, number: int) -> list[Received]:
        """The deliveries there are; it waits until there are so many, and a while for more."""
        await settled(lambda: len(self._deliveries) >= number)
        await asyncio.sleep(QUIET_S)
        return self._deliveries

    @property
    def pings(self) -> list[Received]:
        """As n8n tells them apart."""
        return [each for each in self.receiver.received if "x-wc-webhook-id" not in each.headers]

    @property
    def _deliveries(self) -> list[Received]:
        return [each for each in self.receiver.received if "x-wc-webhook-id" in each.headers]


@pytest.fixture
async def served(settings: Settings, shop_database: Database, pairs: Pairs) -> AsyncIterator[Served]:
    """The checklist's shop, served."""
    async with serving(create_app(settings)) as server, receiving() as receiver, httpx.AsyncClient() as http:
        base = f"http://{server.address}"
        client = woocommerce.API(base, *pairs["RW"], timeout=PATIENCE_S)
        http.base_url, http.auth = httpx.URL(base + API), httpx.BasicAuth(*pairs["RW"])
        yield Served(base, http, client, shop_database, receiver)


async def test_check_96_a_ping_is_a_form_that_no_delivery_looks_like(served: Served) -> None:
    id_ = await served.webhook()
    (ping,) = served.receiver.received
    assert ping.body == f"webhook_id={id_}".encode()
    assert ping.headers["content-type"] == "application/x-www-form-urlencoded"
    assert re.fullmatch(r"WooCommerce/\S+ Hookshot \(WordPress/\S+\)", ping.headers["user-agent"])
    assert not [name for name in ping.headers if name.startswith("x-")]
    await _until(served, id_, ping_pending=False)
    await served.call("put", f"webhooks/{id_}", {"name": "renamed"})
    served.receiver.answers(status(500), status(302))
    await served.call("put", f"webhooks/{id_}", {"delivery_url": f"{served.receiver.url}/2"})
    await settled(lambda: len(served.pings) == 2)
    await served.call("put", f"webhooks/{id_}", {"name": "that asks for a ping again"})
    await settled(lambda: len(served.pings) == 3)
    assert (await served.stored(id_)).ping_pending is True, "only 200 will do"
    assert (await served.stored(id_)).failures == 0, "pings do not count"
    await served.call("put", f"webhooks/{id_}", {"status": "paused"})
    await asyncio.sleep(QUIET_S)
    await served.call("put", f"webhooks/{id_}", {"status": "active"})
    await _until(served, id_, ping_pending=False)
    assert [ping.path for ping in served.pings] == ["/hook", "/hook/2", "/hook/2", "/hook/2"]


async def _until(served: Served, id_: int, **expected: Any) -> None:
    """Until a webhook is kept with these values."""
    for _ in range(round(PATIENCE_S / _STEP_S)):
        found = await served.stored(id_)
        if all(getattr(found, name) == value for name, value in expected.items()):
            return
        await asyncio.sleep(_STEP_S)
    raise AssertionError(found)


def test_the_signature_is_that_of_the_vector(changed_settings: Any, template_url: str) -> None:
    assert changed_settings
    assert template_url
    told = signature(b'{"id":794,"stock_quantity":5}', "secret-x")
    assert told == "9CPaSndJUT8wCyiZ3SXro3Vkh5XChYrkuTUdJvmuw7A="
