"""stockChanged, over a WebSocket of a real server."""

from __future__ import annotations

import asyncio

from storage import inventory
from storage.changes import AdjustQuantity
from storage.database import Database
from tests.builders import a_change, a_group
from tests.conftest import Keys
from tests.gateway.live.live_server import Server, websocket

SEQUENCES = "subscription($after: Int) { stockChanged(afterSequence: $after) { sequence } }"


async def adjust(database: Database, item: int = 1, location: int = 1, delta: int = 1) -> None:
    change = a_change(item, location, quantity=AdjustQuantity(delta))
    await database.transact(inventory.apply, a_group(change))


async def test_a_change_arrives_with_whatever_was_selected_of_it(
    server: Server, catalogue: Database, issue_key: Keys
) -> None:
    async with websocket(server, await issue_key("read")) as client:
        await client.subscribe("""
            subscription {
                event: stockChanged(skus: ["sku-1"]) {
                    __typename
                    sequence
                    ... on StockChanged { change { before after delta product { sku } location { slug } } }
                    ... on StockChangesLagged { never: sequence }
                }
            }""")
        await asyncio.sleep(0.3)
        await adjust(catalogue, 2)
        await adjust(catalogue, 1, delta=4)
        event = (await client.next())["event"]
        assert event == {
            "__typename": "StockChanged",
            "sequence": event["sequence"],
            "change": {
                "before": None,
                "after": 4,
                "delta": 4,
                "product": {"sku": "SKU-1"},
                "location": {"slug": "location-1"},
            },
        }
