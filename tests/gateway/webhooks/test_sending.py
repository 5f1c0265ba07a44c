"""The application sends what is written through it, and none of its processes has to if others do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from storage.database import Database
from tests.conftest import Keys
from tests.gateway.webhooks.receiver import receiving
from tests.gateway.webhooks.sending import SECRET, SERVER_SECRET, register, until


@pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
async def test_the_application_sends_what_is_written_through_it_unless_it_is_told_not_to(
    serve: Any, catalogue: Database, issue_key: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.webhooks.dispatcher._SELDOM_S", 0.1)
    headers = {"X-API-Key": await issue_key("write")}
    async with receiving() as receiver:
        await register(catalogue, receiver.url)
        settings = {"secret_key": SecretStr(SERVER_SECRET), "webhook_targets_allowed": [f"127.0.0.1:{receiver.port}"]}
        write = {"product_id": 1, "location_slug": "location-1", "stock": 7}
        async with serve(**settings, webhooks_sent=False) as client:
            assert (
                await client.post("/wp-json/mulopimfwc/v1/inventory/update", json=write, headers=headers)
            ).is_success
            await asyncio.sleep(0.3)
            assert receiver.connections == 0
        async with serve(**settings) as client:
            write["stock"] = 8
            assert (
                await client.post("/wp-json/mulopimfwc/v1/inventory/update", json=write, headers=headers)
            ).is_success
            await until(lambda: len(receiver.accepted) == 2)
    told = [Webhook(SECRET).verify(request.body, dict(request.headers)) for request in receiver.accepted]
    assert [event["data"]["after"]["onHand"] for event in told] == [7, 8]
    assert {event["data"]["group"]["dialect"] for event in told} == {"mulopimfwc/v1"}
