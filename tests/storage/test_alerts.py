"""The edges of stock: what is said of a level as it changes, once, whoever looks and however often it is killed."""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import alerts, change_feed, inventory, location_writes, product_writes, webhook_endpoints
from storage.alert_reader import AlertReader
from storage.alert_rules import PLENTY, AlertKind, Seen, State, step
from storage.changes import UNSET, AdjustQuantity, ItemKey, LocationKey, Origin, SetQuantity
from storage.database import Database
from storage.errors import InventoryError
from storage.tables import CatalogChange, FeedReader, LedgerEntry, Location, Product, StockAlert, StockLevel, StockWatch
from storage.thresholds import effective
from storage.upsert import table_of
from storage.webhook_endpoints import EndpointEdit
from tests.builders import a_change, a_group, a_location, a_product
from tests.storage.test_webhook_events import an_endpoint

BACK, RECOVERED, LOW, OUT = AlertKind.BACK, AlertKind.RECOVERED, AlertKind.LOW, AlertKind.OUT
IS_LOW, IS_OUT = State(low=True), State(low=True, out=True)
CLOSED = State(out=True)
ORIGIN = Origin("test", principal="tests")


@pytest.mark.parametrize(
    ("state", "seen", "now", "kinds"),
    [
        (PLENTY, Seen(3, 2), PLENTY, ()),
        (PLENTY, Seen(2, 2), IS_LOW, (LOW,)),
        (PLENTY, Seen(0, 2), IS_OUT, (LOW, OUT)),  # both lines at once: first the threshold
        (PLENTY, Seen(-4, 0), IS_OUT, (LOW, OUT)),
        (IS_LOW, Seen(1, 2), IS_LOW, ()),
        (IS_LOW, Seen(0, 2), IS_OUT, (OUT,)),
        (IS_LOW, Seen(3, 2), PLENTY, (RECOVERED,)),
        (IS_OUT, Seen(-9, 2), IS_OUT, ()),
        (IS_OUT, Seen(2, 2), IS_LOW, (BACK,)),
        (IS_OUT, Seen(3, 2), PLENTY, (BACK, RECOVERED)),  # both lines at once: first 0
        (PLENTY, Seen(5, 2, offered=False), CLOSED, (OUT,)),  # nobody is to order more for what is closed
        (IS_LOW, Seen(5, 2, offered=False), IS_OUT, (OUT,)),
        (IS_OUT, Seen(5, 2, offered=False), IS_OUT, ()),
        (CLOSED, Seen(5, 2), PLENTY, (BACK,)),
        (CLOSED, Seen(1, 2), IS_LOW, (BACK, LOW)),
        (IS_OUT, None, PLENTY, ()),  # not counted, not tracked, in the trash
        (PLENTY, None, PLENTY, ()),
    ],
)
def test_what_is_said_of_a_level_follows_from_what_was_said(
    state: State, seen: Seen | None, now: State, kinds: tuple[AlertKind, ...]
) -> None:
    assert step(state, seen) == (now, kinds)
    assert step(state, seen, first=True) == (now, ())
    if seen is not None:
        assert step(now, seen) == (now, ())  # said once


# Against the databases


async def _shop(session: AsyncSession) -> None:
    session.add_all([a_location(1), a_location(2, low_stock_threshold=4), a_location(3)])
    session.add_all([a_product(1), a_product(2, low_stock_threshold=3), a_product(3, type="variable"), a_product(5)])
    await session.flush()
    session.add(a_product(4, type="variation", parent_id=3))


async def _change(database: Database, *changes: Any) -> None:
    await database.transact(inventory.apply, a_group(*changes))


async def _set(database: Database, item: int, location: int, units: int, **values: Any) -> None:
    await _change(database, a_change(item, location, quantity=SetQuantity(units), **values))


async def _read_all(database: Database) -> None:
    horizon = await database.read(change_feed.horizon)
    while await database.read(alerts.is_behind, horizon):
        assert await database.transact(alerts.advance, horizon) is not None


