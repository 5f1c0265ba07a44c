"""Reads from a real streaming replica that is behind: nobody misses what they wrote, others may be answered there."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from gateway.app import create_app
from gateway.settings import Settings
from storage import access, migrations
from storage.access import Scope
from storage.database import Database
from tests.conftest import _add_catalogue
from tests.replicating import Replica, primary_and_replica

TOKEN = "X-Stockgate-Consistency-Token"
REST = "/wp-json/mulopimfwc/v1"


@dataclass
class Shop:
    """A primary with a catalogue, its replica, and keys."""

    url: str
    replica: Replica
    keys: list[str]


@dataclass
class Gateway:
    client: httpx.AsyncClient
    database: Database

    @property
    def counts(self) -> Counter[str]:
        """Where reads were answered."""
        assert self.database.replicas is not None
        return Counter(self.database.replicas.counts)

    async def write(self, key: str, on_hand: int, *, rest: bool = False) -> httpx.Response:
        if rest:
            body: dict[str, Any] = {"product_id": 1, "location_id": 1, "stock": on_hand}
            answer = await self.client.post(f"{REST}/inventory/update", json=body, headers={"X-API-Key": key})
        else:
            query = """mutation($n: Int!) { inventoryUpdate(input: {product: {id: 1}, location: {id: 1}, onHand: $n}) {
                userErrors { code } stockLevel { onHand } } }"""
            body = {"query": query, "variables": {"n": on_hand}}
            answer = await self.client.post("/graphql", json=body, headers={"X-API-Key": key})
            assert "data" in answer.json(), answer.text
            assert answer.json()["data"]["inventoryUpdate"]["stockLevel"] == {"onHand": on_hand}
        assert answer.status_code == 200, answer.text
        return answer

    async def read(self, key: str, *, rest: bool = False, token: str = "") -> int:
        headers = {"X-API-Key": key} | ({TOKEN: token} if token else {})
        if rest:
            answer = await self.client.get(f"{REST}/inventory/export?location_id=1", headers=headers)
            return int(next(row["stock"] for row in answer.json()["data"] if row["product_id"] == 1))
        query = "{ product(id: 1) { stockLevels { onHand } } }"
        answer = await self.client.post("/graphql", json={"query": query}, headers=headers)
        return int(answer.json()["data"]["product"]["stockLevels"][0]["onHand"])


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with primary_and_replica() as (url, replica):

        async def fill() -> list[str]:
            database = Database(url)
            await migrations.upgrade(database)
            await database.transact(_add_catalogue)
            scopes = [Scope.READ, Scope.WRITE]
            issued = [await database.transact(access.issue_api_key, "till", scopes) for _ in range(4)]
            await database.close()
            return [key.token for key in issued]

        keys = asyncio.run(fill())
        replica.copy_primary()
        yield Shop(url, replica, keys)


@asynccontextmanager
async def gateways(shop: Shop, number: int = 1, **settings: Any) -> AsyncIterator[list[Gateway]]:
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(number):
            app = create_app(
                Settings(database_url=shop.url, read_database_urls=[shop.replica.url], cost_per_minute=0, **settings)
            )
            await stack.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app=app)
            client = httpx.AsyncClient(transport=transport, base_url="http://shop.test")
            opened.append(Gateway(await stack.enter_async_context(client), app.state.database))
        yield opened


async def until_used(gateway: Gateway, key: str) -> None:
    """Until a read of that key is answered by the replica."""
    async with asyncio.timeout(20):
        before = gateway.counts["replica"]
        while gateway.counts["replica"] == before:
            await gateway.read(key)
            await asyncio.sleep(0.02)


async def test_a_key_reads_what_it_wrote_and_others_read_what_the_replica_has(shop: Shop) -> None:
    shop.replica.start(behind="500ms")
    writer, other, *_ = shop.keys
    try:
        async with gateways(shop, 2) as (here, there):
            await here.write(writer, 1)
            await asyncio.gather(until_used(here, other), until_used(there, other))
            started = here.counts
            for number in range(2, 14):
                answer = await here.write(writer, number, rest=number % 2 == 0)
                assert await here.read(writer, rest=number % 3 == 0) == number
                # Any gateway and any key, with the token; another replica of the truth without
                assert await there.read(other, token=answer.headers[TOKEN], rest=number % 3 == 0) == number
                assert await here.read(other) <= number
            used = here.counts - started
            assert used["replica"] >= 12
            assert used["primary"] >= 12
            assert await there.read(other, token="what") == number
            await until_used(here, writer)  # it has come so far by now
            assert await here.read(writer) == number
            async with asyncio.timeout(5):
                while await there.read(writer) != number:  # noqa: ASYNC110 (of another process)
                    await asyncio.sleep(0.02)
            assert TOKEN not in (await here.client.get("/healthz")).headers
    finally:
        shop.replica.stop()


async def test_a_replica_that_is_dead_or_too_far_behind_is_not_asked_until_it_is_well(shop: Shop) -> None:
    shop.replica.start(behind="0")
    writer, other, *_ = shop.keys
    async with gateways(shop, read_lag_seconds_max=0.6) as (gateway,):
        await gateway.write(writer, 100)
        await until_used(gateway, other)
        shop.replica.stop()
        started = gateway.counts
        assert {await gateway.read(other, rest=bool(n % 2)) for n in range(40)} == {100}
        assert (gateway.counts - started)["primary"] >= 38  # a read or two may have found out
        await gateway.write(writer, 101)
        assert await gateway.read(other) == 101
        shop.replica.start(behind="2s")
        try:
            await gateway.write(writer, 102)
            await asyncio.sleep(1)
            started = gateway.counts
            assert await gateway.read(other) == 102
            assert gateway.counts - started == Counter(primary=1)
        finally:
            shop.replica.stop()
        shop.replica.start(behind="0")
        try:
            await until_used(gateway, other)
            assert await gateway.read(other) == 102
        finally:
            shop.replica.stop()


@pytest.mark.campaign
async def test_ten_thousand_pairs_of_a_write_and_a_read_with_a_replica_two_seconds_behind(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """`scripts/test --campaign -k ten_thousand_pairs` prints what it counted."""
    shop.replica.start(behind="2s")
    writer, other, bystander, *_ = shop.keys
    choice, done, missed = random.Random(7), Counter[str](), 0  # noqa: S311 (no secret)
    try:
        async with gateways(shop, 2) as opened:
            await opened[0].write(writer, 999)
            await asyncio.sleep(3)  # until the replica has it
            await asyncio.gather(*(until_used(gateway, bystander) for gateway in opened))
            started = [gateway.counts for gateway in opened]
            for number in range(1_000, 11_000):
                here, there = choice.sample(opened, 2)
                rest = choice.random() < 0.3
                answer = await here.write(writer, number, rest=rest)
                if choice.random() < 0.5:
                    done["of the same key, at the same gateway"] += 1
                    missed += await here.read(writer, rest=rest) != number
                else:
                    done["of another key, at another gateway, with the token"] += 1
                    missed += await there.read(other, rest=rest, token=answer.headers[TOKEN]) != number
                if number % 4 == 0:
                    done["of a bystander"] += 1
                    done["of a bystander, of old data"] += await here.read(bystander) != number
            used = sum((gateway.counts - before for gateway, before in zip(opened, started, strict=True)), Counter())
    finally:
        shop.replica.stop()
    with capsys.disabled():
        print(f"\n10,000 writes, each read at once; {missed} reads missed theirs. Reads: {dict(done)}; by {dict(used)}")
    assert missed == 0
    assert used["replica"] > 2_000
    assert done["of a bystander, of old data"] > 2_000
