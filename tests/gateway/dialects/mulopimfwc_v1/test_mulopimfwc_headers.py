"""Section 5: headers that old clients do not send."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.datastructures import Headers

from gateway.dialects.mulopimfwc_v1.extra_headers import ExtraHeaders
from tests.gateway.dialects.mulopimfwc_v1.conftest import BASE, Shop

ITEM = {"product_id": 12, "location_id": 5, "stock": 1}


async def test_an_idempotency_key_makes_repeats_of_update_and_bulk_sync_harmless(shop: Shop) -> None:
    for send in (lambda: shop.update(ITEM, Idempotency_Key="u"), lambda: shop.bulk_sync([ITEM], Idempotency_Key="b")):
        first = await send()
        await shop.update({**ITEM, "stock": 7})
        again = await send()
        assert (again.status_code, again.content) == (200, first.content)
        assert again.headers["idempotent-replayed"] == "true"
        assert await shop.on_hand(12, 5) == 7
    response = await shop.bulk_sync([{**ITEM, "stock": 2}], Idempotency_Key="b")
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")


async def test_parallel_repeats_write_once(shop: Shop) -> None:
    answers = await asyncio.gather(*(shop.update(ITEM, Idempotency_Key="same") for _ in range(8)))
    assert {answer.content for answer in answers} == {answers[0].content}
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 7
    assert len(await shop.ledger()) == 1


async def test_a_refused_request_does_not_use_up_its_key(shop: Shop) -> None:
    assert (await shop.update({**ITEM, "stock": -1}, Idempotency_Key="k")).status_code == 422
    assert (await shop.update(ITEM, Idempotency_Key="k")).status_code == 200


async def test_a_key_that_is_too_long_is_refused(shop: Shop) -> None:
    response = await shop.update(ITEM, Idempotency_Key="k" * 256)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_header")
    assert (await shop.update(ITEM, Idempotency_Key="k" * 255)).status_code == 200


async def test_if_match_takes_the_version_that_the_etag_gave(shop: Shop) -> None:
    first = await shop.update(ITEM, If_Match='"0"')
    assert (first.status_code, first.headers["etag"]) == (200, '"1"')
    assert (await shop.update({**ITEM, "stock": 2}, If_Match=first.headers["etag"])).status_code == 200
    stale = await shop.update({**ITEM, "stock": 3}, If_Match='"1"')
    assert stale.status_code == 412
    assert stale.headers["etag"] == '"2"'
    assert stale.json() == {
        "code": "update_failed",
        "message": "Expected version 1, but the current one is 2.",
        "data": {"status": 412, "error": "stale_version", "current_stock": 2, "current_version": 2},
    }
    assert await shop.on_hand(12, 5) == 2
    for tag, status in (("2", 200), ("*", 200), ('W/"4"', 200), ('"abc"', 412)):
        response = await shop.update({**ITEM, "stock": 3 if tag == "2" else 4}, If_Match=tag)
        assert response.status_code == status, tag


async def test_prefer_strict_applies_all_items_or_none(shop: Shop) -> None:
    response = await shop.bulk_sync([ITEM, {**ITEM, "location_id": 999}], Prefer="respond-async, handling=strict")
    assert response.status_code == 422
    assert response.headers["preference-applied"] == "handling=strict"
    assert response.json() == {
        "code": "bulk_sync_failed",
        "message": "No item was applied: 1 of 2 failed.",
        "data": {
            "status": 422,
            "results": {"success": 0, "failed": 1, "errors": ["Item 2: Location not found."]},
        },
    }
    assert await shop.ledger() == []
    response = await shop.bulk_sync([ITEM], Prefer='handling="strict"')
    assert (response.status_code, response.headers["preference-applied"]) == (200, "handling=strict")
    assert (await shop.bulk_sync([ITEM, 3], Prefer="handling=lenient")).status_code == 200


async def test_a_dry_run_answers_as_the_real_one_and_writes_nothing(shop: Shop) -> None:
    for response in (
        await shop.update(ITEM, X_Dry_Run="1", Idempotency_Key="k"),
        await shop.bulk_sync([ITEM, 3], X_Dry_Run="true"),
    ):
        assert response.status_code == 200
        assert response.headers["x-dry-run"] == "1"
        assert "x-stock-change-group" not in response.headers
    assert (await shop.ledger(), await shop.level(12, 5)) == ([], None)
    assert (await shop.update(ITEM, X_Dry_Run="0", Idempotency_Key="k")).status_code == 200
    assert await shop.on_hand(12, 5) == 1


async def test_a_misspelt_dry_run_is_not_a_real_one(shop: Shop) -> None:
    response = await shop.update(ITEM, X_Dry_Run="jep")
    assert (response.status_code, response.json()["message"]) == (400, "X-Dry-Run is 1 or 0.")
    assert await shop.ledger() == []


async def test_a_request_id_is_taken_and_given_back(client: httpx.AsyncClient, shop: Shop) -> None:
    response = await shop.update(ITEM, X_Request_Id="till-7.42")
    assert response.headers["x-request-id"] == "till-7.42"
    assert (await shop.rows("stock_change_group"))[0]["request_id"] == "till-7.42"
    made = (await client.get(f"{BASE}/nope")).headers["x-request-id"]
    assert len(made) == 32


@pytest.mark.parametrize(
    ("value", "strict"),
    [("handling=strict", True), ("Handling = Strict", True), ("handling=lenient", False), ("xhandling=strict", False)],
)
def test_spellings_of_prefer(value: str, strict: bool) -> None:  # noqa: FBT001 (a table's column)
    assert ExtraHeaders.of(Headers({"prefer": value})).strict is strict
