"""Copies of products."""

from __future__ import annotations

from typing import Any

import pytest

from storage import consumer_pairs
from storage.access import Scope
from storage.key_settings import KeySettings
from tests.gateway.dialects.wc_v3.conftest import SERVER_SECRET, V1, P, S, V

pytestmark = pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)  # it writes as other creations do

_OWN = {"id", "slug", "permalink", "generated_slug", "date_created", "date_created_gmt", "date_modified", "_links",
        "date_modified_gmt", "sku", "variations", "parent_id", "meta_data"}  # fmt: skip


async def copied(shop: Any, id_: int, **headers: str) -> Any:
    """The copy of a product."""
    answer = await shop.call("POST", f"/products/{id_}/duplicate", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def same(copy: Any, original: Any) -> bool:
    """Whether it is like it, but for what is each one's own."""
    return {**copy, **{name: original[name] for name in _OWN & original.keys()}} == original


async def test_a_copy_is_a_draft_with_all_that_the_product_has_and_a_sku_that_is_free(shop: Any) -> None:
    await shop.put(
        f"/products/{S}", backorders="notify", weight="2", categories=[{"id": 5, "name": "Cups"}], sale_price="9.5",
        meta_data=[{"key": "k", "value": {"a": 1}}], locations=[{"id": 1, "quantity": 4}, {"id": 2, "quantity": -3}],
        global_unique_id="4006381333931", images=[{"src": "https://shop.example/a.png"}],
    )  # fmt: skip
    original = await shop.get(f"/products/{S}", context="edit")
    copy = await copied(shop, S)
    assert (copy["name"], copy["status"], copy["sku"]) == (f"{original['name']} (Copy)", "draft", "S-1-1")
    assert (copy["global_unique_id"], copy["stock_quantity"]) == ("", 1)
    assert [(place["id"], place["quantity"]) for place in copy["locations"]] == [(1, 4), (2, -3)]
    assert copy["slug"] != original["slug"]
    assert [(row["key"], row["value"]) for row in copy["meta_data"]] == [("k", {"a": 1})]
    told = {"name": original["name"], "status": "publish", "global_unique_id": original["global_unique_id"]}
    assert same({**copy, **told}, original)
    assert (await copied(shop, S))["sku"] == "S-1-2"
    assert (await shop.get(f"/products/{S}"))["stock_quantity"] == 1, "nothing was taken from it"


async def test_variations_are_copied_with_their_stock(shop: Any) -> None:
    for id_ in (V, P):
        originals = await shop.get(f"/products/{id_}/variations", order="asc", orderby="id", context="edit")
        original = await shop.get(f"/products/{id_}")
        copy = await copied(shop, id_)
        copies = await shop.get(f"/products/{copy['id']}/variations", order="asc", orderby="id", context="edit")
        assert copy["variations"] == [each["id"] for each in copies]
        assert (copy["stock_quantity"], copy["manage_stock"], copy["attributes"]) == (
            original["stock_quantity"], original["manage_stock"], original["attributes"],
        )  # fmt: skip
        assert [each["attributes"] for each in copies] == [each["attributes"] for each in originals]
        for one, other in zip(copies, originals, strict=True):
            assert same(one, other), (one, other)
            assert one["parent_id"] == copy["id"]
    assert {each["sku"] for each in await shop.get("/products", sku="V-1-R-1,V-1-1,P-1-1,P-1-R-1")} == {
        "V-1-R-1", "V-1-1", "P-1-1", "P-1-R-1",
    }  # fmt: skip


async def test_copies_are_refused_repeated_and_rehearsed_as_creations_are(shop: Any) -> None:
    for id_, status, code in (
        (999, 404, "woocommerce_rest_product_invalid_id"),
        (V1, 404, "woocommerce_rest_invalid_product_id"),
    ):
        answer = await shop.call("POST", f"/products/{id_}/duplicate")
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    before = len(await shop.get("/products", per_page=100))
    rehearsed = await copied(shop, V, **{"X-Dry-Run": "1"})
    assert (rehearsed["sku"], len(await shop.get("/products", per_page=100))) == ("V-1-1", before)
    first, again = [await copied(shop, V, **{"Idempotency-Key": "copy-1"}) for _ in range(2)]
    assert (first["id"], first["variations"]) == (again["id"], again["variations"])
    assert len(await shop.get("/products", per_page=100)) == before + 1
    asked = KeySettings("limited", (Scope.READ, Scope.WRITE), location_ids=(1,))
    pair = await shop.database.transact(consumer_pairs.issue, asked, SERVER_SECRET)
    limited = shop.as_((pair.consumer_key, pair.consumer_secret))
    refused = await limited.call("POST", f"/products/{S}/duplicate")
    assert (refused.status_code, refused.json()["code"]) == (403, "woocommerce_rest_cannot_create")
    stale = await shop.call("POST", f"/products/{S}/duplicate", headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (400, "invalid_header")
