"""What of the feed becomes which deliveries, on both engines: the dispatcher is not asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from gateway.dialects.wc_v3.webhook_format import WooCommerce
from gateway.server_secret import ServerSecret
from gateway.settings import Settings
from gateway.webhooks.message import Answer, Message, UnsignedError, Verdict
from storage import change_feed, inventory, webhook_endpoints, webhook_events
from storage.changes import AdjustQuantity, Backorders
from storage.webhook_endpoints import Endpoint
from storage.webhook_events import Event
from tests.builders import a_change, a_group
from tests.gateway.dialects.wc_v3.conftest import MAIN, OTHER, V1, P, S, U

pytestmark = pytest.mark.parametrize("changed_settings", [{"webhook_targets_allowed": ["192.0.2.0/24"]}])
SECRET: Final = "secret-x"


async def registered(shop: Any, topic: str) -> Endpoint:
    """A new webhook, as it is kept."""
    sent = {"topic": topic, "delivery_url": "http://192.0.2.7/h", "secret": SECRET}
    answer = await shop.call("POST", "/webhooks", json=sent)
    endpoint: Endpoint = await shop.database.read(webhook_endpoints.by_id, answer.json()["id"])
    return endpoint


async def events_of(shop: Any, endpoint: Endpoint) -> list[Event]:
    """All that happened since."""
    horizon = await shop.database.read(change_feed.horizon)
    events, _ = await shop.database.read(webhook_events.read, endpoint, endpoint.position, horizon, 200)
    found: list[Event] = events
    return found


async def messages_of(shop: Any, settings: Settings, endpoint: Endpoint) -> Sequence[Message]:
    """The deliveries of all that happened since."""
    events = await events_of(shop, endpoint)
    format_ = WooCommerce(settings, ServerSecret(settings))
    return await format_.messages(endpoint, events, shop.database) if events else []


async def test_each_topic_tells_of_its_own_and_of_each_product_once(shop: Any, settings: Settings) -> None:
    topics = ("product.created", "product.updated", "product.deleted", "product.restored", "order.created",
              "action.woocommerce_product_set_stock", "action.woocommerce_variation_set_stock")  # fmt: skip
    hooks = {topic: await registered(shop, topic) for topic in topics}
    await shop.put(f"/products/{S}", stock_quantity=7, name="Blå 1/2")
    changes = [a_change(item, place, quantity=AdjustQuantity(1)) for item in (S, V1, P) for place in (MAIN, OTHER)]
    await shop.database.transact(inventory.apply, a_group(*changes))
    await shop.put(f"/products/{U}", name="Other")
    priced = [a_change(V1, OTHER, quantity=None, backorders=Backorders.NOTIFY)]
    await shop.database.transact(inventory.apply, a_group(*priced))
    kept = (await shop.call("POST", "/products", json={"name": "Kept"})).json()["id"]
    gone = (await shop.call("POST", "/products", json={"name": "Gone"})).json()["id"]
    for id_, force in ((kept, False), (gone, True)):
        assert (await shop.call("DELETE", f"/products/{id_}?force={force}")).status_code == 200
    await shop.put(f"/products/{kept}", status="publish")
    told = {topic: await messages_of(shop, settings, hook) for topic, hook in hooks.items()}
    assert told["order.created"] == []
    updated = told["product.updated"]
    assert [message.events[0].product_id for message in updated] == [S, V1, P, U]
    assert len(updated[0].events) >= 3
    for message in updated:
        shown = await shop.call("GET", f"/products/{message.events[0].product_id}")
        assert message.body == shown.content
    assert [message.events[0].product_id for message in told["product.created"]] == [kept], "the other is gone"
    assert [message.body for message in told["product.deleted"]] == [b'{"id":%d}' % id_ for id_ in (kept, gone)]
    (restored,) = told["product.restored"]
    assert b'"status":"publish"' in restored.body
    (of_products,) = told["action.woocommerce_product_set_stock"]
    assert {event.product_id for event in of_products.events} == {S, P}
    (of_variations,) = told["action.woocommerce_variation_set_stock"]
    assert [(event.product_id, event.location_id) for event in of_variations.events] == [(V1, MAIN), (V1, OTHER)]
    again = await messages_of(shop, settings, hooks["product.updated"])
    ids = [message.headers["X-WC-Webhook-Delivery-ID"] for message in updated]
    assert ids == [message.headers["X-WC-Webhook-Delivery-ID"] for message in again], "after a crash, too"
    every = [message.headers["X-WC-Webhook-Delivery-ID"] for messages in told.values() for message in messages]
    assert len(set(every)) == len(every)


@pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
async def test_links_begin_as_the_setting_says_and_what_cannot_be_signed_is_not_sent(
    shop: Any, settings: Settings
) -> None:
    hook = await registered(shop, "product.updated")
    await shop.put(f"/products/{U}", name="Other")
    public = settings.model_copy(update={"public_url": "https://public.example/shop/"})
    for its, home in ((settings, "https://shop.example"), (public, "https://public.example/shop")):
        (message,) = await messages_of(shop, its, hook)
        assert message.headers["X-WC-Webhook-Source"] == f"{home}/"
        assert f"{home}/wp-json/wc/v3/products/{U}".replace("/", "\\/").encode() in message.body
    events = await events_of(shop, hook)
    other = Settings(database_url=settings.database_url, secret_key="another-" * 8)
    unsignable = WooCommerce(other, ServerSecret(other))
    (message,) = await unsignable.messages(hook, events, shop.database)
    with pytest.raises(UnsignedError, match="cannot be opened"):
        message.signed(datetime.now(UTC))
    sent = WooCommerce(settings, ServerSecret(settings)).again(hook, events[0], message.body)
    assert sent.signed(datetime.now(UTC)).keys() == {"X-WC-Webhook-Signature"}


def test_answers_from_200_to_302_are_successes_and_the_seventh_failure_disables(
    changed_settings: Any, template_url: str
) -> None:
    assert changed_settings
    assert template_url
    settings = Settings(database_url="sqlite:///none.db")
    judge = WooCommerce(settings, ServerSecret(settings)).judge
    endpoint: Any = None
    for status in (200, 204, 302):
        assert judge(endpoint, 0, Answer(status, 5)).verdict is Verdict.DELIVERED, status
    for status in (199, 303, 404, 410, 500, None):
        assert judge(endpoint, 0, Answer(status, 5)).verdict is Verdict.FAILED, status
    told = [judge(endpoint, failures, Answer(None, 5, "No answer.")).disabled_reason for failures in range(8)]
    assert told[:6] == [None] * 6
    assert told[6] == "7 deliveries in a row failed; the last: No answer."
    assert judge(endpoint, 6, Answer(200, 5)).disabled_reason is None
