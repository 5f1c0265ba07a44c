"""What shops ask: what may be promised, where, at what price, and for a whole cart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from storage.access import Credential, Scope, Visibility
from storage.tables import StockLevel
from tests.builders import EPOCH, a_location, a_product
from tests.schema.caller import NOW, Caller

PUBLIC = Credential(5, "shop window", frozenset({Scope.STOREFRONT}), visibility=Visibility.BAND)
CAPPED = Credential(6, "counts to three", frozenset({Scope.READ}), visibility=Visibility.CAPPED, cap=3)
LVIV, KYIV, WIEN, CLOSED, NOWHERE = 1, 2, 3, 4, 5


async def _load(session: AsyncSession) -> None:
    session.add_all(
        [
            a_location(LVIV, latitude=49.8417, longitude=24.0316, pickup=True),
            a_location(KYIV, latitude=50.4655, longitude=30.5166),
            a_location(WIEN, latitude=48.2008, longitude=16.3472, pickup=True),
            a_location(CLOSED, latitude=49.8417, longitude=24.0316, active=False),
            a_location(NOWHERE),
        ]
    )
    day = timedelta(days=1)
    prices = {"regular_price": Decimal(100), "sale_price": Decimal(80)}
    session.add_all(
        [
            a_product(1, sku="BOOT", low_stock_threshold=4, **prices),
            a_product(2, sku="ROPE", backorders="notify", sale_starts_at=NOW - day, sale_ends_at=NOW, **prices),
            a_product(3, sku="TENT", type="variable", sale_starts_at=NOW, sale_ends_at=NOW + day, **prices),
            a_product(4, sku="GIFT", manage_stock=False, sale_starts_at=NOW + day, **prices),
            a_product(5, sku="DRAFT", status="draft"),
        ]
    )
    await session.flush()
    session.add(a_product(6, sku="TENT-2", type="variation", parent_id=3, low_stock_threshold=None))
    session.add(a_product(7, sku="TENT-3", type="variation", parent_id=3, status="draft"))
    await session.flush()
    levels: list[dict[str, Any]] = [
        {"product_id": 1, "location_id": LVIV, "on_hand": 9, "reserved": 4, "safety_stock": 1},
        {"product_id": 1, "location_id": KYIV, "on_hand": 2, "reserved": 9},
        {"product_id": 1, "location_id": WIEN, "on_hand": 9, "regular_price": Decimal(120)},
        {"product_id": 1, "location_id": CLOSED, "on_hand": 50},
        {"product_id": 1, "location_id": NOWHERE, "on_hand": 7, "disabled": True},
        {"product_id": 2, "location_id": LVIV, "on_hand": 0, "backorders": "no"},
        {"product_id": 2, "location_id": WIEN, "on_hand": None},
        {"product_id": 4, "location_id": WIEN, "on_hand": None},
        {"product_id": 5, "location_id": LVIV, "on_hand": 5},
        {"product_id": 6, "location_id": NOWHERE, "on_hand": 1, "sale_price": Decimal(90)},
        {"product_id": 7, "location_id": NOWHERE, "on_hand": 1},
    ]
    session.add_all([StockLevel(**level, version=1, updated_at=EPOCH) for level in levels])


@pytest.fixture(scope="session")
def outdoor(new_caller: Callable[[Any], Caller]) -> Caller:
    """Five locations, five products and two variations."""
    return new_caller(_load)


def _of(caller: Caller, sku: str, arguments: str = "", who: Any = None) -> Any:
    query = f"""query($sku: String!) {{ product(sku: $sku) {{ availability{arguments} {{
        status quantity quantityIsCapped
        locations {{ location {{ databaseId }} status quantity quantityIsCapped distanceKm pickup }}
    }} }} }}"""
    return caller.data(query, who, sku=sku)["product"]["availability"]


def _places(answer: Any) -> list[tuple[int, str, int | None]]:
    return [(at["location"]["databaseId"], at["status"], at["quantity"]) for at in answer["locations"]]


def test_what_is_reserved_kept_back_disabled_or_closed_is_not_offered(outdoor: Caller) -> None:
    answer = _of(outdoor, "boot")
    assert (answer["status"], answer["quantity"], answer["quantityIsCapped"]) == ("IN_STOCK", 13, False)
    assert _places(answer) == [(LVIV, "LOW_STOCK", 4), (KYIV, "OUT_OF_STOCK", 0), (WIEN, "IN_STOCK", 9)]
    assert outdoor.data('{ product(sku: "BOOT") { available onHand } }')["product"] == {"available": 13, "onHand": 27}


def test_back_orders_are_taken_where_the_level_or_else_the_product_says_so(outdoor: Caller) -> None:
    answer = _of(outdoor, "ROPE")
    assert (answer["status"], answer["quantity"]) == ("BACKORDER", 0)
    assert _places(answer) == [(LVIV, "OUT_OF_STOCK", 0), (WIEN, "BACKORDER", 0)]
    assert _of(outdoor, "ROPE", '(locations: [{slug: "location-1"}])')["status"] == "OUT_OF_STOCK"


def test_what_is_not_tracked_has_no_quantity(outdoor: Caller) -> None:
    answer = _of(outdoor, "GIFT")
    assert (answer["status"], answer["quantity"], _places(answer)) == (
        "NOT_TRACKED",
        None,
        [(WIEN, "NOT_TRACKED", None)],
    )
    assert outdoor.data('{ product(sku: "GIFT") { available } }')["product"] == {"available": None}


def test_a_variable_product_is_what_its_variations_are(outdoor: Caller) -> None:
    assert _of(outdoor, "TENT")["quantity"] == 2
    assert _places(_of(outdoor, "TENT")) == [(NOWHERE, "LOW_STOCK", 2)]
    assert (_of(outdoor, "TENT", who=PUBLIC)["status"], _of(outdoor, "TENT-2")["quantity"]) == ("LOW_STOCK", 1)


def test_the_nearest_come_first_and_those_without_coordinates_last(outdoor: Caller) -> None:
    near = "near: {latitude: 48.2, longitude: 16.4}"
    at = _of(outdoor, "BOOT", f"({near})")["locations"]
    assert [(place["location"]["databaseId"], round(place["distanceKm"])) for place in at] == [
        (WIEN, 4),
        (LVIV, 585),
        (KYIV, 1052),
    ]
    assert [place["pickup"] for place in at] == [True, True, False]
    within = _of(outdoor, "BOOT", "(near: {latitude: 48.2, longitude: 16.4, radiusKm: 600})")
    assert (_places(within), within["quantity"]) == ([(WIEN, "IN_STOCK", 9), (LVIV, "LOW_STOCK", 4)], 13)
    assert [at["distanceKm"] for at in _of(outdoor, "TENT", f"({near})")["locations"]] == [None]
    assert _of(outdoor, "TENT", "(near: {latitude: 48.2, longitude: 16.4, radiusKm: 20050})")["locations"] == []


def test_a_capped_key_sees_up_to_its_cap_and_a_band_only_that_there_is_none(outdoor: Caller) -> None:
    capped, band = _of(outdoor, "BOOT", who=CAPPED), _of(outdoor, "BOOT", who=PUBLIC)
    assert (capped["status"], capped["quantity"], capped["quantityIsCapped"]) == ("IN_STOCK", 3, True)
    assert _places(capped) == [(LVIV, "LOW_STOCK", 3), (KYIV, "OUT_OF_STOCK", 0), (WIEN, "IN_STOCK", 3)]
    assert (band["status"], band["quantity"], band["quantityIsCapped"]) == ("IN_STOCK", None, False)
    assert _places(band) == [(LVIV, "LOW_STOCK", None), (KYIV, "OUT_OF_STOCK", 0), (WIEN, "IN_STOCK", None)]


def test_the_public_sees_only_what_is_on_show(outdoor: Caller) -> None:
    assert outdoor.data('{ product(sku: "DRAFT") { id } }', PUBLIC) == {"product": None}
    data = outdoor.data(
        "{ locations { databaseId } products { totalCount nodes { variations { sku } stockLevels { disabled } } } "
        "stockLevels { totalCount } }",
        PUBLIC,
    )
    assert [place["databaseId"] for place in data["locations"]] == [LVIV, KYIV, WIEN, NOWHERE]
    assert data["products"]["totalCount"] == 5
    assert [v["sku"] for node in data["products"]["nodes"] for v in node["variations"]] == ["TENT-2"]
    assert data["stockLevels"]["totalCount"] == 7
    assert not any(level["disabled"] for node in data["products"]["nodes"] for level in node["stockLevels"])


PRICE = "price { regular sale current onSale }"


@pytest.mark.parametrize(
    ("sku", "on_sale"), [("BOOT", True), ("ROPE", False), ("TENT", True), ("GIFT", False)], ids=str
)
def test_a_sale_price_applies_from_its_beginning_until_its_end(outdoor: Caller, sku: str, on_sale: bool) -> None:  # noqa: FBT001 (a parameter)
    price = outdoor.data(f"query($sku: String!) {{ product(sku: $sku) {{ {PRICE} }} }}", sku=sku)["product"]["price"]
    current = "80.00" if on_sale else "100.00"
    assert price == {"regular": "100.00", "sale": "80.00", "current": current, "onSale": on_sale}


def test_a_location_s_own_prices_go_before_the_product_s(outdoor: Caller) -> None:
    wien = '(locations: [{slug: "location-3"}])'
    query = f'{{ product(sku: "BOOT") {{ stockLevels{wien} {{ regularPrice salePrice {PRICE} }} '
    query += f"availability{wien} {{ locations {{ {PRICE} }} }} }} }}"
    product = outdoor.data(query)["product"]
    expected = {"regular": "120.00", "sale": "80.00", "current": "80.00", "onSale": True}
    assert product["stockLevels"] == [{"regularPrice": "120.00", "salePrice": None, "price": expected}]
    assert product["availability"]["locations"] == [{"price": expected}]
    only_sale = outdoor.data(f'{{ product(sku: "TENT-2") {{ stockLevels {{ {PRICE} }} }} }}')["product"]["stockLevels"]
    assert only_sale == [{"price": {"regular": None, "sale": "90.00", "current": None, "onSale": False}}]


CART = """query($lines: [CartLine!]!, $near: Near, $at: [LocationKey!]) {
  availabilityFor(lines: $lines, near: $near, locations: $at) {
    canServeAll locations { location { databaseId } distanceKm pickup }
    lines { sku requested canServe status quantity product { databaseId } locations { location { databaseId } } }
  }
}"""


def _cart(caller: Caller, *lines: tuple[str, int], who: Any = None, **places: Any) -> Any:
    asked = [{"sku": sku, "quantity": quantity} for sku, quantity in lines]
    return caller.data(CART, who, lines=asked, **places)["availabilityFor"]


def test_a_cart_is_answered_line_by_line_and_as_a_whole(outdoor: Caller) -> None:
    answer = _cart(outdoor, ("gift", 3), ("BOOT", 5))
    assert [line["sku"] for line in answer["lines"]] == ["gift", "BOOT"]
    gift, boot = answer["lines"]
    assert gift["locations"] == boot["locations"] == [{"location": {"databaseId": WIEN}}]
    assert (gift["canServe"], gift["status"], gift["quantity"]) == (True, "NOT_TRACKED", None)
    assert (boot["canServe"], boot["status"], boot["quantity"], boot["requested"]) == (True, "IN_STOCK", 13, 5)
    assert answer["canServeAll"] is True
    assert answer["locations"] == [{"location": {"databaseId": WIEN}, "distanceKm": None, "pickup": True}]


def test_lines_for_one_product_add_up(outdoor: Caller) -> None:
    answer = _cart(outdoor, ("BOOT", 6), ("boot", 4))
    assert [line["canServe"] for line in answer["lines"]] == [True, True]
    assert (answer["canServeAll"], answer["locations"]) == (True, [])  # 10 of 13, but nowhere 10 together
    assert _cart(outdoor, ("BOOT", 7), ("boot", 7))["canServeAll"] is False
    assert [at["location"]["databaseId"] for at in _cart(outdoor, ("BOOT", 2), ("boot", 2))["locations"]] == [
        LVIV,
        WIEN,
    ]


def test_an_unknown_sku_is_told_and_serves_nothing(outdoor: Caller) -> None:
    answer = _cart(outdoor, ("BOOT", 1), ("", 1), ("nope", 1), who=PUBLIC)
    unknown = {"requested": 1, "canServe": False, "status": None, "quantity": None, "product": None, "locations": []}
    assert answer["lines"][1:] == [{"sku": "", **unknown}, {"sku": "nope", **unknown}]
    assert (answer["canServeAll"], answer["locations"]) == (False, [])
    assert _cart(outdoor, ("DRAFT", 1), who=PUBLIC)["lines"] == [{"sku": "DRAFT", **unknown}]


def test_a_cart_asks_near_places_and_only_named_ones(outdoor: Caller) -> None:
    near = {"latitude": 49.8, "longitude": 24.0}
    answer = _cart(outdoor, ("BOOT", 1), near=near)
    assert [at["location"]["databaseId"] for at in answer["locations"]] == [LVIV, WIEN]
    assert answer["locations"][0]["distanceKm"] == pytest.approx(5.16, abs=0.01)
    assert _cart(outdoor, ("BOOT", 5), near={**near, "radiusKm": 10})["canServeAll"] is False
    assert _cart(outdoor, ("BOOT", 5), at=[{"id": WIEN}])["canServeAll"] is True
    assert _cart(outdoor, ("BOOT", 1), at=[])["canServeAll"] is False


def test_a_limited_key_is_promised_only_what_is_where_it_sees(outdoor: Caller) -> None:
    assert _of(outdoor, "BOOT", who=[LVIV])["quantity"] == 4
    assert _cart(outdoor, ("BOOT", 5), who=[LVIV])["canServeAll"] is False


BOOT = {"sku": "BOOT", "quantity": 1}


@pytest.mark.parametrize(
    ("variables", "field"),
    [
        ({"lines": []}, "`lines`"),
        ({"lines": [BOOT] * 251}, "`lines`"),
        ({"lines": [BOOT, {"sku": "BOOT", "quantity": 0}]}, "`lines[1].quantity`"),
        ({"lines": [{"sku": "BOOT", "quantity": 1_000_000_001}]}, "`lines[0].quantity`"),
        ({"lines": [{"sku": "a\0b", "quantity": 1}]}, "`lines[0].sku`"),
        ({"near": {"latitude": 90.1, "longitude": 0}}, "`near.latitude`"),
        ({"near": {"latitude": 0, "longitude": -180.5}}, "`near.longitude`"),
        ({"near": {"latitude": 0, "longitude": 0, "radiusKm": 0}}, "`near.radiusKm`"),
        ({"near": {"latitude": 0, "longitude": 0, "radiusKm": 20051}}, "`near.radiusKm`"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_the_field_s_name(
    outdoor: Caller, variables: dict[str, Any], field: str
) -> None:
    error = outdoor.refusal(CART, **{"lines": [BOOT], **variables})
    assert error.extensions == {"code": "BAD_USER_INPUT"}
    assert field in error.message


def test_250_lines_and_the_ends_of_the_earth_are_answered(outdoor: Caller) -> None:
    answer = _cart(outdoor, *[("BOOT", 1)] * 250, near={"latitude": -90, "longitude": 180, "radiusKm": 20050})
    assert len(answer["lines"]) == 250
    assert answer["canServeAll"] is False
    for latitude, longitude in ((90, 0), (-49.8417, -155.9684), (0, -180)):
        assert _of(outdoor, "BOOT", f"(near: {{latitude: {latitude}, longitude: {longitude}}})")["quantity"] == 13


def test_the_viewer_is_told_what_it_may_see_and_do(outdoor: Caller) -> None:
    query = "{ viewer { key { databaseId name hint expiresAt } scopes visibility { kind cap } locations { databaseId } "
    query += "limits { costPerMinute costMax depthMax firstMax bulkItemsMax } } }"
    limited = Credential(
        7, "web", frozenset({Scope.STOREFRONT, Scope.WRITE}), frozenset({WIEN, CLOSED}),
        visibility=Visibility.CAPPED, cap=3, cost_per_minute=900, hint="sgk_abc",
    )  # fmt: skip
    assert outdoor.data(query, limited)["viewer"] == {
        "key": {"databaseId": 7, "name": "web", "hint": "sgk_abc", "expiresAt": None},
        "scopes": ["STOREFRONT", "WRITE"],
        "visibility": {"kind": "CAPPED", "cap": 3},
        "locations": [{"databaseId": WIEN}],  # the other one is closed
        "limits": {"costPerMinute": 900, "costMax": 50_000, "depthMax": 20, "firstMax": 250, "bulkItemsMax": 1000},
    }
    viewer = outdoor.data(query)["viewer"]
    assert (viewer["locations"], viewer["scopes"], viewer["visibility"]) == (
        None,
        ["ADMIN"],
        {"kind": "EXACT", "cap": None},
    )
