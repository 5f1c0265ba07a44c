"""Whoever sends is killed again and again: every product's last delivery shows it as it ended."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from gateway.webhooks.sealing import seal
from storage import inventory, webhook_endpoints
from storage.changes import AdjustQuantity
from storage.database import Database
from storage.webhook_endpoints import NewEndpoint
from tests.builders import a_change, a_group
from tests.gateway.dialects.wc_v3.conftest import MAIN, SERVER_SECRET, V1, P, S, U
from tests.gateway.webhooks.receiver import Receiver, receiving

KILLS, ITEMS = 6, (S, U, V1, P)
PATIENCE_S: Final = 60.0


@asynccontextmanager
async def sending(database_url: str, folder: Path) -> AsyncIterator[None]:
    """`stockgate serve` in a process of its own, which is killed in the end."""
    settings = {
        "STOCKGATE_DATABASE_URL": database_url,
        "STOCKGATE_SECRET_KEY": SERVER_SECRET,
        "STOCKGATE_WEBHOOK_TARGETS_ALLOWED": '["127.0.0.0/8"]',
    }
    with (folder / "server.log").open("a") as log:
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("stockgate")), "serve", "--port", "0",
            cwd=folder, env={**os.environ, **settings}, stdout=asyncio.subprocess.PIPE, stderr=log,
        )  # fmt: skip
        try:
            assert process.stdout
            async with asyncio.timeout(PATIENCE_S):
                while b"GraphQL on" not in await process.stdout.readline():
                    assert process.returncode is None, (folder / "server.log").read_text()
            yield
        finally:
            process.kill()
            await process.wait()


def _ended(receiver: Receiver, expected: dict[int, int]) -> bool:
    """Whether the last delivery of each product has the quantity that it ended with."""
    last = {row.json["id"]: row.json for row in receiver.received}
    return {id_: last[id_]["locations"][0]["quantity"] for id_ in expected if id_ in last} == expected


@pytest.mark.campaign
async def test_however_often_the_sender_is_killed_the_last_delivery_shows_how_it_ended(
    shop_database: Database, database_url: str, tmp_path: Path
) -> None:
    dice = random.Random(6)  # noqa: S311 (no secret)
    units = {S: 10, U: 0, V1: 3, P: 8}
    async with receiving() as receiver:
        new = NewEndpoint(
            "kills", receiver.url, ("product.updated", "stock.changed"), seal(SERVER_SECRET, "secret-x"),
            format="woocommerce", extra={"wc/v3": {"topic": "product.updated", "home": "https://shop.example"}},
        )  # fmt: skip
        await shop_database.transact(webhook_endpoints.create, new)
        for _ in range(KILLS):
            async with sending(database_url, tmp_path):
                for _ in range(dice.randrange(5, 25)):
                    item = dice.choice(ITEMS)
                    change = a_change(item, MAIN, quantity=AdjustQuantity(1))
                    await shop_database.transact(inventory.apply, a_group(change))
                    units[item] += 1
                    await asyncio.sleep(dice.random() * 0.1)
        async with sending(database_url, tmp_path):
            async with asyncio.timeout(PATIENCE_S):
                while not _ended(receiver, units):  # noqa: ASYNC110 (there is no event to wait for)
                    await asyncio.sleep(0.1)
    ids: dict[str, set[int]] = {}
    for row in receiver.received:
        ids.setdefault(row.headers["x-wc-webhook-delivery-id"], set()).add(row.json["id"])
    assert all(len(products) == 1 for products in ids.values()), "an id is of one delivery, also when it comes again"
    assert len(ids) >= KILLS
