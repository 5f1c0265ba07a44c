"""The receiver of the README takes what is sent, once, and nothing that is not signed."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.settings import Settings
from gateway.webhooks.registration import Registration
from storage import inventory, webhook_deliveries, webhook_endpoints
from storage.changes import SetQuantity
from storage.database import Database
from storage.webhook_endpoints import Endpoint, NewEndpoint
from tests.builders import a_change, a_group

README = Path(__file__).parents[3] / "README.md"


async def taken(database: Database, endpoint: Endpoint, count: int) -> list[dict[str, Any]]:
    """The deliveries, as soon as so many were taken and none waits."""
    for _ in range(400):
        found = await database.read(webhook_deliveries.newest, endpoint.id)
        if len(found) == count and {row["status"] for row in found} == {"delivered"}:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(found)


@pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
async def test_the_readmes_receiver_takes_each_event_once(
    catalogue: Database, settings: Settings, tmp_path: Path
) -> None:
    from gateway.app import create_app

    (snippet,) = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = settings.model_copy(update={"webhook_targets_allowed": ["127.0.0.1"]})
    secret, sealed = Registration(settings).new_secret()
    url = f"http://127.0.0.1:{port}/stock"
    endpoint = await catalogue.transact(webhook_endpoints.create, NewEndpoint("ERP", url, ("stock.changed",), sealed))
    receiver = await asyncio.create_subprocess_exec(
        sys.executable, "-c", snippet, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "WEBHOOK_SECRET": secret, "PORT": str(port)},
    )  # fmt: skip
    try:
        async with httpx.AsyncClient() as client, asyncio.timeout(20):
            while True:
                try:
                    unsigned = await client.post(url, json={"type": "stock.changed"})
                    break
                except httpx.ConnectError:
                    await asyncio.sleep(0.05)
            assert unsigned.status_code == 401
            app = create_app(settings)
            async with app.router.lifespan_context(app):

                async def told(units: int) -> list[str]:
                    change = a_change("SKU-1", "location-2", quantity=SetQuantity(units))
                    await catalogue.transact(inventory.apply, a_group(change))
                    assert receiver.stdout
                    return (await receiver.stdout.readline()).decode().split()

                assert await told(5) == ["SKU-1", "location-2", "5"]
                (first,) = await taken(catalogue, endpoint, 1)
                await catalogue.transact(webhook_deliveries.redeliver, first["id"], now=datetime.now(UTC))
                (again,) = await taken(catalogue, endpoint, 1)
                assert (again["event_id"], again["updated_at"] > first["updated_at"]) == ("evt_1", True)
                assert await told(3) == ["SKU-1", "location-2", "3"]
    finally:
        receiver.terminate()
        await receiver.wait()
