"""Endpoints: made, changed, rotated, paused and resumed, and told of what they can no longer be sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from storage import change_feed, inventory, webhook_endpoints
from storage.changes import AdjustQuantity
from storage.database import Database
from storage.errors import ErrorCode, InventoryError
from storage.tables import WebhookDelivery
from storage.webhook_endpoints import EndpointEdit, EndpointRefusedError, Start, Status
from tests.builders import a_change, a_group, an_opening
from tests.storage.reading import rows
from tests.storage.test_webhook_events import an_endpoint


async def adjust(database: Database) -> int:
    """One change of stock, and its sequence."""
    await database.transact(inventory.apply, a_group(a_change(quantity=AdjustQuantity(1))))
    return await database.read(change_feed.horizon)


async def prune_up_to(database: Database, sequence: int) -> None:
    """What pruning leaves."""

    async def add(session: AsyncSession) -> None:
        await session.merge(an_opening(sequence))

    await database.transact(add)


async def test_an_endpoint_begins_where_the_feed_is_and_is_what_it_was_made_and_changed_to(catalogue: Database) -> None:
    position = await adjust(catalogue)
    new = an_endpoint(topics=("stock.*", "product.updated"), location_ids=(1, 2), extra={"wc/v3": {"status": "a"}})
    made = await catalogue.transact(webhook_endpoints.create, new)
    assert (made.position, made.status, made.failures, made.ping_pending) == (position, Status.ACTIVE, 0, False)
    assert (made.topics, made.location_ids, made.product_ids) == (("stock.*", "product.updated"), (1, 2), None)
    assert made.extra == {"wc/v3": {"status": "a"}}
    assert "sealed" not in repr(made) + repr(new)

    changed = await catalogue.transact(
        webhook_endpoints.change, made.id, EndpointEdit(name="WMS", location_ids=None, product_ids=(4,))
    )
    assert (changed.name, changed.location_ids, changed.product_ids) == ("WMS", None, (4,))
    assert (changed.url, changed.topics) == (made.url, made.topics)
    other = await catalogue.transact(webhook_endpoints.create, an_endpoint(format="woocommerce", topics=("x",)))
    assert await catalogue.read(webhook_endpoints.page) == [changed, other]
    assert [one.id for one in await catalogue.read(webhook_endpoints.page, after=made.id, limit=1)] == [other.id]
    assert [one.id for one in await catalogue.read(webhook_endpoints.page, format_="woocommerce")] == [other.id]


async def test_what_does_not_fit_is_refused_by_field_and_nothing_is_written(catalogue: Database) -> None:
    wrong = an_endpoint(name=" ", topics=("stock.sold", "*"), location_ids=(), product_ids=tuple(range(1, 1_002)))
    with pytest.raises(EndpointRefusedError) as refused:
        await catalogue.transact(webhook_endpoints.create, wrong)
    assert [problem.field for problem in refused.value.refused] == ["topics[0]", "name", "locations", "products"]
    assert "'stock.sold' is no topic. There are stock.changed," in refused.value.refused[0].message
    assert await catalogue.read(webhook_endpoints.page) == []
    for operation, arguments in (
        (webhook_endpoints.change, (EndpointEdit(name="A"),)),
        (webhook_endpoints.remove, ()),
        (webhook_endpoints.pause, ()),
        (webhook_endpoints.resume, ()),
    ):
        with pytest.raises(InventoryError, match="There is no webhook endpoint 7") as unknown:
            await catalogue.transact(operation, 7, *arguments)
        assert unknown.value.code == ErrorCode.WEBHOOK_NOT_FOUND


async def test_a_secret_that_was_replaced_stays_for_as_long_as_was_asked(catalogue: Database) -> None:
    made = await catalogue.transact(webhook_endpoints.create, an_endpoint())
    day = timedelta(days=1)
    rotated = await catalogue.transact(webhook_endpoints.rotate_secret, made.id, "second", previous_for=day)
    assert (rotated.secret, rotated.previous_secret) == ("second", "sealed")
    assert rotated.previous_until is not None
    assert abs(rotated.previous_until - datetime.now(UTC) - day) < timedelta(minutes=1)
    at_once = await catalogue.transact(webhook_endpoints.rotate_secret, made.id, "third", previous_for=timedelta())
    assert (at_once.secret, at_once.previous_secret, at_once.previous_until) == ("third", None, None)
    with pytest.raises(InventoryError, match="0 to 2592000 seconds"):
        await catalogue.transact(webhook_endpoints.rotate_secret, made.id, "x", previous_for=timedelta(days=31))


async def test_an_endpoint_that_is_removed_takes_its_deliveries_along(catalogue: Database) -> None:
    made = await catalogue.transact(webhook_endpoints.create, an_endpoint())

    async def deliver(session: AsyncSession) -> None:
        now = datetime.now(UTC)
        common = {"topic": "stock.changed", "sequence": 1, "status": "delivered", "created_at": now, "updated_at": now}
        session.add(WebhookDelivery(endpoint_id=made.id, event_id="evt_1", **common))

    await catalogue.transact(deliver)
    assert (await catalogue.transact(webhook_endpoints.remove, made.id)).id == made.id
    assert await rows(catalogue, WebhookDelivery) == []


async def test_whoever_is_resumed_goes_on_where_it_was_unless_that_was_pruned(catalogue: Database) -> None:
    made = await catalogue.transact(webhook_endpoints.create, an_endpoint())
    first, pruned, last = [await adjust(catalogue) for _ in range(3)]
    paused = await catalogue.transact(webhook_endpoints.pause, made.id)
    assert paused.status is Status.PAUSED
    resumed = await catalogue.transact(webhook_endpoints.resume, made.id)
    assert (resumed.status, resumed.position) == (Status.ACTIVE, first - 1)

    disabled = await catalogue.transact(webhook_endpoints.disable, made.id, "It answered 410 Gone.")
    assert (disabled.status, disabled.disabled_reason) == (Status.DISABLED, "It answered 410 Gone.")
    await prune_up_to(catalogue, pruned)
    with pytest.raises(InventoryError, match=f"up to sequence {first - 1}, and .* up to sequence {pruned}") as gap:
        await catalogue.transact(webhook_endpoints.resume, made.id)
    assert (gap.value.code, gap.value.field) == (ErrorCode.EVENTS_PRUNED, "start")
    oldest = await catalogue.transact(webhook_endpoints.resume, made.id, start=Start.OLDEST)
    assert (oldest.status, oldest.position, oldest.disabled_reason) == (Status.ACTIVE, pruned, None)
    now = await catalogue.transact(webhook_endpoints.resume, made.id, start=Start.NOW)
    assert now.position == last

    products = await catalogue.transact(webhook_endpoints.create, an_endpoint(topics=("product.*",)))
    assert products.position == last
    await prune_up_to(catalogue, await adjust(catalogue))
    assert (await catalogue.transact(webhook_endpoints.resume, products.id)).position == last
