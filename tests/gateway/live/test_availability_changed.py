"""availabilityChanged, over a WebSocket of a real server: what customers may see, when it changes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import change_feed, inventory
from storage.changes import AdjustQuantity, SetQuantity
from storage.database import Database
from storage.tables import Location, Product
from storage.upsert import table_of
from tests.builders import a_change, a_group, a_product
from tests.conftest import Keys
from tests.gateway.live.live_server import Server, WebSocketClient, websocket

BY_SKU = """subscription($skus: [String!]!) {
    availabilityChanged(skus: $skus) { sku product { name } availability { status quantity } }
}"""


async def put(database: Database, item: int, quantity: int, location: int = 1) -> None:
    await database.transact(inventory.apply, a_group(a_change(item, location, quantity=SetQuantity(quantity))))


async def change_product(session: AsyncSession, product_id: int, **values: Any) -> None:
    """As the catalogue's operations do it."""
    product = table_of(Product)
    await session.execute(update(product).where(product.c.id == product_id).values(**values))
    await change_feed.record_catalog(session, products=[product_id])


async def told(client: WebSocketClient, number: int = 1) -> list[tuple[str, str | None, str | None, int | None]]:
    """The next so many events: SKU, name, status and quantity."""
    events = [(await client.next())["availabilityChanged"] for _ in range(number)]
    return [
        (
            event["sku"],
            event["product"] and event["product"]["name"],
            event["availability"] and event["availability"]["status"],
            event["availability"] and event["availability"]["quantity"],
        )
        for event in events
    ]


async def silent(client: WebSocketClient) -> bool:
    """Whether nothing is told for longer than changes are gathered."""
    await asyncio.sleep(0.3)
    await client.send(type="ping")
    return (await client.receive())["type"] == "pong"


async def test_the_first_event_is_how_it_is_and_the_next_how_it_changed(
    server: Server, catalogue: Database, issue_key: Keys
) -> None:
    await put(catalogue, 1, 5)
    async with websocket(server, await issue_key("read")) as client:
        await client.subscribe(BY_SKU, skus=["sku-1", "SKU-2"])
        assert await told(client, 2) == [
            ("SKU-1", "Product 1", "IN_STOCK", 5),
            ("SKU-2", "Product 2", "OUT_OF_STOCK", 0),
        ]
        await put(catalogue, 2, 3)
        assert await told(client) == [("SKU-2", "Product 2", "IN_STOCK", 3)]
        await put(catalogue, 4, 3)  # another product
        await catalogue.transact(inventory.apply, a_group(a_change(1, quantity=None, regular_price=7)))
        assert await silent(client)


async def test_of_many_changes_the_last_one_is_told(server: Server, catalogue: Database, issue_key: Keys) -> None:
    async with websocket(server, await issue_key("read")) as client:
        await client.subscribe(BY_SKU, skus=["SKU-1"])
        await told(client)
        await catalogue.transact(inventory.apply, a_group(*[a_change(quantity=AdjustQuantity(1)) for _ in range(50)]))
        assert await told(client) == [("SKU-1", "Product 1", "IN_STOCK", 50)]
        assert await silent(client)


async def test_a_product_has_what_its_variations_have(server: Server, catalogue: Database, issue_key: Keys) -> None:
    async with websocket(server, await issue_key("read")) as client:
        await client.subscribe(BY_SKU, skus=["SKU-3", "SKU-4"])
        await told(client, 2)
        await put(catalogue, 4, 20)
        assert sorted(await told(client, 2)) == [
            ("SKU-3", "Product 3", "IN_STOCK", 20),
            ("SKU-4", "Product 3 - 34", "IN_STOCK", 20),
        ]
        await put(catalogue, 5, 10)
        assert await told(client) == [("SKU-3", "Product 3", "IN_STOCK", 30)]


async def test_customers_are_told_only_what_they_may_see(server: Server, catalogue: Database, issue_key: Keys) -> None:
    key = await issue_key("storefront")
    await put(catalogue, 1, 5)
    async with websocket(server, key) as client:
        await client.subscribe(BY_SKU, skus=["SKU-1", "NEW"])
        assert await told(client, 2) == [("NEW", None, None, None), ("SKU-1", "Product 1", "IN_STOCK", None)]
        await put(catalogue, 1, 4)
        assert await silent(client)  # the band is the same
        await put(catalogue, 1, 0)
        assert await told(client) == [("SKU-1", "Product 1", "OUT_OF_STOCK", 0)]

        await catalogue.transact(change_product, 1, status="draft")
        assert await told(client) == [("SKU-1", None, None, None)]
        await catalogue.transact(change_product, 1, status="publish")
        assert await told(client) == [("SKU-1", "Product 1", "OUT_OF_STOCK", 0)]

        async def create(session: AsyncSession) -> None:
            session.add(a_product(9, sku="new"))
            await session.flush()
            await change_feed.record_catalog(session, products=[9])

        await catalogue.transact(create)
        assert await told(client) == [("new", "Product 9", "OUT_OF_STOCK", 0)]


@pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
async def test_a_location_that_closes_takes_what_it_has_off_offer(
    server: Server, catalogue: Database, issue_key: Keys
) -> None:
    async def close(session: AsyncSession) -> None:
        location = table_of(Location)
        await session.execute(update(location).where(location.c.id == 2).values(active=False))
        await change_feed.record_catalog(session, locations=[2])

    await put(catalogue, 1, 5, location=2)
    async with websocket(server, await issue_key("read")) as client:
        await client.subscribe(BY_SKU, skus=["SKU-1"])
        assert await told(client) == [("SKU-1", "Product 1", "IN_STOCK", 5)]
        await catalogue.transact(close)
        assert await told(client) == [("SKU-1", "Product 1", "OUT_OF_STOCK", 0)]


@pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
async def test_what_is_not_for_customers_is_hidden_and_what_cannot_be_meant_is_refused(
    server: Server, catalogue: Database, issue_key: Keys
) -> None:
    await put(catalogue, 1, 5)
    async with websocket(server, await issue_key("storefront")) as client:
        await client.subscribe('subscription { availabilityChanged(skus: ["SKU-1"]) { product { onHand } } }')
        assert await client.next() == {"availabilityChanged": {"product": {"onHand": None}}}
        await client.send(type="complete", id="1")
        for skus in ([], [""], ["x"] * 251):
            await client.subscribe(BY_SKU, skus=skus)
            refused = await client.receive()
            assert refused["payload"][0]["extensions"]["code"] == "BAD_USER_INPUT"
            assert "`skus`" in refused["payload"][0]["message"]
