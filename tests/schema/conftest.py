"""Databases that are filled once per engine, for tests that only read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert

from storage.database import Database
from storage.tables import StockLevel
from storage.upsert import table_of
from tests.builders import EPOCH, a_location, a_product
from tests.conftest import ENGINES, _copy
from tests.schema import shop as rows_of_shop
from tests.schema.caller import Caller
from tests.schema.small import load_small

Load = Callable[[Any], Awaitable[None]]


@pytest.fixture(scope="session", params=ENGINES)
def new_caller(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Load], Caller]]:
    """Once per engine: makes a database, filled by the function given."""
    callers: list[Caller] = []
    with asyncio.Runner() as runner:

        def make(load: Load) -> Caller:
            template = request.getfixturevalue(
                "postgres_template" if request.param == "postgresql" else "sqlite_template"
            )
            url = runner.run(_copy(template, tmp_path_factory.mktemp("schema")))
            callers.append(Caller(runner, Database(url)))
            runner.run(callers[-1].database.transact(load))
            return callers[-1]

        yield make
        for caller in callers:
            runner.run(caller.database.close())


@pytest.fixture(scope="session")
def shop(new_caller: Callable[[Load], Caller]) -> Caller:
    """The shop of tests/schema/shop.py."""
    return new_caller(rows_of_shop.load)


@pytest.fixture(scope="session")
def small(new_caller: Callable[[Load], Caller]) -> Caller:
    """The catalogue of tests/schema/small.py."""
    return new_caller(load_small)


@pytest.fixture(scope="session")
def large(new_caller: Callable[[Load], Caller]) -> Caller:
    """250 products, each at 20 locations."""
    return new_caller(_load_large)


async def _load_large(session: Any) -> None:
    session.add_all([a_location(n) for n in range(1, 21)])
    session.add_all([a_product(n, regular_price=Decimal(n)) for n in range(1, 251)])
    await session.flush()
    shared = {"disabled": False, "version": 1, "updated_at": EPOCH}
    levels = [
        {"product_id": product, "location_id": location, "on_hand": product * 100 + location, **shared}
        for product in range(1, 251)
        for location in range(1, 21)
    ]
    await session.execute(insert(table_of(StockLevel)), levels)
