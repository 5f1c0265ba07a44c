"""The export of the old system comes in and goes out again."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import httpx
import orjson

from gateway.app import create_app
from gateway.settings import Settings
from storage import access, catalog, reconciliation
from storage.access import Scope
from storage.catalog_document import load
from storage.database import Database
from storage.imports import State
from tests.gateway.imports.conftest import Bring

EXPORT: Final = Path(__file__).parent / "old-system-export.csv"
SHOP: Final = {
    "locations": [
        {"id": 3, "slug": "main-store", "name": "Main Store", "is_default": True},
        {"id": 5, "slug": "airport-kiosk", "name": "Airport, Kiosk"},
        {"id": 9, "slug": "львів-склад", "name": "Львів Склад"},
    ],
    "products": [
        {"id": 12, "sku": "PROD-002", "name": 'Bolt & Nut "Pro" <1>', "regular_price": "12"},
        {"id": 177, "sku": "=LANTERN+1", "name": '=HYPERLINK("http://x")', "regular_price": "30"},
        {"id": 178, "name": "@home mat"},
        {
            "id": 200,
            "name": "Waxed Smock",
            "variations": [
                {"id": 201, "sku": "SMOCK-S", "attributes": {"Size": "S", "Colour": "Sea\ngreen"}},
                {"id": 202, "sku": "-42", "attributes": {"Size": "M", "Colour": "Sea\ngreen"}},
            ],
        },
    ],
}


async def _exported(database: Database, settings: Settings) -> bytes:
    issued = await database.transact(access.issue_api_key, "old client", [Scope.READ])
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://shop.test") as client,
    ):
        url = "/wp-json/mulopimfwc/v1/inventory/export?format=csv"
        return (await client.get(url, headers={"X-API-Key": issued.token})).content


async def test_what_the_old_system_exported_is_exported_again_byte_for_byte(
    database: Database, bring: Bring, settings: Settings
) -> None:
    await database.transact(catalog.import_catalog, load(orjson.dumps(SHOP)))
    job = await bring(EXPORT.read_bytes(), apply=True)
    assert (job.state, job.rows, job.changed, job.refused) == (State.FINISHED, 15, 12, 0)
    assert await _exported(database, settings) == EXPORT.read_bytes()
    assert await database.read(reconciliation.drifts) == []
    again = await bring(EXPORT.read_bytes())
    assert (again.to_change, again.unchanged) == (0, 15)
