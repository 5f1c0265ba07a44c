"""A small shop behind the mulopimfwc/v1 routes, and a caller of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from starlette.applications import Starlette

from gateway.settings import Settings
from storage import access
from storage.database import Database
from tests.builders import a_location, a_product

BASE = "/wp-json/mulopimfwc/v1"


@dataclass(frozen=True)
class Shop:
    """Calls the routes with an API key that may read and write, and looks at what is stored."""

    client: httpx.AsyncClient
    database: Database
    key: str

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"X-API-Key": self.key, **options.pop("headers", {})}
        return await self.client.request(method, BASE + path, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> Any:
        response = await self.call("GET", path, **options)
        assert response.status_code == 200, response.text
        return response.json()

    async def update(self, item: Any, **headers: str) -> httpx.Response:
        return await self.call("POST", "/inventory/update", json=item, headers=_named(headers))

    async def bulk_sync(self, items: Any, **headers: str) -> httpx.Response:
        return await self.call("POST", "/inventory/bulk-sync", json={"items": items}, headers=_named(headers))

    async def level(self, product_id: int, location_id: int) -> Mapping[str, Any] | None:
        """The stored level; None where nothing was ever stocked."""
        rows = await self.rows(f"stock_level WHERE product_id = {product_id} AND location_id = {location_id}")
        return rows[0] if rows else None

    async def on_hand(self, product_id: int, location_id: int) -> int | None:
        level = await self.level(product_id, location_id)
        return level and level["on_hand"]

    async def ledger(self) -> list[Mapping[str, Any]]:
        return await self.rows("ledger_entry ORDER BY sequence")

    async def rows(self, what: str) -> list[Mapping[str, Any]]:
        async def read(session: Any) -> list[Mapping[str, Any]]:
            return [dict(row) for row in (await session.execute(text(f"SELECT * FROM {what}"))).mappings()]

        return await self.database.read(read)


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
async def catalogue(database: Database) -> Database:
    """Three locations and one that is closed; products in every state.

    Of the products 12, 456 and 40 are simple and have regular prices of 10.00, 30.00 and 10.00; 20 is variable with
    variations 21 and 22; 30 has no SKU; 40 takes back-orders; 50 is a draft, 51 private, 52 in the trash; 60 is
    external.
    """
    await database.transact(_add_shop)
    return database


async def _add_shop(session: Any) -> None:
    session.add_all(
        [
            a_location(5, slug="main-store", name="Main Store", is_default=True,
                       description="Our primary retail location"),
            a_location(3, slug="kyiv-central", name="Kyiv Central"),
            a_location(7, slug="львів-склад", name="Львів Склад", description="Західний склад"),
            a_location(9, slug="closed-kiosk", name="Closed Kiosk", active=False),
        ]
    )  # fmt: skip
    await session.flush()
    ten = Decimal(10)
    session.add_all(
        [
            a_product(12, sku="PROD-002", name='Bolt & Nut "Pro" <1>', regular_price=ten),
            a_product(456, sku="PROD-001", name="Mug", regular_price=Decimal(30)),
            a_product(20, sku="BOOT-01", name="Boot", type="variable"),
            a_product(30, sku=None, name="No SKU item"),
            a_product(40, sku="BACK-1", name="Backordered", backorders="yes", regular_price=ten),
            a_product(50, sku="DRAFT-1", status="draft"),
            a_product(51, sku="PRIVATE-1", status="private"),
            a_product(52, sku="TRASH-1", status="trash"),
            a_product(60, sku="12345", name="External", type="external"),
        ]
    )
    await session.flush()
    for id_, size in ((21, "40"), (22, "41")):
        session.add(a_product(id_, sku=f"BOOT-01-{size}", name=f"Boot - {size}, N", type="variation", parent_id=20))


@pytest.fixture
def changed_settings() -> dict[str, Any]:
    """What a test sets differently: parametrize it."""
    return {}


@pytest.fixture
def settings(database_url: str, tmp_path: Path, changed_settings: dict[str, Any]) -> Settings:
    """Settings of the application under test."""
    return Settings(database_url=database_url, webhook_log_directory=tmp_path / "logs", **changed_settings)


@pytest.fixture
async def shop(client: httpx.AsyncClient, catalogue: Database, issue_key: Any) -> Shop:
    """The shop, and a caller with an API key that may read and write."""
    return Shop(client, catalogue, await issue_key("read", "write"))


@pytest.fixture
async def webhook_secret(app: Starlette, catalogue: Database) -> str:
    """A secret that opens the webhook route."""
    return (await catalogue.transact(access.issue_webhook_secret, "till")).token
