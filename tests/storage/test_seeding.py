"""Made-up catalogues."""

from __future__ import annotations

import random
from typing import Any

import pytest
from sqlalchemy import text

from storage import inventory, reconciliation, seeding
from storage.catalog_document import CatalogError
from storage.changes import DEFAULT_LOCATION
from storage.database import Database
from storage.seeding import Size
from tests.builders import a_change, a_group

SMALL = Size(products=20, locations=3, variations=2, seed=5)


async def everything(session: Any) -> list[list[Any]]:
    tables = ("location", "product", "stock_level", "ledger_entry")
    return [list((await session.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2"))).all()) for table in tables]


async def test_a_seeded_catalogue_has_every_item_at_every_location_and_in_the_ledger(database: Database) -> None:
    told: list[int] = []
    await database.transact(seeding.seed, SMALL, told.append)
    locations, products, levels, entries = await database.read(everything)
    assert (len(locations), len(products)) == (3, 20 + 4 * 2)
    assert len(levels) == len(entries) == sum(told) == SMALL.items * 3 == 72
    assert await database.read(reconciliation.drifts) == []
    applied = await database.transact(inventory.apply, a_group(a_change("seed-000001", "seed-002")))
    assert applied.outcomes[0].version == 2
    applied = await database.transact(inventory.apply, a_group(a_change("seed-000001", DEFAULT_LOCATION)))
    assert applied.outcomes[0].location_id == locations[0].id


def test_the_same_seed_makes_the_same_rows_and_another_one_others() -> None:
    def made(seed: int) -> Any:
        chance = random.Random(seed)  # noqa: S311 (as there)
        products = list(seeding._products(SMALL, 1, chance))
        return products, seeding._levels([product["id"] for product in products], [1, 2], chance)

    assert made(5) == made(5)
    assert made(5) != made(6)


async def test_a_second_catalogue_is_refused_and_changes_nothing(database: Database) -> None:
    await database.transact(seeding.seed, SMALL)
    before = await database.read(everything)
    with pytest.raises(CatalogError, match="seeded catalogue already"):
        await database.transact(seeding.seed, SMALL)
    assert await database.read(everything) == before


def test_gtins_have_their_check_digit() -> None:
    assert seeding._ean13("400638133393") == "4006381333931"
