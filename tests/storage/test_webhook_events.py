"""An endpoint is a reader of the change feed: it gets what it wants, all of it, once and in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncSession

from storage import change_feed, inventory, webhook_endpoints, webhook_events
from storage.change_feed import Kind
from storage.changes import AdjustQuantity
from storage.database import Database
from storage.tables import CatalogChange, LedgerEntry, StockAlert
from storage.upsert import table_of
from storage.webhook_endpoints import Endpoint, NewEndpoint
from storage.webhook_events import Event
from storage.webhook_topics import Topic, expanded
from tests.builders import EPOCH, a_change, a_group
from tests.statements import statements
from tests.storage.reading import rows

VARIATIONS: Final = {4: 3, 5: 3}
"""Of the variable product of the catalogue."""


def an_endpoint(**values: Any) -> NewEndpoint:
    """One that wants everything."""
    wanted = {"name": "ERP", "url": "https://erp.example/hook", "topics": ("*",), "secret": "sealed"}
    return NewEndpoint(**{**wanted, **values})


async def all_events(database: Database, endpoint: Endpoint, limit: int = 100) -> list[Event]:
    """Page by page, from where the endpoint is up to the horizon."""
    up_to = await database.read(change_feed.horizon)
    position, found = endpoint.position, list[Event]()
    while position < up_to:
        events, read_up_to = await database.read(webhook_events.read, endpoint, position, up_to, limit)
        assert position < read_up_to <= up_to
        assert len(events) <= limit
        found += events
        position = read_up_to
    return found


async def record_alert(session: AsyncSession, product_id: int, location_id: int, kind: str) -> None:
    """An alert with the feed's next sequence."""
    await change_feed.record_notice(session, Kind.LOW_STOCK_DIGEST)
    told = table_of(CatalogChange)
    gone = delete(told).where(told.c.kind == Kind.LOW_STOCK_DIGEST).returning(told.c.sequence)
    sequence = max((await session.execute(gone)).scalars())
    row = {"product_id": product_id, "location_id": location_id, "kind": kind, "available": 1, "threshold": 2}
    await session.execute(insert(StockAlert).values(sequence=sequence, cause=sequence - 1, created_at=EPOCH, **row))


async def sequences(database: Database, endpoint: Endpoint) -> list[tuple[int, str]]:
    """What a page tells, read past the program: each row of the three tables and whether it is wanted."""
    topics = expanded(endpoint.topics)
    told: list[tuple[int, str, Any, Any]] = [
        (row["sequence"], "stock.changed", row["product_id"], row["location_id"])
        for row in await rows(database, LedgerEntry)
    ]
    for row in await rows(database, CatalogChange):
        noun = "product" if row["product_id"] else "location" if row["location_id"] else ""
        topic = f"{noun}.{row['kind']}" if noun else str(row["kind"]).replace("_finished", ".finished")
        told.append((row["sequence"], topic.replace("_digest", ".digest"), row["product_id"], row["location_id"]))
    told += [
        (row["sequence"], f"stock.{row['kind']}", row["product_id"], row["location_id"])
        for row in await rows(database, StockAlert)
    ]

    def passes(product: int | None, location: int | None) -> bool:
        products, locations = endpoint.product_ids, endpoint.location_ids
        return (location is None or locations is None or location in locations) and (
            product is None or products is None or product in products or VARIATIONS.get(product) in products
        )

    return sorted(
        (sequence, topic)
        for sequence, topic, product, location in told
        if sequence > endpoint.position and topic in topics and passes(product, location)
    )


ITEMS: Final = st.sampled_from([1, 2, 4, 5])
PLACES: Final = st.sampled_from([1, 2])
changes = st.one_of(
    st.tuples(st.just("adjust"), st.lists(st.tuples(ITEMS, PLACES), min_size=1, max_size=4)),
    st.tuples(st.just("product"), st.sampled_from([1, 3, 4]), st.sampled_from(change_feed.OF_FEED)),
    st.tuples(st.just("location"), PLACES, st.sampled_from(change_feed.OF_FEED)),
    st.tuples(st.just("alert"), ITEMS, PLACES, st.sampled_from(["out", "back", "low", "recovered"])),
    st.tuples(st.just("notice"), st.sampled_from([Kind.IMPORT_FINISHED, Kind.THRESHOLDS])),
)
wanted = st.builds(
    an_endpoint,
    topics=st.lists(st.sampled_from(["*", "stock.*", "product.*", *Topic]), min_size=1, max_size=3).map(tuple),
    location_ids=st.none() | st.sets(PLACES, min_size=1).map(tuple),
    product_ids=st.none() | st.sets(st.sampled_from([1, 2, 3, 4]), min_size=1).map(tuple),
)


async def happen(database: Database, what: Sequence[Any]) -> None:
    match what:
        case "adjust", levels:
            lines = [a_change(item, place, quantity=AdjustQuantity(1)) for item, place in levels]
            await database.transact(inventory.apply, a_group(*lines))
        case "product", item, kind:
            await database.transact(change_feed.record_catalog, products=[item], kind=kind)
        case "location", place, kind:
            await database.transact(change_feed.record_catalog, locations=[place], kind=kind)
        case "alert", item, place, kind:
            await database.transact(record_alert, item, place, kind)
        case "notice", kind:
            await database.transact(change_feed.record_notice, kind)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(changes, min_size=1, max_size=12), asked=wanted, page=st.integers(1, 4))
async def test_an_endpoint_gets_each_row_that_it_wants_once_and_in_order(
    catalogue: Database, history: Sequence[Any], asked: NewEndpoint, page: int
) -> None:
    endpoint = await catalogue.transact(webhook_endpoints.create, asked)
    for what in history:
        await happen(catalogue, what)
    found = await all_events(catalogue, endpoint, page)
    assert [(event.sequence, event.topic) for event in found] == await sequences(catalogue, endpoint)
    assert {event.id for event in found} == {f"evt_{event.sequence}" for event in found}


async def test_a_page_is_one_statement_and_a_long_stretch_is_read_in_parts(
    catalogue: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = await catalogue.transact(webhook_endpoints.create, an_endpoint(topics=("stock.changed",)))
    seldom = replace(endpoint, product_ids=(2,), location_ids=(2,))
    for number in range(6):
        await catalogue.transact(inventory.apply, a_group(a_change(1, quantity=AdjustQuantity(number + 1))))
    await catalogue.transact(inventory.apply, a_group(a_change(2, 2)))
    up_to = await catalogue.read(change_feed.horizon)
    monkeypatch.setattr(webhook_events, "STRETCH", 3)
    with statements(catalogue) as executed:
        assert await catalogue.read(webhook_events.read, seldom, 0, up_to, 10) == ([], 3)
    assert len(executed) == 1
    (only,) = await all_events(catalogue, seldom)
    assert (only.product_id, only.location_id, only.sequence) == (2, 2, up_to)
    assert await catalogue.read(webhook_events.read, endpoint, up_to, up_to, 10) == ([], up_to)
    nothing = replace(endpoint, topics=("order.created",))
    assert await catalogue.read(webhook_events.read, nothing, 0, up_to, 10) == ([], up_to)
