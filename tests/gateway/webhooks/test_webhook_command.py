"""`stockgate webhook`: endpoints from their creation to their end, and errors that name the option and the fix."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from storage import inventory
from storage.changes import AdjustQuantity
from storage.database import Database
from storage.tables import WebhookDelivery
from tests.builders import a_change, a_group
from tests.gateway.test_cli import Everywhere, everywhere, stockgate
from tests.gateway.webhooks.receiver import receiving, status
from tests.storage.test_webhook_endpoints import prune_up_to

__all__ = ["everywhere", "stockgate"]  # fixtures
pytestmark = pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)  # tests/storage has both engines

URL = "https://93.184.215.14/hook"


async def add_deliveries(session: AsyncSession) -> None:
    """One that was delivered and one that was given up, of endpoint 1."""
    now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    common = {"endpoint_id": 1, "topic": "stock.changed", "created_at": now, "updated_at": now}
    delivered = {"event_id": "evt_1", "sequence": 1, "status": "delivered", "response_status": 204}
    failed = {"event_id": "evt_2", "sequence": 2, "status": "failed", "attempts": 12, "error": "HTTP 500: [oops]"}
    session.add_all([WebhookDelivery(**common, **delivered), WebhookDelivery(**common, **failed)])


async def test_an_endpoint_is_managed_from_a_terminal(everywhere: Everywhere, catalogue: Database) -> None:
    assert "There is no webhook endpoint." in (await everywhere("webhook", "list")).out
    narrow = ("--topic", "stock.*", "--location", "location-2", "--sku", "sku-3", "--name", "ERP")
    made = await everywhere("webhook", "create", URL, *narrow, "--json")
    told = json.loads(made.out)
    assert (made.code, told["id"], told["secret"][:6]) == (0, 1, "whsec_")
    for _ in range(3):
        await catalogue.transact(inventory.apply, a_group(a_change(quantity=AdjustQuantity(1))))
    await catalogue.transact(add_deliveries)

    line = (await everywhere("webhook", "list")).out.splitlines()[1].split()
    assert line == ["1", "ERP", URL, "stock.*", "locations", "2;", "products", "3", "active", "3"]
    (listed,) = json.loads((await everywhere("webhook", "list", "--json")).out)
    assert (listed["location_ids"], listed["product_ids"], listed["behind"]) == ([2], [3], 3)
    assert "secret" not in listed
    assert "stock.*" in (await everywhere("webhook", "show", "1")).out
    rows = (await everywhere("webhook", "deliveries", "1")).out.splitlines()
    assert [row.split()[1] for row in rows] == ["EVENT", "evt_2", "evt_1"]
    assert rows[1].endswith("HTTP 500: [oops]")
    (failed,) = json.loads((await everywhere("webhook", "deliveries", "1", "--status", "failed", "--json")).out)
    assert (failed["event_id"], failed["attempts"]) == ("evt_2", 12)
    again = await everywhere("webhook", "redeliver", str(failed["id"]))
    assert again.out == f"Delivery {failed['id']} is sent again, as soon as webhook endpoint 1 is active.\n"
    assert '"waiting"' in (await everywhere("webhook", "deliveries", "1", "--json")).out

    rotated = await everywhere("webhook", "rotate", "1", "--previous-valid-for", "2h")
    assert "The previous one signs until" in rotated.out
    assert rotated.out.splitlines()[1].startswith("whsec_")
    assert (await everywhere("webhook", "disable", "1", "--reason", "Moved away.")).code == 0
    assert "disabled: Moved away." in (await everywhere("webhook", "list")).out
    await prune_up_to(catalogue, 2)
    refused = await everywhere("webhook", "resume", "1")
    assert refused.code == 1
    assert refused.err.startswith("stockgate: --from: This endpoint has had everything up to sequence 0, and changes")
    resumed = await everywhere("webhook", "resume", "1", "--from", "oldest")
    assert resumed.out == "Webhook endpoint 1 is active again. It goes on after sequence 2.\n"
    assert "is paused" in (await everywhere("webhook", "pause", "1")).out
    assert (await everywhere("webhook", "delete", "1")).out == f"Webhook endpoint 1 (ERP, {URL}) is forgotten.\n"


async def test_errors_name_the_option_and_the_fix(everywhere: Everywhere, catalogue: Database) -> None:
    assert catalogue
    for arguments, told in (
        (("create", "http://127.0.0.1/hook"), "URL: 127.0.0.1 is a loopback address, where no webhooks are sent."),
        (("create", URL, "--topic", "stock.*", "--topic", "sold"), "--topic number 2: 'sold' is no topic. There are"),
        (("create", URL, "--location", "nowhere"), "--location number 1: There is no location 'nowhere'."),
        (("create", URL, "--sku", "NO"), "--sku number 1: "),
        (("show", "9"), "ID: There is no webhook endpoint 9."),
        (("deliveries", "9"), "ID: There is no webhook endpoint 9."),
        (("redeliver", "9"), "ID: There is no webhook delivery 9."),
        (("rotate", "1", "--previous-valid-for", "soon"), "--previous-valid-for 'soon' is no span: 90m, 12h, 30d"),
    ):
        done = await everywhere("webhook", *arguments)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith(f"stockgate: {told}"), done.err


async def test_a_trial_is_sent_at_once_and_its_answer_shown(
    everywhere: Everywhere, catalogue: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert catalogue
    monkeypatch.setenv("STOCKGATE_WEBHOOK_TARGETS_ALLOWED", '["127.0.0.1"]')
    async with receiving() as receiver:
        await everywhere("webhook", "create", f"http://127.0.0.1:{receiver.port}/hook", "--topic", "product.*")
        tried = await everywhere("webhook", "test", "1")
        assert tried.out.startswith("It answered 200 after ")
        (request,) = receiver.received
        assert (request.json["type"], request.json["data"]["endpoint"]["topics"]) == ("webhook.test", ["product.*"])
        assert request.id.startswith("test_")

        async def refuse(*_: object) -> bytes:
            return status(503)

        receiver.behave = refuse
        failed = await everywhere("webhook", "test", "1", "--json")
        assert (failed.code, json.loads(failed.out)["status"]) == (1, 503)
