"""A made-up catalogue of any size, for benchmarks and trials: the same one for the same seed, loaded in bulk."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import exists, func, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.catalog_document import CatalogError, Problem
from storage.catalog_lock import count_on, hold, largest_id
from storage.changes import Reason, gtin14, sku_key
from storage.planning import Level
from storage.tables import LedgerEntry, Location, Product, StockChangeGroup, StockLevel
from storage.upsert import insert_rows, table_of

_BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)  # not now: the same seed makes the same rows
_LEVELS_AT_ONCE: Final = 20_000
_KINDS: Final = (
    "Alpine",
    "Coastal",
    "Nordic",
    "Classic",
    "Rugged",
    "Featherlight",
    "Waxed",
    "Merino",
    "Canvas",
    "Urban",
)
_THINGS: Final = (
    "Jacket",
    "Boot",
    "Backpack",
    "Tent",
    "Lantern",
    "Sock",
    "Bottle",
    "Glove",
    "Blanket",
    "Stove",
    "Rope",
)
_CITIES: Final = ("Kyiv", "Lviv", "Odesa", "Gdańsk", "Brno", "Łódź", "Graz", "Lyon", "Porto", "Århus", "Turku", "Ghent")
_THRESHOLDS: Final = (None, 2, 3, 5, 5, 8)  # of low stock; about a fifth of all levels are at it or below

Progress = Callable[[int], None]
"""Called with the number of stock levels written since the last call."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much to make. Every fifth product is variable and has this many variations, which then carry its stock."""

    products: int
    locations: int
    variations: int = 0
    seed: int = 1

    @property
    def items(self) -> int:
        """How many products and variations carry stock."""
        variable = self.products // 5 if self.variations else 0
        return self.products + variable * (self.variations - 1)


