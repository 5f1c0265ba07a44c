"""One shop per engine with a client of every transport; each test has items of its own in it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from gateway.app import create_app
from gateway.settings import Settings
from storage import access, rule_writes
from storage.access import Credential, Scope
from storage.database import Database
from storage.rule_writes import NewRule
from storage.source_rules import Mode, OwnedField
from tests.builders import a_location, a_product
from tests.conftest import ENGINES, _admin, _copy
from tests.contract.clients.client import Client
from tests.contract.clients.graphql import GraphqlClient
from tests.contract.clients.inventory_update import InventoryUpdateClient
from tests.contract.clients.mulopimfwc_v1 import MulopimfwcV1Client
from tests.contract.clients.stock_api_v2 import StockApiV2Client
from tests.contract.clients.wc_v3 import WcV3Client

MAKERS: Final[Sequence[Callable[[httpx.AsyncClient, str], Client]]] = (
    GraphqlClient,
    MulopimfwcV1Client,
    InventoryUpdateClient,
    StockApiV2Client,
    WcV3Client,
)
_IDS: Final = itertools.count(1)
_JOINED: Final = """SELECT e.product_id, e.location_id, e.delta, e.before, e.on_hand, e.version, g.id AS group_id,
    g.dialect, g.principal, g.request_id FROM ledger_entry e JOIN stock_change_group g ON g.id = e.group_id
    WHERE e.product_id BETWEEN :first AND :last ORDER BY e.sequence"""


@dataclass(frozen=True)
class Shop:
    """The application over locations 1 to 3, of which 1 is the default and 3 inactive."""

    client: httpx.AsyncClient
    database: Database

    async def clients(self, *scopes: str, **options: Any) -> list[Client]:
        """A client of every transport, with one key: `await shop.clients("read", location_ids=[1])`."""
        held = [Scope(scope) for scope in scopes]
        issued = await self.database.transact(access.issue_api_key, "till 7", held, **options)
        return [maker(self.client, issued.token) for maker in MAKERS]

    async def rule(self, mode: str, *owners: int, field: str = "stock") -> None:
        """Let only these keys write a field; without owners let everybody."""
        operator = Credential(0, "stockgate", frozenset({Scope.ADMIN}))
        if owners:
            asked = NewRule(OwnedField(field), owners, Mode(mode))
            await self.database.transact(rule_writes.set_rule, asked, operator)
        else:
            await self.database.transact(rule_writes.remove_rule, OwnedField(field), operator)

    async def owner(self) -> int:
        """The number of an API key of its own, of the name ERP."""
        return (await self.database.transact(access.issue_api_key, "ERP", [Scope.READ, Scope.WRITE])).id

    async def ask(self, query: str) -> Any:
        """What GraphQL answers somebody else."""
        issued = await self.database.transact(access.issue_api_key, "somebody else", [Scope.ADMIN])
        headers = {"X-API-Key": issued.token}
        answer = (await self.client.post("/graphql", json={"query": query}, headers=headers)).json()
        assert "errors" not in answer, answer
        return answer["data"]


@dataclass(frozen=True)
class Items:
    """A simple product, and a variable one with two variations, by SKU: that of product 17 is SKU-17, its GTIN
    00000017."""

    database: Database
    ids: Sequence[int] = field(default_factory=lambda: [next(_IDS) for _ in range(4)])

    @property
    def simple(self) -> str:
        return f"SKU-{self.ids[0]}"

    @property
    def variable(self) -> str:
        return f"SKU-{self.ids[1]}"

    @property
    def variations(self) -> list[str]:
        return [f"SKU-{id_}" for id_ in self.ids[2:]]

    async def add(self, session: Any) -> None:
        """Put them into the catalogue."""
        simple, variable, *variations = self.ids
        session.add_all([self._product(simple), self._product(variable, type="variable")])
        await session.flush()
        for id_, size in zip(variations, ("34", "36"), strict=True):
            of = {"parent_id": variable, "attributes": [{"name": "size", "value": size}], "name": f"Boot - {size}"}
            session.add(self._product(id_, type="variation", **of))

    def _product(self, id_: int, **values: Any) -> Any:
        return a_product(id_, regular_price=10, gtin=f"{id_:014}", gtin_text=f"{id_:08}", **values)

    async def entries(self) -> list[dict[str, Any]]:
        """What is in the ledger about them, with who put it there."""

        async def read(session: Any) -> list[dict[str, Any]]:
            found = await session.execute(text(_JOINED), {"first": self.ids[0], "last": self.ids[-1]})
            return [dict(row) for row in found.mappings()]

        return await self.database.read(read)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """One event loop for the shop and the tests in it."""
    return "asyncio"


@pytest.fixture(scope="session", params=ENGINES)
def shop_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the shop's database, once per engine."""
    template = request.getfixturevalue("postgres_template" if request.param == "postgresql" else "sqlite_template")
    url = asyncio.run(_copy(template, tmp_path_factory.mktemp("contract")))
    yield url
    if request.param == "postgresql":
        asyncio.run(_admin(template, f"DROP DATABASE {make_url(url).database} WITH (FORCE)", database="postgres"))


@pytest.fixture(scope="session")
async def shop(shop_url: str, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Shop]:
    """The shop, once per engine."""
    app = create_app(Settings(database_url=shop_url, webhook_log_directory=tmp_path_factory.mktemp("logs")))
    database: Database = app.state.database

    async def add(session: Any) -> None:
        session.add_all([a_location(1, is_default=True), a_location(2), a_location(3, active=False)])

    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="https://shop.test") as client,
    ):
        await database.transact(add)
        yield Shop(client, database)


@pytest.fixture
async def items(shop: Shop) -> Items:
    """The test's own items, never stocked."""
    items = Items(shop.database)
    await shop.database.transact(items.add)
    return items


@pytest.fixture
async def clients(shop: Shop) -> list[Client]:
    """A client of every transport, which may read and write."""
    return await shop.clients("read", "write")


@pytest.fixture(params=range(len(MAKERS)), ids=[maker.__name__ for maker in MAKERS])
def turn(request: pytest.FixtureRequest) -> int:
    """Which transport's turn it is."""
    index: int = request.param
    return index


@pytest.fixture
def writer(turn: int, clients: list[Client]) -> Client:
    """Each transport in turn."""
    return clients[turn]
