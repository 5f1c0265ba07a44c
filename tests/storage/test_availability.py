"""The rule of availability: by example, and as the same in SQL."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select, true
from sqlalchemy.ext.asyncio import AsyncSession

from storage import availability, thresholds
from storage.availability import Availability, Offer, Status, availability_of, available_of
from storage.database import Database
from storage.tables import Location, Product, StockLevel
from storage.thresholds import Effective, Source, effective
from storage.upsert import table_of
from tests.builders import EPOCH, a_location, a_product

IN, LOW, BACK, OUT, FREE = (
    Status.IN_STOCK,
    Status.LOW_STOCK,
    Status.BACKORDER,
    Status.OUT_OF_STOCK,
    Status.NOT_TRACKED,
)


@pytest.mark.parametrize(
    ("offers", "expected"),
    [
        ([Offer(10)], (IN, 10)),
        ([Offer(3)], (IN, 3)),
        ([Offer(2)], (LOW, 2)),
        ([Offer(1)], (LOW, 1)),
        ([Offer(0)], (OUT, 0)),
        ([Offer(-4)], (OUT, 0)),
        ([Offer(0, backorders=True)], (BACK, 0)),
        ([Offer(-4, backorders=True)], (BACK, 0)),
        ([Offer(None)], (OUT, 0)),
        ([Offer(None, backorders=True)], (BACK, 0)),
        ([Offer(10, reserved=7)], (IN, 3)),
        ([Offer(10, reserved=7, safety_stock=1)], (LOW, 2)),
        ([Offer(10, reserved=7, safety_stock=3)], (OUT, 0)),
        ([Offer(10, reserved=7, safety_stock=9, backorders=True)], (BACK, 0)),
        ([], (OUT, 0)),
        ([Offer(2), Offer(1)], (IN, 3)),
        ([Offer(2), Offer(-5)], (LOW, 2)),  # what is owed in one place is not taken from another
        ([Offer(0), Offer(0, backorders=True)], (BACK, 0)),
        ([Offer(1), Offer(0, backorders=True)], (LOW, 1)),
        ([Offer(5, tracked=False)], (FREE, None)),
        ([Offer(0, tracked=False, backorders=True)], (FREE, None)),
        ([Offer(5, tracked=False), Offer(4)], (IN, 4)),
        ([Offer(5, tracked=False), Offer(0)], (FREE, None)),
        ([Offer(5, tracked=False, said="outofstock")], (OUT, 0)),
        ([Offer(5, tracked=False, backorders=True, said="outofstock")], (OUT, 0)),
        ([Offer(5, tracked=False, said="onbackorder")], (BACK, 0)),
        ([Offer(0, said="onbackorder")], (OUT, 0)),  # it is tracked
        ([Offer(0, tracked=False, said="outofstock"), Offer(0, backorders=True)], (BACK, 0)),
        ([Offer(0, tracked=False, said="onbackorder"), Offer(0, tracked=False)], (FREE, None)),
    ],
)
def test_levels_offer(offers: Sequence[Offer], expected: tuple[Status, int | None]) -> None:
    assert availability_of(offers, 2) == Availability(*expected)


@pytest.mark.parametrize(("threshold", "expected"), [(0, IN), (2, IN), (3, LOW), (99, LOW), (-1, IN)])
def test_stock_is_low_up_to_the_threshold(threshold: int, expected: Status) -> None:
    assert availability_of([Offer(3)], threshold).status is expected


def test_what_is_not_tracked_needs_no_level() -> None:
    assert availability_of([], 2, said={"instock", "outofstock"}) == Availability(FREE, None)
    assert availability_of([], 2, said={"onbackorder", "outofstock"}) == Availability(BACK, 0)
    assert availability_of([], 2, said={"outofstock"}) == Availability(OUT, 0)
    assert availability_of([Offer(1)], 2, said={"instock"}) == Availability(LOW, 1)


@pytest.mark.parametrize(
    ("own", "parents", "expected"), [(None, None, 2), (5, None, 5), (0, 7, 0), (None, 7, 7), (None, 0, 0)]
)
def test_a_variation_without_a_threshold_has_its_parents(own: int | None, parents: int | None, expected: int) -> None:
    assert effective(product=own, parent=parents).value == expected


def test_what_was_never_counted_has_no_available_units() -> None:
    assert available_of(None, 1, 2) is None
    assert available_of(5, 1, 2) == 2
    assert available_of(0, 1, 2) == -3


# The same in SQL, over some thousand levels at random

PRODUCTS, LOCATIONS, HIDDEN_LOCATION = 300, 6, 5
QUANTITIES = (None, None, -3, 0, 0, 1, 2, 3, 5, 9, 1_000_000_000)


def _world() -> tuple[list[Location], list[Product], list[StockLevel]]:
    rng = random.Random(7)  # noqa: S311 (no secret)
    locations = [
        a_location(
            n, active=n != 3, archived_at=EPOCH if n == 4 else None, low_stock_threshold={2: 6, 5: 0, 3: 9}.get(n)
        )
        for n in range(1, LOCATIONS + 1)
    ]
    products, levels = [], []
    for n in range(1, PRODUCTS + 1):
        parent = None if n <= 100 else rng.randint(61, 100)
        kind = "variation" if parent else "variable" if n > 60 else "simple"
        products.append(
            a_product(
                n,
                type=kind,
                parent_id=parent,
                manage_stock=rng.random() < 0.6,
                backorders=rng.choice(("no", "notify", "yes")),
                low_stock_threshold=rng.choice((None, None, 0, 1, 4)),
                stock_status=rng.choice(("instock", "outofstock", "onbackorder")),
                status=rng.choice(("publish", "publish", "draft", "trash")),
            )
        )
        levels += [_level(rng, n, location) for location in range(1, LOCATIONS + 1) if rng.random() < 0.5]
    return locations, products, levels


def _level(rng: random.Random, product_id: int, location_id: int) -> StockLevel:
    return StockLevel(
        product_id=product_id,
        location_id=location_id,
        on_hand=rng.choice(QUANTITIES),
        reserved=rng.choice((0, 0, 1, 1_000_000_000)),
        safety_stock=rng.choice((0, 0, 2)),
        backorders=rng.choice((None, None, "no", "yes")),
        disabled=rng.random() < 0.2,
        low_stock_threshold=(None, None, None, None, 3, 0)[(product_id * 3 + location_id) % 6],
        updated_at=EPOCH,
    )


class World:
    """The rows again, as objects."""

    def __init__(self) -> None:
        self.locations, products, self.levels = _world()
        self.products = {product.id: product for product in products}

    def parent(self, product: Product) -> Product | None:
        return self.products[product.parent_id] if product.parent_id else None

    def threshold(self, product: Product, level: StockLevel | None = None) -> Effective:
        parent = self.parent(product)
        place = None if level is None else self.locations[level.location_id - 1].low_stock_threshold
        return effective(
            level=None if level is None else level.low_stock_threshold,
            product=product.low_stock_threshold,
            parent=parent.low_stock_threshold if parent else None,
            location=place,
        )

    def is_tracked(self, product: Product) -> bool:
        parent = self.parent(product)
        return product.manage_stock or bool(parent and parent.manage_stock)

    def is_offered(self, level: StockLevel) -> bool:
        return not level.disabled and level.location_id not in {3, 4}

    def offer(self, level: StockLevel) -> Offer:
        item = self.products[level.product_id]
        takes = (level.backorders or item.backorders) != "no"
        tracked, said = self.is_tracked(item), self.said(item)
        return Offer(level.on_hand, level.reserved, level.safety_stock, tracked, takes, said)

    def said(self, item: Product) -> str:
        return "instock" if item.type == "variable" else item.stock_status

    def level(self, level: StockLevel) -> Status:
        if not self.is_offered(level):
            return OUT
        threshold = self.threshold(self.products[level.product_id], level).value
        return availability_of([self.offer(level)], threshold).status

    def product(self, product: Product) -> Availability:
        variations = [p for p in self.products.values() if p.parent_id == product.id and p.status != "trash"]
        items = {p.id for p in (product, *variations) if p.status != "trash"}
        offers = [
            self.offer(level)
            for level in self.levels
            if level.product_id in items and self.is_offered(level) and level.location_id != HIDDEN_LOCATION
        ]
        carriers = variations if product.type == "variable" else [product]
        said = {self.said(item) for item in carriers if not self.is_tracked(item)}
        return availability_of(offers, self.threshold(product).value, said=said)


@pytest.fixture
async def world(database: Database) -> World:
    """The random rows, written and as objects."""

    async def load(session: AsyncSession) -> None:
        for rows in _world():
            session.add_all(rows)
            await session.flush()

    await database.transact(load)
    return World()


async def _all(database: Database, statement: Any) -> list[Any]:
    async def read(session: AsyncSession) -> list[Any]:
        return list((await session.execute(statement)).all())

    return await database.read(read)


async def test_sql_says_the_same_of_every_level_and_product(database: Database, world: World) -> None:
    level, product = table_of(StockLevel).c, table_of(Product).c
    expected = {(one.product_id, one.location_id): world.level(one) for one in world.levels}
    told: dict[Any, Status] = {}
    for status in Status:
        found = select(level.product_id, level.location_id).where(availability.level_is(level, status))
        for key in await _all(database, found):
            assert tuple(key) not in told, "two statuses"
            told[tuple(key)] = status
    assert told == expected
    assert set(told.values()) == set(Status)

    def seen(row: Any) -> Any:
        return row.location_id != HIDDEN_LOCATION

    products = {id_: world.product(p) for id_, p in world.products.items()}
    for status in Status:
        found = select(product.id).where(availability.product_is(product, status, seen, lambda _: true()))
        expected_ids = {id_ for id_, of in products.items() if of.status is status}
        assert {row.id for row in await _all(database, found)} == expected_ids
        assert expected_ids
    quantity = availability.product_quantity(product, seen, lambda _: true())
    rows = await _all(database, select(product.id, quantity))
    assert dict(map(tuple, rows)) == {id_: of.quantity for id_, of in products.items()}


async def test_sql_finds_the_same_levels_low_and_as_much_too_low(database: Database, world: World) -> None:
    level = table_of(StockLevel).c
    found = select(level.product_id, level.location_id, availability.available(level), availability.deficit(level))
    rows = await _all(database, found.where(availability.level_is_low(level)))
    expected = set()
    for one in world.levels:
        item = world.products[one.product_id]
        units = available_of(one.on_hand, one.reserved, one.safety_stock)
        low = world.threshold(item, one).value
        is_kept = world.is_tracked(item) and item.status != "trash"
        if units is not None and units <= low and world.is_offered(one) and is_kept:
            expected.add((one.product_id, one.location_id, units, low - units))
    assert set(map(tuple, rows)) == expected
    assert len(expected) > 50


async def test_sql_says_of_each_level_and_product_which_threshold_applies(database: Database, world: World) -> None:
    level, product = table_of(StockLevel).c, table_of(Product).c
    said = (thresholds.of_level(level), thresholds.source_of_level(level))
    rows = await _all(database, select(level.product_id, level.location_id, *said))
    expected = {
        (one.product_id, one.location_id, *world.threshold(world.products[one.product_id], one)) for one in world.levels
    }
    assert set(map(tuple, rows)) == expected
    assert {row[-1] for row in rows} == set(Source)
    rows = await _all(
        database, select(product.id, thresholds.of_product(product), thresholds.source_of_product(product))
    )
    assert set(map(tuple, rows)) == {(id_, *world.threshold(of)) for id_, of in world.products.items()}
    highest = await _all(database, select(thresholds.highest()))
    assert [tuple(row) for row in highest] == [(9,)]
