"""What every transport must agree on. Each test runs for each client in CLIENTS, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import text, update

from storage.database import Database
from storage.errors import ErrorCode
from storage.tables import Product
from storage.upsert import table_of
from tests.contract.clients.client import Client
from tests.contract.clients.graphql import GraphqlClient
from tests.contract.clients.inventory_update import InventoryUpdateClient, upc_of
from tests.contract.clients.mulopimfwc_v1 import MulopimfwcV1Client

CLIENTS: tuple[Callable[[httpx.AsyncClient, str], Client], ...] = (
    MulopimfwcV1Client,
    GraphqlClient,
    InventoryUpdateClient,
)
HERE = "location-1"


@pytest.fixture
async def catalogue(catalogue: Database) -> Database:
    """The small catalogue, and each product has a UPC."""

    async def give(session: Any) -> None:
        products = table_of(Product)
        for id_ in range(1, 6):
            upc = upc_of(f"SKU-{id_}")
            await session.execute(
                update(products).where(products.c.id == id_).values(gtin=upc.zfill(14), gtin_text=upc)
            )

    await catalogue.transact(give)
    return catalogue


@pytest.fixture
async def clients(client: httpx.AsyncClient, issue_key: Any) -> list[Client]:
    """A client of every transport, over the same catalogue."""
    key = await issue_key("read", "write")
    return [make(client, key) for make in CLIENTS]


@pytest.fixture(params=range(len(CLIENTS)), ids=[make.__name__ for make in CLIENTS])
def writer(request: pytest.FixtureRequest, clients: list[Client]) -> Client:
    """Each transport in turn."""
    return clients[request.param]


async def entries(database: Database) -> list[dict[str, Any]]:
    async def read(session: Any) -> list[dict[str, Any]]:
        joined = (
            "SELECT e.delta, e.before, e.on_hand, e.version, g.dialect FROM ledger_entry e "
            "JOIN stock_change_group g ON g.id = e.group_id ORDER BY e.sequence"
        )
        return [dict(row) for row in (await session.execute(text(joined))).mappings()]

    return await database.read(read)


async def test_what_goes_in_by_one_transport_is_read_back_by_every_other(writer: Client, clients: list[Client]) -> None:
    await writer.set_quantity("SKU-1", HERE, 12)
    assert writer.last_error_code is None
    assert [await reader.quantity_of("sku-1", HERE) for reader in clients] == [12] * len(clients)
    assert await writer.quantity_of("SKU-2", HERE) is None


async def test_a_change_leaves_one_ledger_entry_and_a_repetition_none(writer: Client, catalogue: Database) -> None:
    await writer.set_quantity("SKU-1", HERE, 12)
    await writer.adjust_quantity("SKU-1", HERE, -5)
    await writer.set_quantity("SKU-1", HERE, 7)
    assert await entries(catalogue) == [
        {"delta": 12, "before": None, "on_hand": 12, "version": 1, "dialect": writer.name},
        {"delta": -5, "before": 12, "on_hand": 7, "version": 2, "dialect": writer.name},
    ]


REFUSED = [
    ("NOPE", HERE, 1, ErrorCode.ITEM_NOT_FOUND),
    ("SKU-3", HERE, 1, ErrorCode.ITEM_HAS_VARIATIONS),
    ("SKU-1", "nowhere", 1, ErrorCode.LOCATION_NOT_FOUND),
    ("SKU-1", "location-3", 1, ErrorCode.LOCATION_INACTIVE),
    ("SKU-1", HERE, -1, ErrorCode.INSUFFICIENT_STOCK),
    ("SKU-1", HERE, 1_000_000_001, ErrorCode.INVALID_QUANTITY),
]


async def test_a_refusal_has_the_same_code_everywhere_and_writes_nothing(writer: Client, catalogue: Database) -> None:
    for sku, location, quantity, code in REFUSED:
        await writer.set_quantity(sku, location, quantity)
        assert writer.last_error_code is code
    assert await entries(catalogue) == []
