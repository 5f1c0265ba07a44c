"""Source rules by GraphQL: set, listed and removed by admins, and seen by whom they bind."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.conftest import Keys
from tests.gateway.test_graphql_keys import Asker

_RULE = "{ field mode owners { databaseId name } locationId locationName }"
RULES = f"{{ sourceRules {_RULE} }}"
SET = f"""mutation($input: SourceRuleSetInput!) {{ sourceRuleSet(input: $input) {{
    sourceRule {_RULE} userErrors {{ code field message }} }} }}"""
REMOVE = f"""mutation($input: SourceRuleRemoveInput!) {{ sourceRuleRemove(input: $input) {{
    sourceRule {_RULE} userErrors {{ code field }} }} }}"""
VIEWER = """{ viewer { owns { field locationName } everywhere: mayWrite(field: STOCK)
    here: mayWrite(field: STOCK, location: {slug: "location-1"})
    there: mayWrite(field: STOCK, location: {id: 2}) nowhere: mayWrite(field: STOCK, location: {slug: "moon"}) } }"""
UPDATE = """mutation($input: InventoryUpdateInput!) { inventoryUpdate(input: $input) {
    result { ignored changed after } changeGroup { id }
    userErrors { __typename code field message ... on FieldOwnedError { owners } } } }"""
UPSERT = """mutation($input: ProductUpsertInput!) { productUpsert(input: $input) { results { outcome ignored }
    userErrors { code field message ... on FieldOwnedError { owners } } } }"""
RELOCATE = """mutation($input: LocationUpdateInput!) { locationUpdate(input: $input) { ignored location { name }
    userErrors { code field message } } }"""
ARCHIVE = "mutation($input: ProductArchiveInput!) { productArchive(input: $input) { archived userErrors { code } } }"


@pytest.fixture
async def ask(client: httpx.AsyncClient, issue_key: Keys) -> Asker:
    """With key 1, an admin's."""
    return Asker(client, await issue_key("admin"))


def a_rule(field: str, mode: str = "REJECT", *owners: int, **values: Any) -> dict[str, Any]:
    return {"field": field, "mode": mode, "owners": [str(owner) for owner in owners], **values}


async def test_a_rule_is_set_listed_and_removed(ask: Asker) -> None:
    here = {"location": {"slug": "location-2"}}
    told = {"field": "STOCK", "mode": "REJECT", "owners": [{"databaseId": 1, "name": "test"}]}
    everywhere = {**told, "locationId": None, "locationName": None}
    there = {**told, "mode": "IGNORE", "locationId": "gid://stockgate/Location/2", "locationName": "Location 2"}
    assert await ask(SET, **a_rule("STOCK", "REJECT", 1)) == {"sourceRule": everywhere, "userErrors": []}
    assert (await ask(SET, **a_rule("STOCK", "IGNORE", 1), **here))["sourceRule"] == there
    assert await ask(RULES) == [everywhere, there]
    assert (await ask(REMOVE, field="STOCK", **here))["sourceRule"] == there
    assert await ask(REMOVE, field="STOCK", **here) == {"sourceRule": None, "userErrors": []}
    assert await ask(RULES) == [everywhere]

    for asked, code, field in (
        (a_rule("STOCK", "REJECT"), "INVALID_VALUE", "owners"),
        (a_rule("STOCK", "REJECT", 1, 9), "KEY_NOT_FOUND", "owners[1]"),
        (a_rule("STOCK", "REJECT", 1, location={"slug": "moon"}), "LOCATION_NOT_FOUND", "location"),
    ):
        [error] = (await ask(SET, **asked))["userErrors"]
        assert (error["code"], error["field"]) == (code, field)
    [error] = (await ask(REMOVE, field="STOCK", location={"slug": "moon"}))["userErrors"]
    assert error == {"code": "LOCATION_NOT_FOUND", "field": "location"}


