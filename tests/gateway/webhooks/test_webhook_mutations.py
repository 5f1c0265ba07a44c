"""Webhook endpoints by GraphQL: for admins who see everything, and secrets that are shown once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from gateway.server_secret import ServerSecret
from gateway.settings import Settings
from gateway.webhooks.sealing import unseal
from storage import inventory, webhook_endpoints
from storage.changes import AdjustQuantity
from storage.database import Database
from storage.tables import WebhookEndpoint
from storage.webhook_endpoints import Status
from tests.builders import a_change, a_group
from tests.conftest import Keys
from tests.gateway.test_graphql_keys import Asker
from tests.gateway.webhooks.receiver import receiving, status
from tests.gateway.webhooks.test_webhook_command import add_deliveries
from tests.storage.reading import rows
from tests.storage.test_webhook_endpoints import prune_up_to

URL = "https://93.184.215.14/hook"
_ENDPOINT = """{ databaseId name url format topics status disabledReason position previousSecretUntil
    locations { slug } products { sku } deliveries { totalCount } }"""
_ERRORS = "userErrors { code field message }"
CREATE = f"""mutation($input: WebhookEndpointCreateInput!) {{ webhookEndpointCreate(input: $input) {{
    secret webhookEndpoint {_ENDPOINT} {_ERRORS} }} }}"""
UPDATE = f"""mutation($input: WebhookEndpointUpdateInput!) {{ webhookEndpointUpdate(input: $input) {{
    webhookEndpoint {_ENDPOINT} {_ERRORS} }} }}"""
ROTATE = f"""mutation($input: WebhookEndpointRotateSecretInput!) {{ webhookEndpointRotateSecret(input: $input) {{
    secret webhookEndpoint {_ENDPOINT} {_ERRORS} }} }}"""
PAUSE = f"""mutation($input: WebhookEndpointInput!) {{ webhookEndpointPause(input: $input) {{
    webhookEndpoint {_ENDPOINT} {_ERRORS} }} }}"""
RESUME = f"""mutation($input: WebhookEndpointResumeInput!) {{ webhookEndpointResume(input: $input) {{
    webhookEndpoint {_ENDPOINT} {_ERRORS} }} }}"""
DELETE = f"""mutation($input: WebhookEndpointInput!) {{ webhookEndpointDelete(input: $input) {{
    databaseId {_ERRORS} }} }}"""
LIST = f"{{ webhookEndpoints {{ totalCount nodes {_ENDPOINT} }} }}"


TEST = """mutation($input: WebhookEndpointInput!) { webhookEndpointTest(input: $input) {
    delivered responseStatus error webhookEndpoint { url } userErrors { code field } } }"""
REDELIVER = """mutation($input: WebhookDeliveryRedeliverInput!) { webhookDeliveryRedeliver(input: $input) {
    webhookDelivery { eventId status attempts endpoint { name } } userErrors { code field } } }"""
DELIVERIES = """{ webhookEndpoint(id: "1") { deliveries(first: 5, filter: {statuses: [FAILED, WAITING]}) {
    totalCount nodes { databaseId status error } } } }"""


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Of a server that may send to a receiver on this machine, but does not by itself."""
    return Settings(
        database_url=database_url,
        webhook_log_directory=tmp_path / "logs",
        webhook_targets_allowed=["127.0.0.1"],
        webhooks_sent=False,
    )


@pytest.fixture
async def ask(client: httpx.AsyncClient, issue_key: Keys, catalogue: Database) -> Asker:
    assert catalogue
    return Asker(client, await issue_key("admin"))


