"""What a key may see is a property of the key: exact quantities, capped ones or bands; for the public only what is on
show."""

from __future__ import annotations

import pytest

from storage.access import Credential, Scope, Visibility
from tests.schema.caller import Caller

STAFF = Credential(2, "staff", frozenset({Scope.READ}))
BAND = Credential(3, "band", frozenset({Scope.READ}), visibility=Visibility.BAND)
CAPPED = Credential(4, "capped", frozenset({Scope.READ}), visibility=Visibility.CAPPED, cap=3)
PUBLIC = Credential(5, "shop window", frozenset({Scope.STOREFRONT}), visibility=Visibility.BAND)
PUBLIC_EXACT = Credential(6, "open books", frozenset({Scope.STOREFRONT}))

HIDDEN = [
    ("{ stockChanges { totalCount } }", "stockChanges"),
    ("{ products(filter: {onHand: {gte: 1}}) { totalCount } }", "filter.onHand"),
    ("{ stockLevels(filter: {onHand: {lte: 1}}) { totalCount } }", "filter.onHand"),
    ("query($f: StockLevelFilter) { stockLevels(filter: $f) { totalCount } }", "filter.onHand"),
    ("query($r: IntRange) { stockLevels(filter: {onHand: $r}) { totalCount } }", "filter.onHand"),
]


@pytest.mark.parametrize("who", [BAND, CAPPED, PUBLIC])
@pytest.mark.parametrize(("query", "name"), HIDDEN)
def test_what_tells_quantities_is_refused_by_its_name(shop: Caller, who: Credential, query: str, name: str) -> None:
    error = shop.refusal(query, who, f={"onHand": {"gte": 0}}, r={"gte": 0})
    assert error.extensions == {"code": "FORBIDDEN"}
    assert f"`{name}`" in error.message
    assert shop.data(query, STAFF, f={"onHand": {"gte": 0}}, r={"gte": 0})


def test_history_is_not_for_the_public_however_exactly_it_sees(shop: Caller) -> None:
    assert shop.refusal("{ stockChanges { totalCount } }", PUBLIC_EXACT).extensions == {"code": "FORBIDDEN"}
    assert shop.data("{ stockLevels(filter: {onHand: {gte: 1}}) { nodes { onHand } } }", PUBLIC_EXACT)


def test_a_filter_that_is_null_tells_nothing_and_is_not_refused(shop: Caller) -> None:
    assert shop.data("{ stockLevels(filter: {onHand: null}) { totalCount } }", BAND)


@pytest.mark.parametrize("who", [BAND, CAPPED, PUBLIC])
def test_raw_quantities_are_null_for_who_does_not_see_them_exactly(shop: Caller, who: Credential) -> None:
    query = "{ stockLevels { nodes { onHand reserved safetyStock available product { onHand } } } }"
    shown = shop.data(query, who)["stockLevels"]["nodes"]
    assert shown
    hidden = {"onHand": None, "reserved": None, "safetyStock": None, "available": None, "product": {"onHand": None}}
    assert all(level == hidden for level in shown)
    assert any(level["onHand"] for level in shop.data(query, STAFF)["stockLevels"]["nodes"])


IN_A_SHOP = """{ products { nodes { availability(near: {latitude: 51.5, longitude: 0, radiusKm: 500}) { status
    locations { status price { current } location { slug stockLevels {
    nodes { %s product { name parent { sku } } } } } } } } } }"""


@pytest.mark.parametrize("who", [STAFF, CAPPED, PUBLIC])
def test_what_a_shop_asks_of_a_page_of_products_is_not_too_deep_for_an_engine(shop: Caller, who: Credential) -> None:
    nodes = shop.data(IN_A_SHOP % "onHand", who)["products"]["nodes"]
    places = [place["location"] for node in nodes for place in node["availability"]["locations"]]
    levels = [level for place in places for level in place["stockLevels"]["nodes"]]
    assert levels
    assert all(level["product"]["name"] for level in levels)
    assert all(level["onHand"] is None for level in levels) is (who is not STAFF)