async def _alerts(database: Database) -> list[Any]:
    table = table_of(StockAlert)
    return [tuple(row) for row in await _rows(database, select(table).order_by(table.c.sequence))]


async def _rows(database: Database, query: Any) -> Any:
    async def read(session: AsyncSession) -> Any:
        return (await session.execute(query)).all()

    return await database.read(read)


async def _told(database: Database, skip: int = 0) -> list[tuple[Any, ...]]:
    """Product, location, kind, available and threshold of the alerts after the first ones."""
    return [row[1:6] for row in (await _alerts(database))[skip:]]


async def test_each_crossing_of_a_line_gives_one_alert_whatever_the_cause(database: Database) -> None:
    await database.transact(_shop)
    await _set(database, 1, 1, 2)  # low before anybody looks
    await database.transact(alerts.begin)
    await database.transact(alerts.begin)  # once begun nothing happens
    assert await _rows(database, select(StockWatch.low, StockWatch.out)) == [(True, False)]
    for units in (5, 0, 7):  # all in between two readings
        await _set(database, 1, 1, units)
    await _set(database, 2, 1, 0)  # a first count is where a level begins
    await _set(database, 2, 1, 4)
    await _set(database, 5, 2, 9)
    await _read_all(database)
    expected: list[tuple[Any, ...]] = [
        (1, 1, "recovered", 5, 2), (1, 1, "low", 0, 2), (1, 1, "out", 0, 2),
        (1, 1, "back", 7, 2), (1, 1, "recovered", 7, 2), (2, 1, "back", 4, 3), (2, 1, "recovered", 4, 3),
    ]  # fmt: skip
    assert await _told(database) == expected
    rows = await _alerts(database)
    sequences = [row[0] for row in rows]
    assert sequences == sorted(set(sequences))
    assert all(row[6] < row[0] for row in rows), "told after what caused it"
    assert await database.read(change_feed.horizon) == sequences[-1]
    await _read_all(database)
    assert len(await _alerts(database)) == len(expected), "nothing is said twice"

    await _set(database, 1, 1, 7, safety_stock=6)
    await database.transact(location_writes.change, LocationKey("id", 2), {"low_stock_threshold": 10}, ORIGIN)
    await database.transact(product_writes.upsert, [{"id": 1, "low_stock_threshold": 0}], ORIGIN)
    await database.transact(location_writes.change, LocationKey("id", 2), {"active": False}, ORIGIN)
    await _read_all(database)
    more: list[tuple[Any, ...]] = [
        # the threshold is that of when it is read, 0; at location 2 it was 9 of 10, and then closed
        (5, 2, "out", 0, 10),
    ]
    assert await _told(database, len(expected)) == more
    await database.transact(location_writes.change, LocationKey("id", 2), {"active": True}, ORIGIN)
    await _set(database, 5, 2, 9, disabled=True)
    await database.transact(product_writes.archive, [ItemKey("id", 5)], ORIGIN)
    await _read_all(database)
    assert await _told(database, len(expected) + len(more)) == []  # what is in the trash says nothing any more
    assert await _rows(database, select(StockWatch.product_id)) == []
    await database.transact(alerts.end)
    await _set(database, 1, 1, 0)
    await _read_all(database)
    assert len(await _alerts(database)) == len(expected) + len(more)
    assert await database.read(alerts.position_of) is None