async def test_an_endpoint_lives_from_its_creation_to_its_end(
    ask: Asker, catalogue: Database, settings: Settings
) -> None:
    made = await ask(
        CREATE, name="ERP", url=URL, topics=["stock.*", "product.updated"],
        locations=[{"slug": "location-2"}], products=[{"sku": "sku-3"}, {"id": "1"}],
    )  # fmt: skip
    endpoint = made["webhookEndpoint"]
    number = str(endpoint.pop("databaseId"))
    assert (made["userErrors"], endpoint) == ([], {
        "name": "ERP", "url": URL, "format": "STANDARD", "topics": ["stock.*", "product.updated"], "status": "ACTIVE",
        "disabledReason": None, "position": 0, "previousSecretUntil": None, "locations": [{"slug": "location-2"}],
        "products": [{"sku": "SKU-1"}, {"sku": "SKU-3"}], "deliveries": {"totalCount": 0},
    })  # fmt: skip
    (row,) = await rows(catalogue, WebhookEndpoint)
    assert made["secret"] not in str(row)
    server = ServerSecret(settings).value()
    assert unseal(server, row["secret"]) == made["secret"]
    assert "secret" not in (await ask.response(LIST)).text.replace("previousSecretUntil", "")

    changed = (await ask(UPDATE, id=number, topics=["*"], locations=None))["webhookEndpoint"]
    assert (changed["topics"], changed["locations"], len(changed["products"])) == (["*"], [], 2)
    rotated = await ask(ROTATE, id=number, previousValidForSeconds=60)
    assert rotated["secret"].startswith("whsec_")
    assert rotated["secret"] != made["secret"]
    assert rotated["webhookEndpoint"]["previousSecretUntil"] is not None
    (row,) = await rows(catalogue, WebhookEndpoint)
    assert [unseal(server, row[name]) for name in ("secret", "previous_secret")] == [rotated["secret"], made["secret"]]

    assert (await ask(PAUSE, id=number))["webhookEndpoint"]["status"] == "PAUSED"
    assert (await ask(RESUME, id=number))["webhookEndpoint"]["status"] == "ACTIVE"
    assert (await ask(LIST))["totalCount"] == 1
    assert (await ask(DELETE, id=number))["databaseId"] == int(number)
    assert (await ask(DELETE, id=number))["userErrors"][0]["code"] == "WEBHOOK_NOT_FOUND"


async def test_what_does_not_fit_is_told_by_field_and_nothing_is_written(ask: Asker, catalogue: Database) -> None:
    async def refused(query: str = CREATE, **values: Any) -> list[tuple[str, str]]:
        given = {"name": "ERP", "url": URL, "topics": ["*"]} if query == CREATE else {}
        errors = (await ask(query, **{**given, **values}))["userErrors"]
        return [(error["code"], error["field"]) for error in errors]

    assert await refused(topics=["stock.sold"], name="") == [("INVALID_VALUE", "topics[0]"), ("INVALID_VALUE", "name")]
    assert await refused(topics=[]) == [("INVALID_VALUE", "topics")]
    unknown = {"locations": [{"id": "1"}, {"slug": "no"}], "products": [{"sku": "NO"}]}
    assert await refused(**unknown) == [("LOCATION_NOT_FOUND", "locations[1]"), ("ITEM_NOT_FOUND", "products[0]")]
    for url in ("http://127.0.0.2/hook", "ftp://erp.example", "https://[::1]/", "https://169.254.169.254/latest"):
        assert await refused(url=url) == [("INVALID_WEBHOOK_URL", "url")]
    assert await rows(catalogue, WebhookEndpoint) == []
    made = (await ask(CREATE, name="ERP", url=URL, topics=["*"]))["webhookEndpoint"]
    assert await refused(UPDATE, id=str(made["databaseId"]), url="http://10.0.0.1/") == [("INVALID_WEBHOOK_URL", "url")]
    too_long = {"id": str(made["databaseId"]), "previousValidForSeconds": 31 * 86_400}
    assert await refused(ROTATE, **too_long) == [("INVALID_VALUE", "previousValidForSeconds")]
    assert await refused(PAUSE, id="99") == [("WEBHOOK_NOT_FOUND", "id")]


