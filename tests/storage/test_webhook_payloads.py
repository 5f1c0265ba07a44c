"""What receivers are told of an event."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from storage import catalog, change_feed, inventory, location_writes, pruning, webhook_endpoints, webhook_payloads
from storage.change_feed import Kind
from storage.changes import AdjustQuantity, LocationKey, Origin, Reason, SetQuantity
from storage.database import Database
from storage.tables import ImportJob
from tests.builders import EPOCH, a_change, a_group
from tests.statements import statements
from tests.storage.test_webhook_events import all_events, an_endpoint, record_alert


async def told(database: Database, *topics: str) -> list[Any]:
    """All payloads since the beginning, of these topics, in order."""
    endpoint = await database.transact(webhook_endpoints.create, an_endpoint(topics=topics or ("*",)))
    events = await all_events(database, replace(endpoint, position=0))
    texts = await database.read(webhook_payloads.payloads, events)
    assert await database.read(webhook_payloads.payloads, events) == texts
    return [orjson.loads(texts[event.sequence]) for event in events if event.sequence in texts]


async def test_a_change_of_stock_tells_what_was_and_what_is_and_who_did_it(catalogue: Database) -> None:
    origin = Origin("wc/v3", api_key_id=7, principal="Shop", request_id="req-1")
    first = a_change(4, 2, quantity=SetQuantity(5), regular_price=Decimal("19.9"))
    counted = {"reason": Reason.COUNT, "note": "Stock-taking", "reference": "B-7"}
    await catalogue.transact(inventory.apply, a_group(first, origin=replace(origin, **counted)))
    second = a_change(4, 2, quantity=AdjustQuantity(-2), safety_stock=1)
    await catalogue.transact(inventory.apply, a_group(second, origin=origin))
    new, changed = await told(catalogue, "stock.changed")
    assert new["type"] == changed["type"] == "stock.changed"
    assert new["timestamp"].endswith("Z")
    after = {
        "onHand": 5, "reserved": 0, "safetyStock": 0, "available": 5, "regularPrice": "19.90", "salePrice": None,
        "backorders": None, "disabled": False, "version": 1,
    }  # fmt: skip
    group = {"dialect": "wc/v3", "principal": "Shop", "apiKeyId": 7, "requestId": "req-1", "reversesId": None}
    assert new["data"] == {
        "sequence": 1,
        "item": {"id": 4, "parentId": 3, "sku": "SKU-4", "name": "Product 3 - 34"},
        "location": {"id": 2, "code": None, "slug": "location-2", "name": "Location 2"},
        "before": None,
        "after": after,
        "delta": 5,
        "group": {**group, "id": 1, "reason": "count", "note": "Stock-taking", "reference": "B-7"},
    }
    assert changed["data"]["before"] == after
    assert changed["data"]["after"] == {**after, "onHand": 3, "safetyStock": 1, "available": 2, "version": 2}
    assert (changed["data"]["delta"], changed["data"]["group"]["reason"]) == (-2, "unspecified")


async def test_what_was_before_is_told_when_it_was_pruned_and_a_pruned_entry_is_not_told(catalogue: Database) -> None:
    for units in (5, 7, 9):
        await catalogue.transact(inventory.apply, a_group(a_change(quantity=SetQuantity(units))))

    async def prune(session: AsyncSession) -> None:
        values = {"after": 0, "before": EPOCH.replace(year=2100), "through": 2}
        await session.execute(pruning._fold(session, pruning._IN_BATCH), values)
        await session.execute(pruning.delete(pruning._entry).where(pruning._IN_BATCH), values)

    endpoint = await catalogue.transact(webhook_endpoints.create, an_endpoint())
    events = await all_events(catalogue, replace(endpoint, position=0))
    whole = await catalogue.read(webhook_payloads.payloads, events)
    await catalogue.transact(prune)
    left = await catalogue.read(webhook_payloads.payloads, events)
    assert left == {3: whole[3]}
    assert orjson.loads(left[3])["data"]["before"]["onHand"] == 7


async def test_products_locations_alerts_and_imports_are_told_as_they_are(catalogue: Database) -> None:
    document = {
        "locations": [{"name": "New", "city": "Ghent"}],
        "products": [{"sku": "N", "name": "N", "regular_price": "5"}, {"id": 1, "status": "trash"}],
    }
    await catalogue.transact(catalog.import_catalog, document)
    await catalogue.transact(location_writes.archive, LocationKey("id", 2), Origin("test"))
    await catalogue.transact(record_alert, 5, 1, "low")

    async def finish(session: AsyncSession) -> None:
        times = {"created_at": EPOCH, "updated_at": EPOCH, "finished_at": EPOCH}
        common = {"kind": "inventory", "state": "finished", "fingerprint": "f"}
        session.add(ImportJob(id=9, name="count.csv", rows=10, changed=8, unchanged=1, failed=1, **common, **times))
        await session.flush()
        await change_feed.record_notice(session, Kind.IMPORT_FINISHED, import_job_id=9)

    await catalogue.transact(finish)
    by_type = {each["type"]: each["data"] for each in await told(catalogue)}
    assert set(by_type) == {
        "location.created", "product.created", "product.deleted", "location.deleted", "stock.low", "import.finished",
    }  # fmt: skip
    product = by_type["product.created"]["product"]
    assert (product["sku"], product["regularPrice"], product["status"]) == ("N", "5.00", "publish")
    assert by_type["product.deleted"]["product"]["status"] == "trash"
    location = by_type["location.created"]["location"]
    assert (location["slug"], location["city"], location["active"]) == ("new", "Ghent", True)
    assert by_type["location.deleted"]["location"]["archivedAt"] is not None
    alert = by_type["stock.low"]
    assert (alert["item"]["sku"], alert["location"]["slug"]) == ("SKU-5", "location-1")
    assert (alert["available"], alert["threshold"], alert["cause"]) == (1, 2, alert["sequence"] - 1)
    job = by_type["import.finished"]["import"]
    assert (job["id"], job["name"], job["changed"], job["failed"]) == (9, "count.csv", 8, 1)


async def test_a_page_of_any_size_is_told_in_as_many_statements(catalogue: Database) -> None:
    for item in (1, 2, 4, 5):
        lines = [a_change(item, place, quantity=AdjustQuantity(n)) for place in (1, 2) for n in (1, 2, 3)]
        await catalogue.transact(inventory.apply, a_group(*lines))
    await catalogue.transact(change_feed.record_catalog, products=[1, 2], locations=[1, 2])
    endpoint = await catalogue.transact(webhook_endpoints.create, an_endpoint())
    events = await all_events(catalogue, replace(endpoint, position=0))
    counts = set()
    for page in (events[:1], events[:10], events):
        with statements(catalogue) as executed:
            assert len(await catalogue.read(webhook_payloads.payloads, page)) == len(page)
        counts.add(len(executed))
    assert len(events) == 28
    assert counts == {3}
