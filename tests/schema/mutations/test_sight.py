"""A key may write without seeing quantities as they are: what it is answered then tells none."""

from __future__ import annotations

from typing import Any

import pytest

from storage.access import Credential, Scope, Visibility
from tests.schema.caller import Caller
from tests.schema.mutations.stock import add, on_hand

WRITES = frozenset({Scope.READ, Scope.WRITE})
BAND = Credential(2, "band", WRITES, visibility=Visibility.BAND)
CAPPED = Credential(3, "capped", WRITES, visibility=Visibility.CAPPED, cap=3)
SHOP = Credential(4, "shop", frozenset({Scope.STOREFRONT, Scope.WRITE}), visibility=Visibility.BAND)
KEEPER = Credential(5, "keeper", frozenset({Scope.ADMIN}), visibility=Visibility.BAND)
ERRORS = """userErrors { code message ... on StaleQuantityError { current } ... on InsufficientStockError { current } }
    stockLevels { onHand available }"""
SET = f"""mutation($input: InventorySetInput!) {{ inventorySet(input: $input) {{
    results {{ accepted before after }} {ERRORS} }} }}"""
TRANSFER = f"""mutation($input: InventoryTransferInput!) {{ inventoryTransfer(input: $input) {{
    results {{ accepted from {{ before after }} to {{ before after }} }} {ERRORS} }} }}"""
HIDDEN = {"before": None, "after": None}


def a_line(item: int, **values: Any) -> dict[str, Any]:
    return {"product": {"id": str(item)}, "location": {"id": "1"}, **values}


@pytest.mark.parametrize("who", [BAND, CAPPED, SHOP])
@pytest.mark.parametrize("dry_run", [True, False])
def test_who_does_not_see_quantities_is_not_told_them_for_writing(
    stock: Caller, item: int, who: Credential, *, dry_run: bool
) -> None:
    stock.data(SET, input={"lines": [a_line(item, quantity=7341)]})
    payload = stock.data(SET, who, input={"lines": [a_line(item, quantity=8)], "dryRun": dry_run})["inventorySet"]
    assert payload["results"] == [{"accepted": True, **HIDDEN}]
    assert payload["stockLevels"] == [{"onHand": None, "available": None}]
    assert on_hand(stock, item) == (7341 if dry_run else 8)


@pytest.mark.parametrize("who", [BAND, CAPPED, SHOP])
def test_a_refusal_tells_them_no_quantity_either(stock: Caller, item: int, who: Credential) -> None:
    stock.data(SET, input={"lines": [a_line(item, quantity=7341)]})
    stale = stock.data(SET, who, input={"lines": [a_line(item, quantity=8, expected=5)]})["inventorySet"]
    ends = {"from": {"id": "1"}, "to": {"id": "2"}}
    line = {"product": {"id": str(item)}, **ends, "quantity": 9000}
    short = stock.data(TRANSFER, who, input={"lines": [line]})["inventoryTransfer"]
    for payload, code in ((stale, "STALE_QUANTITY"), (short, "INSUFFICIENT_STOCK")):
        [error] = payload["userErrors"]
        assert (error["code"], error["current"]) == (code, None)
        assert "7341" not in str(payload)
        assert payload["results"][0]["accepted"] is False
    seen = stock.data(TRANSFER, input={"lines": [line]})["inventoryTransfer"]
    assert seen["userErrors"][0]["current"] == 7341
    assert "7341" in seen["userErrors"][0]["message"]


def test_both_ends_of_a_transfer_are_hidden(stock: Caller, item: int) -> None:
    stock.data(SET, input={"lines": [a_line(item, quantity=7341)]})
    line = {"product": {"id": str(item)}, "from": {"id": "1"}, "to": {"id": "2"}, "quantity": 1}
    payload = stock.data(TRANSFER, BAND, input={"lines": [line]})["inventoryTransfer"]
    assert payload["results"] == [{"accepted": True, "from": HIDDEN, "to": HIDDEN}]
    assert (on_hand(stock, item), on_hand(stock, item, 2)) == (7340, 1)


def test_what_is_left_at_a_location_is_hidden(stock: Caller) -> None:
    create = "mutation { locationCreate(input: {name: %s}) { location { id slug } } }"
    slug = stock.data(create % '"Left over"')["locationCreate"]["location"]["slug"]
    line = {"product": {"id": str(add(stock))}, "location": {"slug": slug}, "quantity": 7341}
    stock.data(SET, input={"lines": [line]})
    archive = """mutation($slug: String!) { locationArchive(input: {location: {slug: $slug}}) {
        userErrors { code message ... on StockLeftError { levels units } } } }"""
    [told] = stock.data(archive, KEEPER, slug=slug)["locationArchive"]["userErrors"]
    assert (told["code"], told["levels"], told["units"]) == ("STOCK_LEFT", 1, None)
    assert "7341" not in told["message"]
    [told] = stock.data(archive, slug=slug)["locationArchive"]["userErrors"]
    assert told["units"] == 7341
