"""What ends a stream from our side: a revoked key, a slow reader, a server that stops. And what other processes do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import access, inventory
from storage.changes import AdjustQuantity
from storage.database import Database
from storage.tables import Product
from tests.builders import a_change, a_group
from tests.conftest import Keys
from tests.gateway.live.live_server import Server, settled, websocket
from tests.gateway.live.test_sse import asked
from tests.gateway.live.test_stock_changed import SEQUENCES, adjust

MUTATION = """mutation {
    inventoryUpdate(input: {product: {id: 1}, location: {id: 1}, adjust: 1}) { changeGroup { entries { sequence } } }
}"""


LONG = "subscription { stockChanged { __typename sequence ... on StockChanged { change { product { name } } } } }"


async def _lengthen(session: AsyncSession) -> None:
    """Make events of product 1 larger than the buffers between server and client can hold many of."""
    await session.execute(update(Product).values(name="x" * 30_000))


class Process:
    """A `stockgate serve`, as somebody starts it."""

    def __init__(self, process: asyncio.subprocess.Process, base: str) -> None:
        self.process = process
        self.base = base
        self.address = base.removeprefix("http://")

    async def mutate(self, key: str) -> int:
        """Change something: the sequence of the change."""
        async with httpx.AsyncClient(base_url=self.base, headers={"X-API-Key": key}) as client:
            answer = (await client.post("/graphql", json={"query": MUTATION})).json()
        sequence: int = answer["data"]["inventoryUpdate"]["changeGroup"]["entries"][0]["sequence"]
        return sequence

    async def stop(self) -> float:
        """Stop it as a supervisor does: the seconds that it took."""
        started = time.monotonic()
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            await self.process.communicate()
        return time.monotonic() - started


@contextlib.asynccontextmanager
async def process(database_url: str, folder: Path, *options: str) -> AsyncIterator[Process]:
    """A server in a process of its own."""
    command = [str(Path(sys.executable).with_name("stockgate")), "serve", "--port", "0", *options]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("STOCKGATE_")}
    running = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**clean, "STOCKGATE_DATABASE_URL": database_url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert running.stdout is not None
    async with asyncio.timeout(60):
        greeting = ""
        while not (base := re.search(r"GraphQL on (http://\S+)/graphql", greeting)):
            line = await running.stdout.readline()
            assert line, "stockgate serve ended"
            greeting = line.decode()
    served = Process(running, base[1])
    try:
        yield served
    finally:
        await served.stop()


async def test_two_processes_see_each_others_commits_and_say_goodbye_when_told_to_stop(
    catalogue: Database, issue_key: Keys, database_url: str, tmp_path: Path
) -> None:
    key = await issue_key("read", "write")
    async with process(database_url, tmp_path) as one, process(database_url, tmp_path) as other:
        listening: Any = one
        async with websocket(listening, key) as client, asked(listening, key, SEQUENCES, after=0) as events:
            await client.subscribe(SEQUENCES, after=0)
            first = await other.mutate(key)
            assert await client.next() == {"stockChanged": {"sequence": first}}
            for _ in range(3):
                started = time.monotonic()
                sequence = await other.mutate(key)
                assert await client.next() == {"stockChanged": {"sequence": sequence}}
                assert time.monotonic() - started < 1
            sequence = await one.mutate(key)
            assert await client.next() == {"stockChanged": {"sequence": sequence}}

            stopping = asyncio.create_task(one.stop())
            assert await client.closed() == (1001, "The server stops. Connect again.")
            told = [await events.next() for _ in range(7)]
        assert [name for name, _ in told] == ["next"] * 6 + ["complete"]
        assert told[5][1]["errors"][0]["extensions"]["code"] == "SERVICE_UNAVAILABLE"
        assert await stopping < 4


@pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
async def test_every_worker_says_goodbye(
    catalogue: Database, issue_key: Keys, database_url: str, tmp_path: Path
) -> None:
    key = await issue_key("read")
    async with process(database_url, tmp_path, "--workers", "2") as served:
        listening: Any = served
        async with contextlib.AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(websocket(listening, key)) for _ in range(4)]
            for client in clients:
                await client.subscribe(SEQUENCES)
            stopping = asyncio.create_task(served.stop())
            assert [(await client.closed())[0] for client in clients] == [1001] * 4
        assert await stopping < 8


@pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
async def test_streams_of_a_revoked_key_end_within_five_seconds_and_no_others(
    server: Server, catalogue: Database, issue_key: Keys
) -> None:
    kept, revoked = await issue_key("read"), await issue_key("read")
    async with (
        websocket(server, kept) as stays,
        websocket(server, revoked) as goes,
        asked(server, revoked, SEQUENCES, after=0) as events,
    ):
        for client in (stays, goes):
            await client.subscribe(SEQUENCES, after=0)
        await adjust(catalogue)
        for client in (stays, goes):
            await client.next()
        await events.next()
        keys = {row.hint: row.id for row in await catalogue.read(access.list_api_keys)}
        started = time.monotonic()
        await catalogue.transact(access.revoke_api_key, keys[revoked[:10]])
        assert await goes.closed() == (4403, "This API key is no longer valid: it was revoked or has expired.")
        (name, error), (last, _) = await events.next(), await events.next()
        assert time.monotonic() - started < 5
        assert (name, error["errors"][0]["extensions"]["code"], last) == ("next", "UNAUTHENTICATED", "complete")
        async with websocket(server) as again:
            await again.send(type="connection_init", payload={"apiKey": revoked})
            assert (await again.closed())[0] == 4403
        await adjust(catalogue)
        await stays.next()


@pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
async def test_a_reader_that_does_not_read_costs_little_and_is_told_where_to_go_on(
    server: Server, catalogue: Database, issue_key: Keys
) -> None:
    app: Any = server.config.loaded_app
    key = await issue_key("read")
    await catalogue.transact(_lengthen)
    many = a_group(*[a_change(quantity=AdjustQuantity(1))] * 900)
    async with websocket(server, key, compression=None) as slow, websocket(server, key) as quick:
        await slow.subscribe(LONG)
        await quick.subscribe("subscription { stockChanged { sequence } }")
        await settled(lambda: app.state.hub.followers == 2)
        await asyncio.sleep(0.1)
        slow.connection.transport.pause_reading()
        seen = 0
        for _ in range(2):  # no more than may wait, so that the quick one keeps up
            await catalogue.transact(inventory.apply, many)
            for _ in range(900):
                seen = (await quick.next())["stockChanged"]["sequence"]
        slow.connection.transport.resume_reading()
        events = []
        while (message := await slow.receive())["type"] == "next":
            events.append(message["payload"]["data"]["stockChanged"])
        assert message["type"] == "complete"
    *told, lagged = events
    assert lagged == {"__typename": "StockChangesLagged", "sequence": told[-1]["sequence"]}
    assert 0 < told[-1]["sequence"] < seen
    sequences = [event["sequence"] for event in told]
    assert sequences == list(range(sequences[0], sequences[-1] + 1))
