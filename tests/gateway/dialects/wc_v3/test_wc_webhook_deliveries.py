"""What webhooks deliver: a real server, the client that registers them, and a receiver on a socket."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
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
from storage import alert_reader, change_feed, inventory, webhook_endpoints
from storage.changes import AdjustQuantity
from storage.database import Database
from storage.webhook_endpoints import Endpoint
from tests.builders import a_change, a_group
from tests.gateway.dialects.wc_v3.conftest import API, MAIN, OTHER, V1, P, Pairs, S, U, V
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

    async def deliveries(self, number: int, *, only: bool = False) -> list[Received]:
        """The deliveries there are; it waits until there are so many, and with `only` a while for more."""
        await settled(lambda: len(self._deliveries) >= number)
        if only:
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
async def served(
    settings: Settings, shop_database: Database, pairs: Pairs, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Served]:
    """The checklist's shop, served. That somebody wants to hear of low stock is found out soon."""
    monkeypatch.setattr(alert_reader, "_IDLE_S", 0.05)
    app = create_app(settings)
    assert shop_database
    async with serving(app) as server, receiving() as receiver, httpx.AsyncClient() as http:
        base = f"http://{server.address}"
        client = woocommerce.API(base, *pairs["RW"], timeout=PATIENCE_S)
        http.base_url, http.auth = httpx.URL(base + API), httpx.BasicAuth(*pairs["RW"])
        yield Served(base, http, client, app.state.database, receiver)


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


def _signed(delivery: Received) -> bool:
    own = base64.b64encode(hmac.digest(SECRET.encode(), delivery.body, hashlib.sha256)).decode()
    return hmac.compare_digest(own, delivery.headers["x-wc-webhook-signature"])


async def test_check_99_a_change_of_stock_is_delivered_as_get_shows_the_product(served: Served) -> None:
    id_ = await served.webhook()
    await served.call("put", f"products/{S}", {"stock_quantity": 7, "name": 'Blå kopp 5/6 "✓"'})
    (delivery,) = await served.deliveries(1, only=True)
    shown = await served.http.get(f"/products/{S}")
    assert delivery.body == shown.content, "byte for byte"
    assert (delivery.json["stock_quantity"], b"5\\/6" in delivery.body) == (7, True)
    headers = {name: value for name, value in delivery.headers.items() if name.startswith("x-wc")}
    delivery_id = headers.pop("x-wc-webhook-delivery-id")
    assert headers == {
        "x-wc-webhook-source": f"{served.base}/",
        "x-wc-webhook-topic": "product.updated",
        "x-wc-webhook-resource": "product",
        "x-wc-webhook-event": "updated",
        "x-wc-webhook-signature": headers["x-wc-webhook-signature"],
        "x-wc-webhook-id": str(id_),
    }
    assert _signed(delivery)
    assert re.fullmatch("[0-9a-f]{32}", delivery_id)
    assert delivery.headers["content-type"] == "application/json"
    assert delivery.headers["user-agent"] == served.pings[0].headers["user-agent"]
    await served.adjust(V1, P, by=2, location=OTHER)
    both = (await served.deliveries(3))[1:]
    assert {row.json["id"] for row in both} == {V1, P}, "whatever the transport, variations too"
    of_variation = next(row for row in both if row.json["id"] == V1)
    assert (of_variation.json["type"], of_variation.json["parent_id"]) == ("variation", V)
    assert of_variation.body == (await served.http.get(f"/products/{V1}")).content
    assert len({row.headers["x-wc-webhook-delivery-id"] for row in await served.deliveries(3, only=True)}) == 3


async def test_check_100_created_deleted_and_restored_products_are_told(served: Served) -> None:
    for event in ("created", "deleted", "restored"):
        await served.webhook(f"product.{event}")
    await served.webhook("order.created")
    made = await served.call("post", "products", {"name": "New", "regular_price": "3"})
    (created,) = await served.deliveries(1)
    assert (created.headers["x-wc-webhook-event"], created.json["id"]) == ("created", made["id"])
    assert _signed(created)
    await served.call("delete", f"products/{made['id']}")
    await served.deliveries(2)
    await served.call("put", f"products/{made['id']}", {"status": "publish"})
    await served.deliveries(3)
    await served.call("delete", f"products/{made['id']}", params={"force": True})
    told = [(row.headers["x-wc-webhook-event"], row.body) for row in (await served.deliveries(4, only=True))[1:]]
    gone = f'{{"id":{made["id"]}}}'.encode()
    assert [event for event, _ in told] == ["deleted", "restored", "deleted"]
    assert (told[0][1], told[2][1]) == (gone, gone)


