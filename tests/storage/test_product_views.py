"""Views of products, against the same worked out over plain rows; and every question against the views."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from storage import product_search, product_views
from storage.database import Database
from storage.product_document import ProductColumns
from storage.product_queries import Kept, KeptIds, Order, OrderBy, ProductQuery, Range, Rows, after
from storage.product_views import ProductView
from storage.tables import Product, StockLevel
from storage.thresholds import effective
from storage.upsert import insert_rows
from tests.builders import EPOCH, a_location, a_product
from tests.statements import statements

LAST = 90
STATUSES = ("publish", "publish", "publish", "private", "draft", "trash")
NOW = datetime.now(UTC)
OPEN = (5, 2, 1)  # locations 1, 2 and 5 in the order of their positions; 3 is inactive, 4 is archived


def _world() -> tuple[list[Any], list[dict[str, Any]], list[StockLevel]]:
    rng = random.Random(4)  # noqa: S311 (no secret)
    locations = [
        a_location(n, position=9 - n, active=n != 3, archived_at=EPOCH if n == 4 else None) for n in range(1, 6)
    ]
    products = [_product(rng, n) for n in range(1, LAST + 1)]
    levels = [
        StockLevel(
            product_id=n,
            location_id=at,
            on_hand=rng.choice((None, -3, 0, 0, 1, 2, 7)),
            reserved=rng.choice((0, 0, 1)),
            safety_stock=rng.choice((0, 0, 1)),
            disabled=rng.random() < 0.1,
            backorders=rng.choice((None, None, "no", "notify")),
            version=rng.randint(1, 9),
            updated_at=_some_time(rng),
        )
        for n in range(1, LAST + 1)
        for at in range(1, 6)
        if rng.random() < 0.3
    ]
    return locations, products, levels


def _product(rng: random.Random, n: int) -> dict[str, Any]:
    parent = None if n <= 45 else rng.randint(25, 45)
    kept = {"featured": rng.random() < 0.5, "menu_order": rng.randint(-2, 2), "description": rng.choice(("Ünder", ""))}
    kept["categories"] = rng.choice(([], [{"id": 3}], [{"id": 4}, {"id": 3}], ["odd"], "odd"))
    sale = rng.choice((None, None, Decimal("7.5"), Decimal(99)))
    row = a_product(
        n,
        parent_id=parent,
        attributes=[{"name": "Size", "value": rng.choice("SML")}] if parent else [],
        type="variation" if parent else "variable" if n > 25 else rng.choice(("simple", "external")),
        name=rng.choice(("Mug", "Blue mug", "Jar", "Ölkanne")) + f" {n % 7}",
        status=rng.choice(STATUSES),
        manage_stock=rng.random() < 0.5,
        backorders=rng.choice(("no", "notify", "yes")),
        stock_status=rng.choice(("instock", "outofstock", "onbackorder")),
        regular_price=rng.choice((None, Decimal(10), Decimal("8.25"))),
        sale_price=sale,
        sale_starts_at=rng.choice((None, NOW - timedelta(days=1), NOW + timedelta(days=1))),
        sale_ends_at=rng.choice((None, NOW + timedelta(days=2), NOW - timedelta(hours=1))),
        low_stock_threshold=rng.choice((None, 0, 4)),
        gtin=f"{n:014}" if n % 5 == 0 else None,
        gtin_text=str(n) if n % 5 == 0 else None,
        extra=rng.choice(({}, {"wc/v3": kept}, {"other": kept})),
        created_at=_some_time(rng),
        updated_at=_some_time(rng),
        deleted_at=EPOCH if n % 30 == 0 else None,
    )
    values = {column: getattr(row, column) for column in Product.__table__.columns.keys()}  # type: ignore[attr-defined] # noqa: SIM118
    return values | {"status": "trash"} if n % 30 == 0 else values


def _some_time(rng: random.Random) -> datetime:
    return EPOCH + timedelta(milliseconds=250 * rng.randint(0, 400))


@pytest.fixture
async def shop(database: Database) -> Database:
    """Ninety products at random, with their variations and stock."""

    async def add(session: AsyncSession) -> None:
        locations, products, levels = _world()
        session.add_all(locations)
        await session.flush()
        for some in ([p for p in products if not p["parent_id"]], [p for p in products if p["parent_id"]]):
            await insert_rows(session, Product, some)
        session.add_all(levels)

    await database.transact(add)
    return database


# Views over plain rows


class _Plain:
    """What a view should say, worked out product by product."""

    def __init__(self) -> None:
        locations, products, levels = _world()
        self.locations = {location.id: location for location in locations}
        self.products = {product["id"]: product for product in products}
        self.levels = {n: [level for level in levels if level.product_id == n] for n in self.products}

    def family(self, n: int) -> list[dict[str, Any]]:
        return [each for each in self.products.values() if each["parent_id"] == n]

    def carrier(self, n: int) -> int | None:
        product, parent = self.products[n], self.products.get(self.products[n]["parent_id"])
        if product["manage_stock"]:
            return None if self.has_tracked(n) else n
        if parent is None or not parent["manage_stock"]:
            return None
        return n if self.has_tracked(parent["id"]) else parent["id"]

    def has_tracked(self, n: int) -> bool:
        return any(each["manage_stock"] and each["status"] != "trash" for each in self.family(n))

    def held(self, n: int) -> list[StockLevel]:
        return [level for level in self.levels[n] if level.location_id in OPEN]

    def status(self, n: int) -> str:
        carrier = self.carrier(n)
        product = self.products[n]
        if carrier is not None:
            offered = [level for level in self.held(carrier) if not level.disabled]
            if self.available(carrier) > 0:
                return "instock"
            setting = self.products[carrier]["backorders"]
            return "onbackorder" if any((at.backorders or setting) != "no" for at in offered) else "outofstock"
        if product["type"] != "variable":
            return str(product["stock_status"])
        said = [self.status(each["id"]) for each in self.family(n) if each["status"] in {"publish", "private"}]
        return next((status for status in ("instock", "onbackorder") if status in said), "outofstock")

    def available(self, n: int) -> int:
        return sum(
            max((level.on_hand or 0) - level.reserved - level.safety_stock, 0)
            for level in self.held(n)
            if not level.disabled and level.on_hand is not None
        )

    def price(self, product: dict[str, Any]) -> tuple[Decimal | None, bool]:
        if product["type"] == "variable":
            prices = [
                self.price(each) for each in self.family(product["id"]) if each["status"] in {"publish", "private"}
            ]
            return min((price for price, _ in prices if price is not None), default=None), any(on for _, on in prices)
        regular, sale = product["regular_price"], product["sale_price"]
        starts, ends = product["sale_starts_at"] or NOW, product["sale_ends_at"] or NOW + timedelta(days=9)
        on_sale = sale is not None and regular is not None and sale < regular and starts <= NOW < ends
        return (sale if on_sale else regular), on_sale

    def modified_at(self, n: int) -> datetime:
        items = [self.products[n], *self.family(n)]
        stocked = {each["id"] for each in items} | {self.carrier(n) or n}
        levels = [level.updated_at for each in stocked for level in self.levels[each]]
        return max([each["updated_at"] for each in items] + levels)

    def check(self, view: ProductView) -> None:
        n, row = view.id, self.products[view.id]
        columns = {each.name for each in fields(ProductColumns)} - {"stock_status"}
        assert {name: getattr(view, name) for name in columns} == {name: row[name] for name in columns}
        assert view.stated_stock_status == row["stock_status"]
        assert (None if view.parent is None else view.parent.id) == row["parent_id"]
        carrier = self.carrier(n)
        assert view.carrier == (None if carrier is None else "own" if carrier == n else "parent")
        held = self.held(carrier or n)
        assert view.on_hand == sum(level.on_hand or 0 for level in held)
        assert view.available == self.available(carrier or n)
        assert view.stock_status == self.status(n)
        assert [(at.id, at.on_hand) for at in view.locations] == [
            (at, level.on_hand) for at in OPEN for level in held if level.location_id == at
        ]
        assert {(at.name, at.slug) for at in view.locations} <= {(f"Location {at}", f"location-{at}") for at in OPEN}
        listed = [each["id"] for each in self.family(n) if each["status"] in {"publish", "private"}]
        assert list(view.variation_ids) == listed
        sizes = [self.products[each]["attributes"][0]["value"] for each in listed]
        assert view.options == ({"Size": list(dict.fromkeys(sizes))} if sizes else {})
        assert (view.price, view.on_sale) == self.price(row)
        assert view.modified_at == self.modified_at(n)


async def test_a_view_says_what_follows_from_a_product_its_family_and_its_stock(shop: Database) -> None:
    plain = _Plain()
    kept = [n for n, row in plain.products.items() if row["deleted_at"] is None]
    asked = [LAST + 5, *reversed(range(1, LAST + 1)), 1]
    views = await shop.read(product_views.by_ids, asked)
    assert [view.id for view in views] == [*reversed(kept), 1]
    for view in views:
        plain.check(view)
    told = {(view.type, view.carrier, view.stock_status) for view in views}
    assert len(told) > 15  # the shop has most there can be


# Questions against views: whatever is asked, it finds those of which the view says so


async def _found(shop: Database, wanted: ProductQuery) -> list[ProductView]:
    total, views = await shop.read(product_views.page, wanted, offset=0, limit=1_000)
    assert total == len(views)
    return views


def _moment(seconds: int) -> datetime:
    return (EPOCH + timedelta(seconds=seconds)).replace(microsecond=0)


def _low(view: ProductView) -> bool:
    own, parents = view.low_stock_threshold, view.parent.low_stock_threshold if view.parent else None
    return view.carrier == "own" and view.on_hand <= effective(product=own, parent=parents).value


def _counted(view: ProductView, views: dict[int, ProductView], least: int, most: int) -> bool:
    family = [views[each] for each in view.variation_ids]
    return any(each.tracked and least <= each.on_hand <= most for each in (view, *family))


def _kept(view: ProductView) -> dict[str, Any]:
    kept: dict[str, Any] = view.extra.get("wc/v3", {})
    return kept


def _costs(view: ProductView, views: dict[int, ProductView], least: Decimal, most: Decimal) -> bool:
    priced = [views[each].price for each in view.variation_ids] if view.type == "variable" else [view.price]
    return any(price is not None and least <= price <= most for price in priced)


Holds = Callable[[ProductView, dict[int, ProductView]], bool]
ALL = Rows.ALL
IN_CATEGORY = KeptIds(("wc/v3", "categories"), (3, 2**70))
ANY_NAME = ("name", "sku", "gtin", ("wc/v3", "description"))
QUESTIONS: Sequence[tuple[ProductQuery, Holds]] = [
    (ProductQuery(), lambda view, _: view.parent_id is None),
    (ProductQuery(rows=Rows.VARIATIONS), lambda view, _: view.parent_id is not None),
    (
        ProductQuery(
            rows=ALL,
            ids=(
                1,
                50,
                2**70,
                60,
            ),
        ),
        lambda view, _: view.id in {1, 50},
    ),
    (
        ProductQuery(
            rows=ALL,
            excluded_ids=(
                1,
                50,
            ),
        ),
        lambda view, _: view.id not in {1, 50},
    ),
    (
        ProductQuery(
            rows=ALL,
            parent_ids=(
                30,
                31,
            ),
        ),
        lambda view, _: view.parent_id in {30, 31},
    ),
    (
        ProductQuery(
            rows=ALL,
            excluded_parent_ids=(
                30,
                31,
            ),
        ),
        lambda view, _: view.parent_id not in {30, 31},
    ),
    (
        ProductQuery(
            rows=ALL,
            statuses=(
                "draft",
                "private",
            ),
        ),
        lambda view, _: view.status in {"draft", "private"},
    ),
    (ProductQuery(rows=ALL, excluded_statuses=("draft",)), lambda view, _: view.status != "draft"),
    (ProductQuery(types=("external",)), lambda view, _: view.type == "external"),
    (ProductQuery(rows=ALL, excluded_types=("simple",)), lambda view, _: view.type != "simple"),
    (
        ProductQuery(
            rows=ALL,
            skus=(
                "sku-7",
                "SKU-70",
                "",
                "\0",
            ),
            statuses=STATUSES,
        ),
        lambda view, _: view.id in {7, 70},
    ),
    (
        ProductQuery(
            rows=ALL,
            gtins=(
                "00000005",
                "x",
            ),
            statuses=STATUSES,
        ),
        lambda view, _: view.id == 5,
    ),
    (
        ProductQuery(
            rows=ALL,
            words=(
                "MUG",
                "3",
            ),
        ),
        lambda view, _: "mug" in view.name.lower() and "3" in view.name,
    ),
    (ProductQuery(rows=ALL, words=("%",)), lambda *_: False),
    (ProductQuery(rows=ALL, words=("ö",)), lambda view, _: "Ö" in view.name),
    (
        ProductQuery(rows=ALL, words=("nder",), words_in=ANY_NAME),
        lambda view, _: "nder" in _kept(view).get("description", ""),
    ),
    (ProductQuery(rows=ALL, words=("sku-1",), words_in=ANY_NAME), lambda view, _: str(view.sku).startswith("SKU-1")),
    (
        ProductQuery(rows=ALL, created=Range(after(_moment(30)), _moment(60))),
        lambda view, _: _moment(30) < view.created_at.replace(microsecond=0) < _moment(60),
    ),
    (
        ProductQuery(rows=ALL, modified=Range(after(_moment(80)))),
        lambda view, _: view.modified_at.replace(microsecond=0) > _moment(80),
    ),
    (ProductQuery(rows=ALL, modified=Range(None, _moment(70))), lambda view, _: view.modified_at < _moment(70)),
    (ProductQuery(rows=ALL, on_sale=True), lambda view, _: view.on_sale),
    (ProductQuery(rows=ALL, on_sale=False), lambda view, _: not view.on_sale),
    (ProductQuery(rows=ALL, has_price=True), lambda view, _: view.regular_price is not None),
    (
        ProductQuery(rows=ALL, price_min=Decimal("8.25"), price_max=Decimal(10)),
        lambda view, views: _costs(view, views, Decimal("8.25"), Decimal(10)),
    ),
    (ProductQuery(rows=ALL, price_min=Decimal("1e40")), lambda *_: False),
    *[
        (ProductQuery(rows=rows, stock_status=status), lambda view, _, s=status: view.stock_status == s)  # type: ignore[misc]
        for status in ("instock", "outofstock", "onbackorder")
        for rows in (ALL,)
    ],
    (ProductQuery(rows=ALL, stock_min=1, stock_max=9), lambda view, views: _counted(view, views, 1, 9)),
    (ProductQuery(rows=ALL, stock_max=-(10**40)), lambda *_: False),
    (ProductQuery(rows=ALL, low_stock=True), lambda view, _: _low(view)),
    (
        ProductQuery(rows=ALL, kept=(Kept(("wc/v3", "featured"), ("1",), "0"),)),
        lambda view, _: _kept(view).get("featured", False),
    ),
    (
        ProductQuery(rows=ALL, kept=(Kept(("wc/v3", "featured"), ("0",), "0"),)),
        lambda view, _: not _kept(view).get("featured", False),
    ),
    (
        ProductQuery(rows=ALL, kept=(IN_CATEGORY,)),
        lambda view, _: any(each == {"id": 3} for each in _kept(view).get("categories", ())),
    ),
]


async def test_a_question_finds_the_products_of_which_the_view_says_so(shop: Database) -> None:
    everything = await _found(shop, ProductQuery(rows=ALL, statuses=STATUSES))
    views = {view.id: view for view in everything}
    assert len(views) == LAST - 3  # three are deleted for good
    some = 0
    for wanted, holds in QUESTIONS:
        among = [
            view
            for view in everything
            if (wanted.statuses is not None or view.status != "trash")
            and (wanted.rows is ALL or (view.parent_id is not None) == (wanted.rows is Rows.VARIATIONS))
        ]
        expected = {view.id for view in among if holds(view, views)}
        assert {view.id for view in await _found(shop, wanted)} == expected, wanted
        some += bool(expected)
    assert some == len(QUESTIONS) - 3  # three find nothing
    kept = [view for view in everything if view.status != "trash"]
    assert await shop.read(product_search.stock_totals, ProductQuery(rows=ALL)) == {
        status: (len(same := [view for view in kept if view.stock_status == status]), sum(map(_low, same)))
        for status in {view.stock_status for view in kept}
    }


def _least_first(by: OrderBy) -> Callable[[ProductView], Any]:
    keys: dict[OrderBy, Callable[[ProductView], Any]] = {
        OrderBy.CREATED: lambda view: view.created_at,
        OrderBy.MODIFIED: lambda view: view.modified_at,
        OrderBy.ID: lambda view: view.id,
        OrderBy.NAME: lambda view: view.name.casefold(),
        OrderBy.SKU: lambda view: (view.sku or "").casefold(),
        OrderBy.PRICE: lambda view: view.price or 0,
        OrderBy.STOCK_STATUS: lambda view: view.stock_status,
        OrderBy.STOCK_QUANTITY: lambda view: view.on_hand if view.tracked else 0,
        OrderBy.KEPT: lambda view: _kept(view).get("menu_order", 0),
    }
    return keys[by]


async def test_every_order_is_total_and_pages_cut_it(shop: Database) -> None:
    everything = await _found(shop, ProductQuery(rows=ALL))
    for by in set(OrderBy) - {OrderBy.ASKED}:
        key = _least_first(by)
        for descending in (False, True):
            wanted = ProductQuery(rows=ALL, order=Order(by, descending, ("wc/v3", "menu_order")))
            expected = sorted(everything, key=lambda view: (key(view), view.id), reverse=descending)
            found = await _found(shop, wanted)
            assert [view.id for view in found] == [view.id for view in expected], wanted.order
    for by in (OrderBy.ID, OrderBy.PRICE):
        wanted = ProductQuery(rows=ALL, order=Order(by))
        whole = await _found(shop, wanted)
        total, some = await shop.read(product_views.page, wanted, offset=3, limit=4)
        assert (total, [view.id for view in some]) == (len(whole), [view.id for view in whole[3:7]])
    wanted = ProductQuery(rows=ALL, ids=(50, 1, 47, 1, 2, 999), order=Order(OrderBy.ASKED))
    here = {view.id for view in everything}
    assert [view.id for view in await _found(shop, wanted)] == [n for n in (50, 1, 47, 2) if n in here]
    assert await shop.read(product_views.page, ProductQuery(), offset=10**30, limit=5) == (
        len([view for view in everything if view.parent_id is None]),
        [],
    )


async def test_a_page_takes_two_statements_whatever_is_on_it(shop: Database) -> None:
    for wanted in (ProductQuery(), ProductQuery(rows=ALL, stock_status="instock")):
        for limit in (1, 50):
            with statements(shop) as executed:
                await shop.read(product_views.page, wanted, offset=0, limit=limit)
            assert len(executed) == 2


async def test_a_version_tells_every_change_of_a_row_and_of_its_levels(shop: Database) -> None:
    seen: set[str] = set()

    async def changed(session: AsyncSession, model: Any, key: Any, **values: Any) -> None:
        row = await session.get(model, key)
        for name, value in values.items():
            setattr(row, name, value)

    async def version() -> str:
        return (await shop.read(product_views.by_ids, [variation]))[0].version

    variation = next(
        view.id for view in await _found(shop, ProductQuery(rows=ALL)) if view.parent_id and view.locations
    )
    place = next(level.location_id for level in _Plain().levels[variation])
    seen.add(await version())
    for model, key, values in (
        (Product, variation, {"updated_at": NOW}),
        (StockLevel, (variation, place), {"version": 99}),
    ):
        await shop.transact(changed, model, key, **values)
        seen.add(await version())
    assert len(seen) == 3
    assert await version() in seen
