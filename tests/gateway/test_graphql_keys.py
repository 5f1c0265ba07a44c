"""API keys and webhook secrets by GraphQL: issued, rotated and ended, for admins only, and nowhere written down."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from storage import consumer_pairs
from storage.access import Scope, hash_of
from storage.database import Database
from storage.key_settings import KeySettings
from tests.conftest import Keys
from tests.gateway.test_graphql_scopes import WRITE, needs

_KEY = """{ databaseId name hint scopes everywhere locations { slug } visibility cap origins costPerMinute
    expiresAt revokedAt }"""
CREATE = f"""mutation($input: ApiKeyCreateInput!) {{ apiKeyCreate(input: $input) {{
    token apiKey {_KEY} userErrors {{ code field message }} }} }}"""
ROTATE = f"""mutation($input: ApiKeyRotateInput!) {{ apiKeyRotate(input: $input) {{
    token apiKey {_KEY} previous {_KEY} userErrors {{ code field }} }} }}"""
REVOKE = f"""mutation($input: ApiKeyRevokeInput!) {{ apiKeyRevoke(input: $input) {{
    apiKey {_KEY} userErrors {{ code field }} }} }}"""
SECRET = """mutation($input: WebhookSecretCreateInput!) { webhookSecretCreate(input: $input) {
    token webhookSecret { databaseId name hint revokedAt } userErrors { code field } } }"""
END_SECRET = """mutation($input: WebhookSecretRevokeInput!) { webhookSecretRevoke(input: $input) {
    webhookSecret { revokedAt } userErrors { code field } } }"""
PRODUCTS = "{ products(first: 1) { nodes { id } } }"


class Asker:
    """Sends operations with a key."""

    def __init__(self, client: httpx.AsyncClient, key: str) -> None:
        self._client, self.key = client, key

    async def response(self, query: str, key: str | None = None, **values: Any) -> httpx.Response:
        body = {"query": query, "variables": {"input": values}} if values else {"query": query}
        return await self._client.post("/graphql", json=body, headers={"X-API-Key": key or self.key})

    async def __call__(self, query: str, key: str | None = None, **values: Any) -> Any:
        answer = (await self.response(query, key, **values)).json()
        assert "errors" not in answer, answer
        (payload,) = answer["data"].values()
        return payload


@pytest.fixture
async def ask(client: httpx.AsyncClient, issue_key: Keys) -> Asker:
    return Asker(client, await issue_key("admin"))


async def test_a_key_is_issued_with_everything_it_was_asked_to_have(ask: Asker) -> None:
    made = await ask(
        CREATE, name="shop", scopes=["STOREFRONT"], locations=[{"id": 2}, {"slug": "LOCATION-1"}], visibility="CAPPED",
        cap=9, origins=["https://shop.example"], costPerMinute=500, expiresAt="2099-01-01T00:00:00Z",
    )  # fmt: skip
    key = made["apiKey"]
    assert made["token"].startswith(key.pop("hint"))
    assert key.pop("databaseId") > 1
    assert (made["userErrors"], key) == ([], {
        "name": "shop", "scopes": ["STOREFRONT"], "everywhere": False, "visibility": "CAPPED", "cap": 9,
        "locations": [{"slug": "location-1"}, {"slug": "location-2"}], "origins": ["https://shop.example"],
        "costPerMinute": 500, "expiresAt": "2099-01-01T00:00:00.000000Z", "revokedAt": None,
    })  # fmt: skip
    plain = await ask(CREATE, name="reader", scopes=["READ"])
    assert (plain["apiKey"]["everywhere"], plain["apiKey"]["locations"]) == (True, [])
    assert (await ask.response(PRODUCTS, plain["token"])).status_code == 200


async def test_every_problem_of_a_key_is_told_with_its_field(ask: Asker) -> None:
    made = await ask(CREATE, name=" ", scopes=[], cap=1, origins=["x"], costPerMinute=0)
    assert [(error["code"], error["field"]) for error in made["userErrors"]] == [
        ("INVALID_VALUE", field) for field in ("name", "scopes", "cap", "origins[0]", "costPerMinute")
    ]
    assert (made["apiKey"], made["token"]) == (None, None)
    made = await ask(CREATE, name="till", scopes=["WRITE"], locations=[{"id": 1}, {"slug": "mars"}])
    assert [(error["code"], error["field"]) for error in made["userErrors"]] == [("LOCATION_NOT_FOUND", "locations[1]")]


async def test_a_revoked_key_opens_nothing_from_now_on(ask: Asker) -> None:
    made = await ask(CREATE, name="reader", scopes=["READ"])
    assert (await ask.response(PRODUCTS, made["token"])).status_code == 200  # and is remembered now
    for _ in range(2):
        ended = await ask(REVOKE, id=made["apiKey"]["databaseId"])
        assert ended["apiKey"]["revokedAt"] is not None
    assert (await ask.response(PRODUCTS, made["token"])).status_code == 401
    assert (await ask(REVOKE, id=99))["userErrors"] == [{"code": "KEY_NOT_FOUND", "field": "id"}]


async def test_a_rotated_key_works_beside_the_old_one_or_instead(ask: Asker) -> None:
    made = await ask(CREATE, name="reader", scopes=["READ"], costPerMinute=50_000)
    number = made["apiKey"]["databaseId"]
    rotated = await ask(ROTATE, id=number)
    assert (rotated["apiKey"]["costPerMinute"], rotated["apiKey"]["expiresAt"]) == (50_000, None)
    assert (rotated["previous"]["databaseId"], rotated["previous"]["expiresAt"] is None) == (number, False)
    for token in (made["token"], rotated["token"]):
        assert (await ask.response(PRODUCTS, token)).status_code == 200
    await ask(ROTATE, id=number, overlapSeconds=0)
    assert (await ask.response(PRODUCTS, made["token"])).status_code == 401
    assert (await ask(ROTATE, id=number))["userErrors"] == [{"code": "KEY_NOT_FOUND", "field": "id"}]
    too_long = await ask(ROTATE, id=rotated["apiKey"]["databaseId"], overlapSeconds=10**7)
    assert too_long["userErrors"] == [{"code": "INVALID_VALUE", "field": "overlapSeconds"}]


async def test_a_consumer_pair_is_ended_here_and_rotated_where_its_secret_can_be_made(
    ask: Asker, catalogue: Database
) -> None:
    pair = await catalogue.transact(consumer_pairs.issue, KeySettings("ERP", (Scope.READ,)), "k" * 32)
    rotated = await ask(ROTATE, id=pair.id)
    assert (rotated["token"], rotated["userErrors"]) == (None, [{"code": "INVALID_VALUE", "field": "id"}])
    ended = (await ask(REVOKE, id=pair.id))["apiKey"]
    assert (ended["hint"], ended["revokedAt"] is None) == (f"…{pair.consumer_key[-7:]}", False)
    assert await catalogue.read(consumer_pairs.verify, pair.consumer_key) is None


async def test_a_limited_admin_neither_grants_nor_takes_over_what_it_has_not(ask: Asker, issue_key: Keys) -> None:
    limited = await issue_key("admin", location_ids=[1])
    everywhere = (await ask(CREATE, name="all", scopes=["READ"]))["apiKey"]["databaseId"]
    refused = [
        await ask(CREATE, limited, name="all", scopes=["READ"]),
        await ask(CREATE, limited, name="other", scopes=["READ"], locations=[{"id": 2}]),
        await ask(ROTATE, limited, id=everywhere),
        await ask(REVOKE, limited, id=everywhere),
        await ask(SECRET, limited, name="warehouse"),
    ]
    assert [[error["code"] for error in payload["userErrors"]] for payload in refused] == [["NOT_GRANTED"]] * 5
    assert (await ask(CREATE, limited, name="mine", scopes=["READ"], locations=[{"id": 1}]))["userErrors"] == []


async def test_a_webhook_secret_is_issued_and_ended(ask: Asker, client: httpx.AsyncClient) -> None:
    made = await ask(SECRET, name="warehouse")
    secret = made["webhookSecret"]
    assert made["token"].startswith(secret["hint"])
    path, body = "/wp-json/mulopimfwc/v1/webhook/inventory-update", {"sku": "SKU-1", "location_id": 1, "stock": 3}
    headers = {"X-Webhook-Secret": made["token"]}
    assert (await client.post(path, json=body, headers=headers)).status_code == 200
    assert (await ask(END_SECRET, id=secret["databaseId"]))["webhookSecret"]["revokedAt"] is not None
    assert (await client.post(path, json=body, headers=headers)).status_code == 401
    assert (await ask(END_SECRET, id=99))["userErrors"] == [{"code": "KEY_NOT_FOUND", "field": "id"}]
    assert (await ask(SECRET, name=""))["userErrors"] == [{"code": "INVALID_VALUE", "field": "name"}]


async def test_tokens_are_in_no_table_and_in_no_log(
    ask: Asker, catalogue: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = [(await ask(CREATE, name="a", scopes=["READ"]))["token"], (await ask(SECRET, name="b"))["token"]]
    tokens.append((await ask(ROTATE, id=2))["token"])

    async def everything(session: Any) -> str:
        tables = ("api_key", "webhook_secret", "idempotency_record", "persisted_operation", "stock_change_group")
        return repr([(await session.execute(text(f"SELECT * FROM {table}"))).all() for table in tables])

    kept, logged = await catalogue.read(everything), capsys.readouterr()
    for token in tokens:
        assert hash_of(token) in kept
        assert token[14:] not in kept + logged.out + logged.err


async def test_who_may_only_write_changes_no_key_and_no_catalogue_and_nothing_beside(
    client: httpx.AsyncClient, catalogue: Database, issue_key: Keys
) -> None:
    ask = Asker(client, await issue_key("read", "write"))
    forbidden = "apiKeyRevoke(input: {id: 1}) { userErrors { code } }"
    documents = [
        f"mutation {{ {WRITE} {forbidden} }}",
        f"mutation {{ {WRITE} ...F }} fragment F on Mutation {{ ... on Mutation {{ {forbidden} }} }}",
        f"mutation {{ {WRITE} x: {forbidden.replace(') {', ') @skip(if: true) {', 1)} }}",
    ]
    for document in documents:
        answer = await ask.response(document)
        assert answer.status_code == 403, answer.text
        (error,) = answer.json()["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert "`apiKeyRevoke` needs the scope `admin`" in error["message"]
        assert "data" not in answer.json()
    assert (await ask(f"mutation {{ {WRITE} }}"))["userErrors"] == []


def test_keys_and_the_catalogue_are_for_admins() -> None:
    from storage.access import Scope

    assert needs(Scope.ADMIN) == {
        "apiKeyCreate", "apiKeyRotate", "apiKeyRevoke", "webhookSecretCreate", "webhookSecretRevoke",
        "locationCreate", "locationUpdate", "locationArchive", "productUpsert", "variationUpsert", "productArchive",
        "webhookEndpointCreate", "webhookEndpointUpdate", "webhookEndpointDelete", "webhookEndpointRotateSecret",
        "webhookEndpointPause", "webhookEndpointResume", "webhookEndpointTest", "webhookDeliveryRedeliver",
        "sourceRuleSet", "sourceRuleRemove",
    }  # fmt: skip
