"""GET /api/changes, over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from storage import inventory
from storage.changes import AdjustQuantity
from storage.database import Database
from tests.builders import a_change, a_group, an_opening
from tests.conftest import Keys


@pytest.fixture
async def written(catalogue: Database) -> Database:
    """Five changes by five requests, at locations 1 and 2 by turns."""
    for n in range(5):
        group = a_group(a_change(item=1 + n % 2, location=1 + n % 2, quantity=AdjustQuantity(1)))
        await catalogue.transact(inventory.apply, group)
    return catalogue


async def get(client: httpx.AsyncClient, key: str | None, **parameters: Any) -> httpx.Response:
    headers = {} if key is None else {"X-API-Key": key}
    return await client.get("/api/changes", params=parameters, headers=headers)


async def test_the_feed_is_followed_page_by_page(client: httpx.AsyncClient, written: Database, issue_key: Keys) -> None:
    key, after, seen = await issue_key("read"), 0, []
    while True:
        response = await get(client, key, after=after, first=2)
        assert response.status_code == 200
        page = response.json()
        seen += [change["sequence"] for change in page["changes"]]
        assert page["next_sequence"] == (seen[-1] if page["changes"] else after)
        after = page["next_sequence"]
        if not page["has_more"]:
            break
    assert len(seen) == 5
    assert seen == sorted(set(seen))
    assert (await get(client, key, after=after)).json() == {"changes": [], "next_sequence": after, "has_more": False}


async def test_a_change_tells_what_changed_and_on_whose_request(
    client: httpx.AsyncClient, written: Database, issue_key: Keys
) -> None:
    response = await get(client, await issue_key("read"), first=1)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    [change] = response.json()["changes"]
    assert change.pop("created_at").endswith("Z")
    assert change.pop("sequence") > 0
    assert change == {
        "kind": "STOCK", "deleted": False, "product_id": 1, "location_id": 1,
        "product": {"sku": "SKU-1"}, "location": {"slug": "location-1"},
        "entry": {
            "delta": 1, "before": None, "after": 1, "reserved": 0, "safety_stock": 0, "disabled": False, "version": 1,
            "reason": "UNSPECIFIED", "note": "", "reference": "", "principal": "tests", "dialect": "test",
            "request_id": "",
        },
    }  # fmt: skip


async def test_a_limited_key_follows_what_happens_at_its_locations(
    client: httpx.AsyncClient, written: Database, issue_key: Keys
) -> None:
    page = (await get(client, await issue_key("read", location_ids=[2]))).json()
    assert [change["location_id"] for change in page["changes"]] == [2, 2]


async def test_a_bearer_token_will_do(client: httpx.AsyncClient, issue_key: Keys) -> None:
    response = await client.get("/api/changes", headers={"Authorization": f"Bearer {await issue_key('read')}"})
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("parameters", "word"),
    [({"after": "x"}, "`after`"), ({"after": "-1"}, "`after`"), ({"after": 2**31}, "`after`"),
     ({"after": ""}, "`after`"),
     ({"first": "1001"}, "`first`"), ({"first": "1.5"}, "`first`"), ({"first": "٣"}, "`first`")],
)  # fmt: skip
async def test_a_parameter_that_is_no_number_in_range_is_refused_by_its_name(
    client: httpx.AsyncClient, issue_key: Keys, parameters: dict[str, Any], word: str
) -> None:
    response = await get(client, await issue_key("read"), **parameters)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "BAD_USER_INPUT"
    assert word in response.json()["error"]["message"]


async def test_what_was_pruned_is_gone(client: httpx.AsyncClient, catalogue: Database, issue_key: Keys) -> None:
    async def prune(session: AsyncSession) -> None:
        session.add(an_opening(7))

    await catalogue.transact(prune)
    key = await issue_key("read")
    response = await get(client, key, after=6)
    assert response.status_code == 410
    assert response.json()["error"]["code"] == "SEQUENCE_PRUNED"
    assert "from 7 on" in response.json()["error"]["message"]
    assert (await get(client, key, after=7)).status_code == 200


@pytest.mark.parametrize("key", [None, "sgk_nonsense"])
async def test_without_a_valid_key_there_is_no_feed(client: httpx.AsyncClient, key: str | None) -> None:
    response = await get(client, key)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert response.json()["error"]["code"] == "UNAUTHENTICATED"


async def test_the_feed_is_only_for_keys_that_read_and_see_quantities_as_they_are(
    client: httpx.AsyncClient, issue_key: Keys
) -> None:
    for key in (await issue_key("write"), await issue_key("storefront")):
        response = await get(client, key)
        assert response.status_code == 403
        assert response.json()["error"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_the_feed_is_only_read(client: httpx.AsyncClient, issue_key: Keys, method: str) -> None:
    response = await client.request(method, "/api/changes", headers={"X-API-Key": await issue_key("admin")})
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD"
    assert response.json()["error"]["code"] == "METHOD_NOT_ALLOWED"