async def test_only_admins_make_rules_and_storefronts_do_not_see_them(ask: Asker, issue_key: Keys) -> None:
    writes, public = await issue_key("write", "read"), await issue_key("storefront")
    answer = (await ask.response(SET, writes, **a_rule("STOCK", "REJECT", 1))).json()
    assert answer["errors"][0]["extensions"] == {"code": "FORBIDDEN", "field": "sourceRuleSet", "scope": "admin"}
    answer = (await ask.response(RULES, public)).json()
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert await ask(RULES, writes) == []


async def test_a_caller_sees_what_it_owns_and_may_write(ask: Asker, issue_key: Keys) -> None:
    reads, writes = await issue_key("read"), await issue_key("read", "write")
    local = await issue_key("read", "write", location_ids=[1])
    free = {"owns": [], "everywhere": True, "here": True, "there": True, "nowhere": False}
    assert await ask(VIEWER, writes) == free
    assert await ask(VIEWER, reads) == {**free, "everywhere": False, "here": False, "there": False}
    assert await ask(VIEWER, local) == {**free, "there": False}
    await ask(SET, **a_rule("STOCK", "REJECT", 3, location={"slug": "location-1"}))
    await ask(SET, **a_rule("STOCK", "IGNORE", 1))
    owns = [{"field": "STOCK", "locationName": "Location 1"}]
    assert await ask(VIEWER, writes) == {**free, "owns": owns, "everywhere": False, "there": False}
    assert await ask(VIEWER, local) == {**free, "everywhere": False, "here": False, "there": False}


async def test_a_refusal_names_the_owners_and_what_is_ignored_is_told(ask: Asker, issue_key: Keys) -> None:
    await issue_key("write")  # key 2, of the name test
    line = {"product": {"sku": "SKU-1"}, "location": {"slug": "location-1"}, "onHand": 5, "regularPrice": "8"}
    await ask(SET, **a_rule("PRICES", "REJECT", 2))
    refused = await ask(UPDATE, **line)
    [error] = refused["userErrors"]
    assert (error["__typename"], error["code"], error["field"]) == ("FieldOwnedError", "FIELD_OWNED", "regularPrice")
    assert error["owners"] == ["test"]
    assert error["message"].startswith('Prices may be written by the API key "test" only: change it there, or')

    await ask(SET, **a_rule("PRICES", "IGNORE", 2))
    done = await ask(UPDATE, **line)
    assert done["result"] == {"ignored": ["PRICES"], "changed": True, "after": 5}
    assert await ask(UPDATE, **line) == {
        "result": {"ignored": ["PRICES"], "changed": False, "after": 5}, "changeGroup": None, "userErrors": [],
    }  # fmt: skip


async def test_the_catalogue_has_owners_too(ask: Asker, issue_key: Keys) -> None:
    await issue_key("write")
    await ask(SET, **a_rule("CATALOG", "REJECT", 2))
    changed = {"sku": "SKU-1", "name": "Boot"}
    [error] = (await ask(UPSERT, products=[changed, {"sku": "NEW", "name": "New"}]))["userErrors"][:1]
    assert (error["code"], error["field"], error["owners"]) == ("FIELD_OWNED", "products[0].name", ["test"])
    assert error["message"].startswith('`products[0].name` may be written by the API key "test" only')
    [error] = (await ask(RELOCATE, location={"id": 2}, name="Elsewhere"))["userErrors"]
    assert (error["code"], error["field"]) == ("FIELD_OWNED", "name")
    assert (await ask(ARCHIVE, products=[{"sku": "SKU-1"}])) == {"archived": 0, "userErrors": [{"code": "FIELD_OWNED"}]}

    await ask(SET, **a_rule("CATALOG", "IGNORE", 2))
    written = await ask(UPSERT, products=[changed])
    assert written == {"results": [{"outcome": "UNCHANGED", "ignored": ["CATALOG"]}], "userErrors": []}
    moved = await ask(RELOCATE, location={"id": 2}, name="Elsewhere")
    assert moved == {"ignored": ["CATALOG"], "location": {"name": "Location 2"}, "userErrors": []}
