"""The shop of the conformance checklist: products S, U, V with V1 and V2, P with P1."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

import httpx
import pytest
from starlette.applications import Starlette

from gateway.app import create_app
from gateway.settings import Settings
from storage import access, consumer_pairs, inventory
from storage.access import Scope
from storage.changes import SetQuantity
from storage.database import Database
from storage.key_settings import KeySettings
from tests import conforming
from tests.builders import a_change, a_group, a_location, a_product

API: Final = "/wp-json/wc/v3"
S, U, V, V1, V2, P, P1 = 11, 12, 13, 14, 15, 16, 17
MAIN, OTHER = 1, 2
SERVER_SECRET: Final = "server-secret-of-the-tests-" + "0" * 32
Pairs = Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Shop:
    """Calls the routes as one caller, over https unless told otherwise, and looks at what is stored."""

    client: httpx.AsyncClient
    database: Database
    auth: Any = None

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """`path` below wc/v3, or whole if it begins with /wp-json."""
        url = path if path.startswith(("/wp-json", "/?", "/index.php", "http")) else API + path
        return await self.client.request(method, url, **{"auth": self.auth, **options})

    async def get(self, path: str, **query: Any) -> Any:
        """The body of a 200."""
        response = await self.call("GET", path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    async def put(self, path: str, **body: Any) -> Any:
        """The body of a 200."""
        response = await self.call("PUT", path, json=body)
        assert response.status_code == 200, response.text
        return response.json()

    def as_(self, auth: Any) -> Shop:
        """The same, for another caller; None is nobody."""
        return replace(self, auth=auth)


async def _fill(session: Any) -> None:
    session.add_all([a_location(MAIN, is_default=True), a_location(OTHER), a_location(3, active=False)])
    await session.flush()
    unmanaged = {"manage_stock": False}
    session.add_all(
        [
            a_product(S, sku="S-1", regular_price=Decimal(12)),
            a_product(U, sku="U-1", **unmanaged),
            a_product(V, sku="V-1", type="variable", **unmanaged),
            a_product(P, sku="P-1", type="variable"),
        ]
    )
    await session.flush()
    red, blue = ([{"name": "Colour", "value": value}] for value in ("Red", "Blue"))
    session.add_all(
        [
            a_product(V1, sku="V-1-R", type="variation", parent_id=V, attributes=red, name=f"Product {V} - Red"),
            a_product(V2, sku=None, type="variation", parent_id=V, attributes=blue, name="Blue", **unmanaged),
            a_product(P1, sku="P-1-R", type="variation", parent_id=P, attributes=red, name="Red", **unmanaged),
        ]
    )


@pytest.fixture
async def shop_database(database: Database) -> Database:
    """The database with the checklist's products: S has 10 units, V1 3, P 8, all at the default location."""
    await database.transact(_fill)
    counted = [a_change(item, MAIN, quantity=SetQuantity(units)) for item, units in ((S, 10), (V1, 3), (P, 8))]
    await database.transact(inventory.apply, a_group(*counted))
    return database


@pytest.fixture
def changed_settings() -> dict[str, Any]:
    """What a test sets differently: parametrize it."""
    return {}


@pytest.fixture
def settings(database_url: str, changed_settings: dict[str, Any]) -> Settings:
    """Settings of the application under test."""
    return Settings(database_url=database_url, secret_key=SERVER_SECRET, **changed_settings)


@pytest.fixture
async def shop_app(settings: Settings, shop_database: Database) -> AsyncIterator[Starlette]:
    """The application over the checklist's shop, started."""
    assert shop_database
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def shop(shop_app: Starlette, shop_database: Database) -> AsyncIterator[Shop]:
    """A caller who may read and write (RW)."""
    issued = await shop_database.transact(access.issue_api_key, "RW", [Scope.READ, Scope.WRITE])
    transport = httpx.ASGITransport(app=shop_app, raise_app_exceptions=False)
    hooks = {"response": [conforming.check]}
    async with httpx.AsyncClient(transport=transport, base_url="https://shop.example", event_hooks=hooks) as client:
        yield Shop(client, shop_database, ("manager", issued.token))


@pytest.fixture
async def pairs(shop_database: Database) -> Pairs:
    """The checklist's consumer keys with their secrets: RW, RO, WO, and LU, which is for no location.

    As the `auth` of a request they are Basic; `OAuth(*pairs["RW"])` of signing.py signs.
    """
    read_write = (Scope.READ, Scope.WRITE)
    asked = [
        KeySettings("RW", read_write),
        KeySettings("RO", (Scope.READ,)),
        KeySettings("WO", (Scope.WRITE,)),
        KeySettings("LU", read_write, location_ids=()),
    ]
    issued = {}
    for each in asked:
        pair = await shop_database.transact(consumer_pairs.issue, each, SERVER_SECRET)
        issued[each.name] = (pair.consumer_key, pair.consumer_secret)
    return issued