async def test_whoever_is_resumed_after_its_events_were_pruned_is_asked_where_to_go_on(
    ask: Asker, catalogue: Database
) -> None:
    number = (await ask(CREATE, name="ERP", url=URL, topics=["*"]))["webhookEndpoint"]["databaseId"]
    await catalogue.transact(webhook_endpoints.disable, number, "It answered 410 Gone.")
    for _ in range(3):
        await catalogue.transact(inventory.apply, a_group(a_change(quantity=AdjustQuantity(1))))
    await prune_up_to(catalogue, 2)
    (error,) = (await ask(RESUME, id=str(number)))["userErrors"]
    assert (error["code"], error["field"]) == ("EVENTS_PRUNED", "start")
    assert "Read stock anew where that matters, and resume from oldest" in error["message"]
    resumed = (await ask(RESUME, id=str(number), start="OLDEST"))["webhookEndpoint"]
    assert (resumed["status"], resumed["position"], resumed["disabledReason"]) == ("ACTIVE", 2, None)


async def test_endpoints_are_for_admins_who_see_everything(
    ask: Asker, client: httpx.AsyncClient, issue_key: Keys, catalogue: Database
) -> None:
    made = (await ask(CREATE, name="ERP", url=URL, topics=["*"]))["webhookEndpoint"]
    reader, writer = await issue_key("read"), await issue_key("write")
    for query in (LIST, f'{{ webhookEndpoint(id: "{made["databaseId"]}") {{ url }} }}'):
        answer = (await client.post("/graphql", json={"query": query}, headers={"X-API-Key": reader})).json()
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        assert "needs the scope `admin`" in answer["errors"][0]["message"]
        assert URL not in str(answer)
    for key in (reader, writer):
        assert (await ask.response(PAUSE, key, id="1")).json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    limited = await issue_key("admin", location_ids=[1])
    assert (await ask(LIST, limited)) == {"totalCount": 0, "nodes": []}
    for query, values in ((PAUSE, {"id": "1"}), (CREATE, {"name": "Mine", "url": URL, "topics": ["*"]})):
        assert (await ask(query, limited, **values))["userErrors"][0]["code"] == "NOT_GRANTED"
    (row,) = await rows(catalogue, WebhookEndpoint)
    assert row["status"] == Status.ACTIVE


async def test_an_endpoint_can_be_tried_and_what_was_given_up_sent_again(ask: Asker, catalogue: Database) -> None:
    async with receiving() as receiver:
        made = await ask(CREATE, name="ERP", url=receiver.url, topics=["product.*"])
        tried = await ask(TEST, id="1")
        assert tried == {
            "delivered": True, "responseStatus": 200, "error": None, "webhookEndpoint": {"url": receiver.url},
            "userErrors": [],
        }  # fmt: skip
        (request,) = receiver.received
        assert Webhook(made["secret"]).verify(request.body, dict(request.headers))["type"] == "webhook.test"
        receiver.answers(status(302, Location="https://erp.example"))
        tried = await ask(TEST, id="1")
        assert (tried["delivered"], tried["responseStatus"], tried["error"]) == (False, 302, "HTTP 302")
    assert (await ask(TEST, id="2"))["userErrors"] == [{"code": "WEBHOOK_NOT_FOUND", "field": "id"}]

    await catalogue.transact(add_deliveries)
    (failed,) = (await ask(DELIVERIES))["deliveries"]["nodes"]
    assert (failed["status"], failed["error"]) == ("FAILED", "HTTP 500: [oops]")
    again = await ask(REDELIVER, id=str(failed["databaseId"]))
    assert again["webhookDelivery"] == {
        "eventId": "evt_2", "status": "WAITING", "attempts": 0, "endpoint": {"name": "ERP"}
    }  # fmt: skip
    assert (await ask(REDELIVER, id="99"))["userErrors"] == [{"code": "WEBHOOK_NOT_FOUND", "field": "id"}]
