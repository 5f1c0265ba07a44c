"""The three products of the published examples, and a client of the Stock API."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import text, update

from storage import inventory
from storage.changes import SetQuantity
from storage.database import Database
from storage.tables import Location
from storage.upsert import table_of
from tests.builders import a_change, a_group, a_location, a_product

API: Final = "/api/v2/inventory"
PHONE, SHIRT, FRIDGE, BOOT, BOOT_40, BOOT_41, ODD = 10001, 10002, 10003, 20, 21, 22, 30
CENTRAL, SUPPLIER = 1, 2


@dataclass(frozen=True)
class Shop:
    """Calls the routes with an API key that may read and write, and looks at what is stored."""

    client: httpx.AsyncClient
    database: Database
    key: str

    def as_(self, key: str) -> Shop:
        """The same with another key."""
        return replace(self, key=key)

    async def call(self, method: str, product: int | str, **options: Any) -> httpx.Response:
        """`product` is an id, or type and identifier as the path has them."""
        path = f"id/{product}" if isinstance(product, int) else product
        headers = {"Authorization": basic("erp", self.key)} | options.pop("headers", {})
        return await self.client.request(method, f"{API}/{path}", headers=headers, **options)

    async def get(self, product: int | str) -> Any:
        """The body of a 200."""
        response = await self.call("GET", product)
        assert response.status_code == 200, response.text
        return response.json()

    async def patch(self, product: int | str, **body: Any) -> Any:
        """The body of a 200."""
        response = await self.call("PATCH", product, json=body)
        assert response.status_code == 200, response.text
        return response.json()

    async def refused(self, product: int | str, body: Any, **headers: str) -> tuple[int, str, str | None]:
        """Status, code and field of a refusal."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        how: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
        response = await self.call("PATCH", product, headers=named, **how)
        error = response.json()["error"]
        assert error["message"], response.text
        return response.status_code, error["code"], error.get("field")

    async def open_second_warehouse(self) -> None:
        """From here on there are several locations."""
        await self.database.transact(_activate, SUPPLIER, active=True)

    async def rows(self, what: str) -> list[Mapping[str, Any]]:
        async def read(session: Any) -> list[Mapping[str, Any]]:
            return [dict(row) for row in (await session.execute(text(f"SELECT * FROM {what}"))).mappings()]

        return await self.database.read(read)


def basic(user: str, key: str) -> str:
    """The header of Basic."""
    return "Basic " + base64.b64encode(f"{user}:{key}".encode()).decode()


def sku(text: str) -> str:
    """A SKU as the path has it."""
    return "sku/" + quote(text, safe="")


@pytest.fixture
async def catalogue(database: Database) -> Database:
    """The published products as they are in the published GETs, at one location; the second one is not open yet.

    The boot 20 tracks its stock for its variation 22, while 21 has its own. Product 30 has a SKU for URLs to fail over.
    """
    await database.transact(_add_shop)
    await database.transact(inventory.apply, a_group(*(a_change(*where, quantity=SetQuantity(n)) for *where, n in (
        (PHONE, CENTRAL, 10), (FRIDGE, CENTRAL, 5), (FRIDGE, SUPPLIER, 15), (ODD, CENTRAL, 1),
    ))))  # fmt: skip
    await database.transact(_activate, SUPPLIER, active=False)
    return database


async def _add_shop(session: Any) -> None:
    session.add_all(
        [
            a_location(CENTRAL, name="Depozit central", is_default=True),
            a_location(SUPPLIER, name="Depozit furnizor (Nod)"),
            a_location(3, name="Closed", active=False),
        ]
    )
    await session.flush()
    price = {"regular_price": Decimal(1700)}
    phone = {"sku": "WMY71443LB2", "gtin": "08690842009112", "gtin_text": "8690842009112"}
    fridge = {"sku": None, "gtin": "07332543402632", "gtin_text": "7332543402632"}
    session.add_all(
        [
            a_product(PHONE, **phone, **price),
            a_product(SHIRT, sku="TShirt.Blk.XL", manage_stock=False, regular_price=Decimal(90)),
            a_product(FRIDGE, **fridge, regular_price=Decimal(900)),
            a_product(BOOT, sku="BOOT", type="variable", tax_rate=Decimal(7)),
            a_product(ODD, sku="A/B 100%", regular_price=Decimal("1.5"), backorders="yes"),
            a_product(31, sku="%2F..", regular_price=None),
            a_product(32, sku="GONE", status="trash"),
        ]
    )
    await session.flush()
    variation = {"type": "variation", "parent_id": BOOT, "regular_price": Decimal(107)}
    session.add(a_product(BOOT_40, **variation))
    session.add(a_product(BOOT_41, manage_stock=False, tax_rate=Decimal(25), **variation))


async def _activate(session: Any, id_: int, *, active: bool) -> None:
    locations = table_of(Location)
    await session.execute(update(locations).where(locations.c.id == id_).values(active=active))


@pytest.fixture
async def shop(client: httpx.AsyncClient, catalogue: Database, issue_key: Any) -> Shop:
    """The shop, and a caller with an API key that may read and write."""
    return Shop(client, catalogue, await issue_key("read", "write"))
