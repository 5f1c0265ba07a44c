"""Two systems that push what they hold whenever they see something else: without a rule they overwrite each other for
ever, with one they agree after one round.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
import pytest

from storage import access, rule_writes
from storage.access import Credential, Scope
from storage.database import Database
from storage.rule_writes import NewRule
from storage.source_rules import Mode, OwnedField
from storage.tables import LedgerEntry
from tests.gateway.live.live_server import Server
from tests.storage.reading import ledger_sums, on_hand, rows

pytestmark = pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)  # what is said over HTTP

ROUNDS = 5
OPERATOR = Credential(0, "stockgate", frozenset({Scope.ADMIN}))


class Wire(Protocol):
    """How a system talks to the gateway."""

    async def read(self) -> int | None:
        """What is in stock, as the gateway says."""

    async def push(self, units: int) -> tuple[bool, int | None]:
        """Whether a quantity was accepted, and what the answer says that there is."""


@dataclass
class Till:
    """A point of sale that speaks mulopimfwc/v1."""

    client: httpx.AsyncClient
    token: str

    async def read(self) -> int | None:
        query = {"sku": "SKU-1", "location_slug": "location-1"}
        answer = await self.client.get("/wp-json/mulopimfwc/v1/inventory/export", params=query, headers=self._headers)
        stocks = [row["stock"] for row in answer.json()["data"] if row["stock"]]
        return int(stocks[0]) if stocks else None

    async def push(self, units: int) -> tuple[bool, int | None]:
        item = {"sku": "SKU-1", "location_slug": "location-1", "stock": units}
        answer = await self.client.post("/wp-json/mulopimfwc/v1/inventory/update", json=item, headers=self._headers)
        return answer.is_success, units if answer.is_success and "ignored" not in answer.json()["data"] else None

    @property
    def _headers(self) -> dict[str, str]:
        return {"X-API-Key": self.token}


@dataclass
class WebShop:
    """A shop that speaks wc/v3."""

    client: httpx.AsyncClient
    token: str

    async def read(self) -> int | None:
        answer = await self.client.get("/wp-json/wc/v3/products/1", auth=("shop", self.token))
        units: int = answer.json()["stock_quantity"]
        return units

    async def push(self, units: int) -> tuple[bool, int | None]:
        body = {"manage_stock": True, "stock_quantity": units, "stock_status": "instock"}
        answer = await self.client.put("/wp-json/wc/v3/products/1", json=body, auth=("shop", self.token))
        return answer.is_success, answer.json().get("stock_quantity")


@dataclass
class System:
    """One that holds a number for true, and pushes it whenever it sees another; from what is refused, and from an
    answer that says otherwise, it learns."""

    wire: Wire
    holds: int
    pushed: list[int] = field(default_factory=list)

    async def sync(self) -> bool:
        """Whether it had to push."""
        if await self.wire.read() == self.holds:
            return False
        self.pushed.append(self.holds)
        accepted, told = await self.wire.push(self.holds)
        if not accepted or told != self.holds:
            self.holds = await self.wire.read() or 0
        return True


@pytest.fixture
async def systems(server: Server, catalogue: Database) -> Any:
    """A till (API key 1) that holds 12 for true, and a shop (API key 2) that holds 10."""
    issued = [
        (await catalogue.transact(access.issue_api_key, name, [Scope.READ, Scope.WRITE])).token
        for name in ("Till", "Shop")
    ]
    async with httpx.AsyncClient(base_url=f"http://{server.address}") as client:
        yield System(Till(client, issued[0]), 12), System(WebShop(client, issued[1]), 10)


async def history(database: Database) -> list[int]:
    """What there was after each entry of the ledger, which explains what there is."""
    assert await ledger_sums(database) == {level: units or 0 for level, units in (await on_hand(database)).items()}
    return [entry["on_hand"] for entry in await rows(database, LedgerEntry)]


async def test_two_systems_that_echo_each_other_overwrite_one_another_until_a_rule_says_whose_the_stock_is(
    systems: tuple[System, System], catalogue: Database
) -> None:
    till, shop = systems
    for _ in range(ROUNDS):
        assert [await till.sync(), await shop.sync()] == [True, True]
    assert await history(catalogue) == [12, 10] * ROUNDS, "it goes on for as long as it is let"

    # the rule: one round, and both hold the same
    for number, mode in enumerate(Mode, start=1):
        await catalogue.transact(rule_writes.set_rule, NewRule(OwnedField.STOCK, (1,), mode), OPERATOR)
        if mode is Mode.REJECT:
            assert [await till.sync(), await shop.sync()] == [True, True]
        else:  # the shop, told another number, tries again
            shop.holds = 10
            assert [await till.sync(), await shop.sync()] == [False, True]
        assert (till.holds, shop.holds) == (12, 12)
        for _ in range(2):
            assert [await till.sync(), await shop.sync()] == [False, False]
        assert await history(catalogue) == [*[12, 10] * ROUNDS, 12], number
    assert await on_hand(catalogue) == {(1, 1): 12}

    # the owner's own changes reach the shop, which does not answer them
    till.holds = 7
    assert [await till.sync(), await shop.sync(), await till.sync()] == [True, True, False]
    assert (till.holds, shop.holds, (await history(catalogue))[-2:]) == (7, 7, [12, 7])