async def test_check_101_seven_failures_in_a_row_disable_and_none_is_sent_again(served: Served) -> None:
    new = await served.call("post", "products/batch", {"create": [{"name": "New"} for _ in range(7)]})
    ids = [each["id"] for each in new["create"]]

    async def rename(number: int, name: str) -> None:
        await served.call("post", "products/batch", {"update": [{"id": id_, "name": name} for id_ in ids[:number]]})

    id_ = await served.webhook()
    served.receiver.answers(*[status(500)] * 6, status(302), *[status(404)] * 7)
    await rename(6, "First")
    await _until(served, id_, failures=6, status="active")
    await rename(1, "Second")
    await _until(served, id_, failures=0)
    await rename(7, "Third")
    await _until(served, id_, status="disabled")
    assert (await served.call("get", f"webhooks/{id_}"))["status"] == "disabled"
    assert "7 deliveries in a row failed" in ((await served.stored(id_)).disabled_reason or "")
    await rename(7, "Fourth")
    assert len(await served.deliveries(14, only=True)) == 14, "disabled ones are told nothing"
    assert (await served.call("put", f"webhooks/{id_}", {"status": "active"}))["status"] == "active"
    await rename(1, "Fifth")
    last = (await served.deliveries(15, only=True))[14:]
    assert [row.json["name"] for row in last] == ["Fifth"], "and what was in between never comes"
    assert (await served.stored(id_)).failures == 0


async def test_what_is_pending_of_a_product_is_one_delivery_and_what_is_paused_is_none(served: Served) -> None:
    going, release = asyncio.Event(), asyncio.Event()

    async def slow(_request: Received, _writer: asyncio.StreamWriter) -> bytes:
        going.set()
        await release.wait()
        return status(200)

    going_on = await served.webhook()
    paused = await served.webhook()
    await served.call("put", f"webhooks/{paused}", {"status": "paused"})
    served.receiver.behave = slow
    await served.adjust(S)
    await going.wait()
    for _ in range(10):
        await served.adjust(S)
    await served.adjust(U, V1)
    release.set()
    await _until(served, going_on, position=await served.database.read(change_feed.horizon))
    told = await served.deliveries(4)
    of_product = [row.json["stock_quantity"] for row in told if row.json["id"] == S]
    assert (of_product[0], of_product[-1]) == (11, 21), "as it is when it is sent"
    assert len(of_product) <= 3, "the ten are one, or two if some were told of while it was read"
    assert [row.json["id"] for row in told if row.json["id"] != S] == [U, V1]
    assert len({row.headers["x-wc-webhook-id"] for row in told}) == 1


async def test_hooks_fire_when_units_change_of_what_they_are_about(served: Served) -> None:
    ids = {
        hook: await served.webhook(f"action.woocommerce_{hook}")
        for hook in ("product_set_stock", "variation_set_stock", "no_stock", "something_else")
    }
    await served.adjust(V1)
    (of_variation,) = await served.deliveries(1)
    assert of_variation.headers["x-wc-webhook-id"] == str(ids["variation_set_stock"])
    assert of_variation.body == b'{"action":"woocommerce_variation_set_stock","arg":[]}'
    assert of_variation.headers["x-wc-webhook-resource"] == "action"
    assert of_variation.headers["x-wc-webhook-event"] == "woocommerce_variation_set_stock"
    await served.call("put", f"products/{U}", {"name": "Not its stock"})
    await served.adjust(S, P)
    of_product = (await served.deliveries(2, only=True))[1:]
    assert [row.headers["x-wc-webhook-id"] for row in of_product] == [str(ids["product_set_stock"])]
    await served.call("put", f"products/{S}", {"stock_quantity": 0})
    both = (await served.deliveries(4, only=True))[2:]
    assert {row.headers["x-wc-webhook-id"] for row in both} == {str(ids["product_set_stock"]), str(ids["no_stock"])}
    assert {row.json["action"] for row in both} == {"woocommerce_product_set_stock", "woocommerce_no_stock"}


async def test_n8n_registers_is_told_and_goes(served: Served) -> None:
    """Its trigger takes a request without `x-wc-webhook-id` for the ping, and verifies the others by their bytes."""
    http, url = served.http, served.receiver.url
    found = await http.get("/webhooks", params={"status": "active", "per_page": 100})
    assert (found.json(), found.headers["link"].count("rel=")) == ([], 1)
    made = await http.post("/webhooks", json={"delivery_url": url, "topic": "product.updated", "secret": SECRET})
    await settled(lambda: len(served.pings) == 1)
    again = await http.get("/webhooks", params={"status": "active", "per_page": 100})
    assert [(row["delivery_url"], row["topic"]) for row in again.json()] == [(url, "product.updated")]
    await http.put(f"/products/{S}", json={"stock_quantity": 3})
    (delivery,) = await served.deliveries(1)
    assert (_signed(delivery), delivery.json["stock_quantity"]) == (True, 3)
    deleted = await http.delete(f"/webhooks/{made.json()['id']}", params={"force": "true"})
    assert deleted.status_code == 200
    await http.put(f"/products/{S}", json={"stock_quantity": 4})
    assert len(await served.deliveries(1, only=True)) == 1
