"""Two shoes behind the Inventory Update API, and a till that counts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from storage.database import Database
from tests.builders import a_location, a_product

PATH = "/api/product/inventory"
BY_UPC = {"upc": "849632048260", "store": "3", "quantity": 12}
BY_TRIPLE = {"sku": "ZOOT-SUIT", "size": "34", "width": "D", "store": "3", "quantity": 44}


@dataclass(frozen=True)
class Till:
    """Pushes counts with an API key that may write, and looks at what is stored."""

    client: httpx.AsyncClient
    database: Database
    key: str

    async def push(self, body: Any, **headers: str) -> httpx.Response:
        named = {"Authorization": f"Bearer {self.key}"} | {n.replace("_", "-"): v for n, v in headers.items()}
        how: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
        return await self.client.post(PATH, headers=named, **how)

    async def refused(self, body: Any, **headers: str) -> tuple[int, str]:
        """Status and sentence of a refusal."""
        response = await self.push(body, **headers)
        assert list(response.json()) == ["error"], response.text
        return response.status_code, response.json()["error"]

    async def rows(self, what: str) -> list[Mapping[str, Any]]:
        async def read(session: Any) -> list[Mapping[str, Any]]:
            return [dict(row) for row in (await session.execute(text(f"SELECT * FROM {what}"))).mappings()]

        return await self.database.read(read)


@pytest.fixture
async def catalogue(database: Database) -> Database:
    """Store `3` has id 7; the location with id 2 has no code, nor has the closed one with id 4.

    The suit 10 has variations 17 and 18; 20 and 21 of another style have the same attributes; 30 is simple and has a
    UPC.
    """
    await database.transact(_add_shop)
    return database


async def _add_shop(session: Any) -> None:
    session.add_all([a_location(7, code="3", is_default=True), a_location(2), a_location(4, active=False)])
    session.add(a_location(5, code="2"))
    await session.flush()
    session.add_all([a_product(10, type="variable", sku="ZOOT-SUIT"), a_product(19, type="variable", sku="TWIN")])
    session.add(a_product(30, sku="MUG", gtin="00849632048260", gtin_text="849632048260"))
    await session.flush()
    for id_, parent, size in ((17, 10, "34"), (18, 10, "36"), (20, 19, "34"), (21, 19, "34")):
        attributes = [{"name": "Size", "value": size}, {"name": "Width", "value": "D"}]
        sku = f"ZOOT-SUIT-{size}-D" if parent == 10 else f"TWIN-{id_}"
        session.add(a_product(id_, type="variation", parent_id=parent, sku=sku, attributes=attributes))


@pytest.fixture
async def till(client: httpx.AsyncClient, catalogue: Database, issue_key: Any) -> Till:
    """A till whose API key may write everywhere, and nothing else."""
    return Till(client, catalogue, await issue_key("write"))