async def seed(session: AsyncSession, size: Size, progress: Progress = lambda _levels: None) -> None:
    """Add a made-up catalogue with stock at every location. Each level has its ledger entry, as by the write path.

    Its first location becomes the default one, where there is none.
    Raises CatalogError when there is a seeded catalogue already.
    """
    await hold(session, Location, Product)
    seeded = select(exists().where(table_of(Product).c.sku_key == sku_key(_sku(1))))
    if await session.scalar(seeded):
        raise CatalogError([Problem("", "This database has a seeded catalogue already. Seed a new one.")])
    chance = random.Random(size.seed)  # noqa: S311 (it makes up stock, not secrets)
    locations = _locations(size, await largest_id(session, Location) + 1)
    if locations and not await session.scalar(select(exists().where(table_of(Location).c.is_default))):
        locations[0]["is_default"] = True
    products = list(_products(size, await largest_id(session, Product) + 1, chance))
    await insert_rows(session, Location, locations)
    for some in ([p for p in products if not p["parent_id"]], [p for p in products if p["parent_id"]]):
        await insert_rows(session, Product, some)
    await count_on(session, Location, Product)
    items = [product["id"] for product in products if product["type"] != "variable"]
    places = [location["id"] for location in locations]
    step = max(1, _LEVELS_AT_ONCE // max(1, len(places)))
    for start in range(0, len(items), step):
        levels = _levels(items[start : start + step], places, chance)
        await _write_levels(session, levels)
        progress(len(levels))


async def _write_levels(session: AsyncSession, levels: Sequence[dict[str, Any]]) -> None:
    """Levels that did not exist before, and what the write path would have written into the ledger for them."""
    if not levels:
        return
    group = {
        "dialect": "seed", "principal": "stockgate seed", "reason": Reason.UNSPECIFIED, "reference": "",
        "request_id": "", "created_at": _BEGAN,
    }  # fmt: skip
    inserted = await session.execute(
        insert(table_of(StockChangeGroup)).returning(table_of(StockChangeGroup).c.id), group
    )
    await insert_rows(session, StockLevel, levels, shared={"version": 1, "updated_at": _BEGAN})
    level = table_of(StockLevel).c
    columns = {
        "group_id": literal(inserted.scalar_one()),
        "line": func.row_number().over(order_by=(level.product_id, level.location_id)) - 1,
        "product_id": level.product_id,
        "location_id": level.location_id,
        "delta": level.on_hand,
        "created_at": level.updated_at,
        **{name: level[name] for name in Level._fields},
    }
    written = select(*columns.values()).where(
        level.product_id.between(levels[0]["product_id"], levels[-1]["product_id"])
    )
    ordered = written.order_by(level.product_id, level.location_id)
    await session.execute(insert(table_of(LedgerEntry)).from_select(list(columns), ordered))


def _locations(size: Size, first_id: int) -> list[dict[str, Any]]:
    return [
        {
            "id": first_id + n,
            "slug": f"seed-{n + 1:03}",
            "code": f"S{n + 1:03}",
            "name": f"{_CITIES[n % len(_CITIES)]} {n + 1:03}",
            "description": "",
            "kind": "warehouse" if n % 5 == 4 else "store",
            "active": True,
            "is_default": False,
            "position": n,
            "city": _CITIES[n % len(_CITIES)],
            "created_at": _BEGAN,
            "updated_at": _BEGAN,
        }
        for n in range(size.locations)
    ]


def _sku(number: int) -> str:
    return f"SEED-{number:06}"


def _products(size: Size, first_id: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    id_ = first_id
    for number in range(1, size.products + 1):
        variable = bool(size.variations) and number % 5 == 0
        name = f"{chance.choice(_KINDS)} {chance.choice(_THINGS)} {number}"
        parent = _product(id_, _sku(number), name, "variable" if variable else "simple", chance)
        yield parent
        id_ += 1
        for n in range(1, size.variations + 1 if variable else 0):
            value = str(35 + n)
            of = {"parent_id": parent["id"], "attributes": [{"name": "Size", "value": value}]}
            yield _product(id_, f"{_sku(number)}-{value}", f"{name} - {value}", "variation", chance) | of
            id_ += 1


def _product(id_: int, sku: str, name: str, type_: str, chance: random.Random) -> dict[str, Any]:
    price = Decimal(chance.randrange(199, 30_000)) / 100
    gtin = _ean13(f"2{id_:011}")
    when = _BEGAN + timedelta(minutes=id_)
    return {
        "id": id_,
        "parent_id": None,
        "type": type_,
        "sku": sku,
        "sku_key": sku_key(sku),
        "gtin": gtin14(gtin),
        "gtin_text": gtin,
        "name": name,
        "name_key": name.casefold(),
        "status": "publish",
        "attributes": [],
        "manage_stock": type_ != "variable",
        "backorders": "notify" if chance.random() < 0.1 else "no",
        "regular_price": price,
        "sale_price": (price * 4 / 5).quantize(Decimal("0.01")) if chance.random() < 0.15 else None,
        "tax_rate": Decimal(20),
        "low_stock_threshold": chance.choice(_THRESHOLDS),
        "created_at": when,
        "updated_at": when,
    }


def _ean13(digits: str) -> str:
    """Twelve digits and their check digit. Those that begin with 2 are free for a shop's own use."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


def _levels(items: Sequence[int], places: Sequence[int], chance: random.Random) -> list[dict[str, Any]]:
    return [_level(item, place, chance) for item in items for place in places]


def _level(item: int, place: int, chance: random.Random) -> dict[str, Any]:
    on_hand = 0 if chance.random() < 0.08 else int(chance.expovariate(1 / 40))
    return {
        "product_id": item,
        "location_id": place,
        "on_hand": on_hand,
        "regular_price": Decimal(chance.randrange(30_000, 40_000)) / 100 if chance.random() < 0.05 else None,
        "disabled": chance.random() < 0.01,
        "reserved": min(chance.randrange(1, 6), on_hand) if chance.random() < 0.2 else 0,
        "safety_stock": chance.randrange(1, 4) if chance.random() < 0.1 else 0,
    }
