"""A database that all tests of mutations share: every test has an item of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.builders import a_location
from tests.schema.caller import Caller
from tests.schema.mutations.stock import add


@pytest.fixture(scope="session")
def stock(new_caller: Callable[..., Caller]) -> Caller:
    """Three locations, the third inactive."""

    async def load(session: Any) -> None:
        session.add_all([a_location(1), a_location(2), a_location(3, active=False)])

    return new_caller(load)


@pytest.fixture
def item(stock: Caller) -> int:
    """A new product of 10.00 that was never stocked: every test has its own."""
    return add(stock)