class Model:
    """Steps through the feed as the reader does, level by level, in plain Python."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.states: dict[tuple[int, int], State] = {}
        self.told: list[tuple[Any, ...]] = []

    async def catch_up(self, database: Database) -> None:
        entries = await _rows(database, select(table_of(LedgerEntry)).order_by(table_of(LedgerEntry).c.sequence))
        changes = await _rows(database, select(table_of(CatalogChange)))
        products = {row.id: row for row in await _rows(database, select(table_of(Product)))}
        locations = {row.id: row for row in await _rows(database, select(table_of(Location)))}
        levels = {(r.product_id, r.location_id): r for r in await _rows(database, select(table_of(StockLevel)))}
        past: dict[tuple[int, int], Any] = {}
        for row in sorted([*entries, *changes], key=lambda row: row.sequence):
            is_entry = hasattr(row, "on_hand")
            if is_entry:
                past[row.product_id, row.location_id] = row
                pairs = [(row.product_id, row.location_id)]
            else:
                pairs = [pair for pair in sorted(past) if _concerns(row, pair, products[pair[0]].parent_id)]
            if row.sequence <= self.position:
                continue
            for pair in pairs:
                first = is_entry and row.before is None
                seen = _seen(past[pair], products, locations[pair[1]], levels[pair])
                self.states[pair], kinds = step(self.states.get(pair, PLENTY), seen, first=first)
                said = (seen and seen.told, seen and seen.threshold, row.sequence)
                self.told += [(*pair, str(kind), *said) for kind in kinds]
        self.position = max(row.sequence for row in [*entries, *changes])


def _concerns(change: Any, pair: tuple[int, int], parent: int | None) -> bool:
    return change.product_id in {pair[0], parent, None} and change.location_id in {pair[1], None}


def _seen(entry: Any, products: Any, location: Any, level: Any) -> Seen | None:
    product = products[entry.product_id]
    parent = products.get(product.parent_id)
    is_tracked = product.manage_stock or (parent is not None and parent.manage_stock)
    if entry.on_hand is None or not is_tracked or product.status == "trash":
        return None
    threshold = effective(
        level=level.low_stock_threshold,
        product=product.low_stock_threshold,
        parent=parent.low_stock_threshold if parent else None,
        location=location.low_stock_threshold,
    )
    offered = location.active and location.archived_at is None and not entry.disabled
    return Seen(entry.on_hand - entry.reserved - entry.safety_stock, threshold.value, offered=bool(offered))


async def _something(database: Database, rng: random.Random) -> None:
    """One change of anything that an alert may come from."""
    item, location = rng.choice((1, 2, 4, 5)), rng.choice((1, 2, 3))
    match rng.randint(0, 12):
        case 0:
            threshold = rng.choice((None, 0, 2, 5))
            await database.transact(
                product_writes.upsert, [{"id": rng.choice((1, 2, 3, 4)), "low_stock_threshold": threshold}], ORIGIN
            )
        case 1:
            columns = {"low_stock_threshold": rng.choice((None, 0, 3, 7))}
            await database.transact(location_writes.change, LocationKey("id", location), columns, ORIGIN)
        case 2:
            columns = {"active": rng.random() < 0.5}
            await database.transact(location_writes.change, LocationKey("id", 3), columns, ORIGIN)
        case 3:
            await database.transact(product_writes.upsert, [{"id": 5, "manage_stock": rng.random() < 0.5}], ORIGIN)
        case 4:
            status = rng.choice(("publish", "trash"))
            await database.transact(product_writes.upsert, [{"id": 5, "status": status}], ORIGIN)
        case _:
            flag = rng.choice((UNSET, UNSET, True, False))
            quantity = rng.choice((SetQuantity(rng.randint(0, 8)), AdjustQuantity(rng.randint(-2, 3)), None))
            safety = rng.choice((UNSET, 0, 1, 2)) if quantity else 1
            change = a_change(item, location, quantity=quantity, safety_stock=safety, disabled=flag)
            group = replace(a_group(change), failures_max=None)
            with contextlib.suppress(InventoryError):  # below zero, in the trash, inactive
                await database.transact(inventory.apply, group)


class KilledError(Exception):
    """The process ended before the commit."""


@pytest.mark.parametrize("seed", [0, 3, *(pytest.param(seed, marks=pytest.mark.campaign) for seed in range(10, 60))])
async def test_random_changes_give_the_alerts_of_a_model_and_a_killed_reader_doubles_nothing(
    database: Database, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "PAGE", 7)
    rng = random.Random(seed)  # noqa: S311 (no secret)
    await database.transact(_shop)
    await database.transact(alerts.begin)
    model = Model(await database.read(change_feed.horizon))

    async def killed(session: AsyncSession, horizon: int) -> None:
        await alerts.advance(session, horizon)
        raise KilledError

    for _ in range(12):
        for _ in range(rng.randint(1, 14)):
            await _something(database, rng)
        await model.catch_up(database)
        horizon = await database.read(change_feed.horizon)
        with pytest.raises(KilledError):
            await database.transact(killed, horizon)
        await _read_all(database)
        assert [row[1:7] for row in await _alerts(database)] == model.told
    said = {(row[0], row[1]): State(row[2], row[3]) for row in await _rows(database, select(table_of(StockWatch)))}
    assert said == {pair: state for pair, state in model.states.items() if state != PLENTY}
    assert len(model.told) > 2


async def test_processes_that_look_at_once_find_each_alert_once(database: Database) -> None:
    await database.transact(_shop)
    await _set(database, 1, 1, 9)
    await database.transact(alerts.begin)
    for units in (0, 9) * 10:
        await _set(database, 1, 1, units)
    horizon = await database.read(change_feed.horizon)
    await asyncio.gather(*(database.transact(alerts.advance, horizon) for _ in range(4)))
    await _read_all(database)
    assert [row[2] for row in await _told(database)] == ["low", "out", "back", "recovered"] * 10
    assert await _rows(database, select(FeedReader.name)) == [("alerts",)]


@pytest.mark.parametrize("template_url", ["postgresql"], indirect=True)  # SQLite has one writer
async def test_where_the_reader_begins_levels_are_as_they_were_at_its_position(database: Database) -> None:
    """A writer that is at work keeps the horizon back; what others wrote meanwhile is to be read."""
    await database.transact(_shop)
    await _set(database, 1, 1, 9)
    await _set(database, 2, 1, 0)
    async with database.engine.connect() as other:
        await other.execute(select(change_feed.ENTER))
        await _set(database, 1, 1, 0)
        await _set(database, 2, 1, 9)
        await database.transact(alerts.begin)
        await other.rollback()
    await _read_all(database)
    assert [row[:3] for row in await _told(database)] == [
        (1, 1, "low"), (1, 1, "out"), (2, 1, "back"), (2, 1, "recovered"),
    ]  # fmt: skip


async def test_alerts_are_looked_for_while_an_endpoint_wants_them_and_soon_after_a_commit(database: Database) -> None:
    await database.transact(_shop)
    await _set(database, 1, 1, 9)
    reader = AlertReader(database)
    assert not await reader.catch_up()
    plain = await database.transact(webhook_endpoints.create, an_endpoint(topics=("stock.changed",)))
    assert await database.read(alerts.position_of) is None
    one = await database.transact(webhook_endpoints.create, an_endpoint(topics=("stock.low",)))
    other = await database.transact(webhook_endpoints.create, an_endpoint(topics=("*",)))
    reader.start()
    await _set(database, 1, 1, 1)
    async with asyncio.timeout(20):
        while not await _alerts(database):  # noqa: ASYNC110 (what is waited for is in the database)
            await asyncio.sleep(0.02)
    await reader.close()
    assert [row[:3] for row in await _told(database)] == [(1, 1, "low")]
    assert not database.committed
    later = datetime.now(UTC) + timedelta(days=1)
    assert await database.transact(alerts.forget, later) == 0, "endpoints have still to read it"
    await database.transact(webhook_endpoints.remove, one.id)
    assert await database.read(alerts.position_of) is not None
    await database.transact(webhook_endpoints.change, other.id, EndpointEdit(topics=("product.*",)))
    assert await database.read(alerts.position_of) is None
    for id_ in (other.id, plain.id):
        await database.transact(webhook_endpoints.disable, id_, "Gone.")
    assert await database.transact(alerts.forget, later - timedelta(days=2)) == 0
    assert await database.transact(alerts.forget, later) == 1
