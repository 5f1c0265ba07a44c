"""Reads of products and variations: checks 45 to 63 of the checklist, and the exact shapes of what is answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.dialects.wc_v3.shapes import Product, Variation
from gateway.settings import Settings
from storage.tables import Location, StockLevel
from storage.tables import Product as Row
from tests.builders import EPOCH, a_product
from tests.gateway.dialects.wc_v3.conftest import API, MAIN, OTHER, P1, V1, V2, P, S, Shop, U, V

sqlite_only = pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)  # what does not depend on the engine


def _ids(rows: list[dict[str, Any]]) -> list[int]:
    return [row["id"] for row in rows]


async def _add(shop: Shop, *rows: Any) -> None:
    async def add(session: Any) -> None:
        session.add_all(rows)

    await shop.database.transact(add)


async def _set(shop: Shop, model: Any, key: Any, **values: Any) -> None:
    async def change(session: Any) -> None:
        row = await session.get(model, key)
        for name, value in values.items():
            setattr(row, name, value)

    await shop.database.transact(change)


async def test_checks_45_to_47_a_page_tells_how_many_there_are_and_where_the_next_is(shop: Shop) -> None:
    page = await shop.call("GET", "/products", params={"per_page": 2, "page": 2})  # 45
    assert len(page.json()) == 2
    assert (page.headers["x-wp-total"], page.headers["x-wp-totalpages"]) == ("4", "2")
    link = page.headers["link"]
    assert 'rel="prev"' in link
    assert 'rel="next"' not in link
    assert "page=1" in link

    page = await shop.call("GET", f"{API}/products?per_page=2&page=1&sku=S-1,U-1,V-1")  # 46
    assert page.headers["link"] == (
        f'<https://shop.example{API}/products?per_page=2&page=2&sku=S-1%2CU-1%2CV-1>; rel="next"'
    )
    assert page.headers["x-wp-total"] == "3"

    page = await shop.call("GET", "/products", params={"page": 99})  # 47
    assert (page.json(), page.headers["x-wp-total"], page.headers["x-wp-totalpages"]) == ([], "4", "1")
    page = await shop.call("GET", "/products", params={"page": 10**30})
    assert (page.status_code, page.json()) == (200, [])


async def test_checks_48_to_51_a_sku_finds_exactly_its_product_or_variation(shop: Shop) -> None:
    assert _ids(await shop.get("/products", sku="S-1")) == [S]  # 48
    assert _ids(await shop.get("/products", sku="s-1")) == [S]
    [row] = await shop.get("/products", sku="V-1-R")  # 49
    assert (row["id"], row["type"], row["parent_id"]) == (V1, "variation", V)
    assert row["_links"]["up"] == [{"href": f"https://shop.example{API}/products/{V}"}]
    none = await shop.call("GET", "/products", params={"sku": "none"})  # 50
    assert (none.json(), none.headers["x-wp-total"], none.headers["x-wp-totalpages"]) == ([], "0", "0")
    assert none.headers["link"]
    assert await shop.get("/products", sku="S-") == []  # exact
    assert {*_ids(await shop.get("/products"))} == {S, U, V, P}  # 51
    assert await shop.get("/products", include=f"{V1},{V2}") == []  # not even when they are named
    await _add(shop, a_product(40, sku="A,B"))
    assert _ids(await shop.get("/products", sku="A,B")) == [40]
    assert _ids(await shop.get("/products", search_sku="-1-r", orderby="id", order="asc")) == [V1, P1]
    assert _ids(await shop.get("/products", search_name_or_sku="red v-1")) == [V1]
    assert _ids(await shop.get("/products", search="-1-R", search_fields="sku", order="asc", orderby="id")) == [V1, P1]
    assert await shop.get("/products", search="S-1") == []  # search does not look into SKUs


async def test_checks_52_to_55_lists_are_filtered_and_sorted(shop: Shop) -> None:
    assert _ids(await shop.get("/products", include=f"{U},{S}", orderby="include")) == [U, S]  # 52
    assert _ids(await shop.get("/products", include=f"{S},{U}", orderby="include", order="desc")) == [S, U]
    assert await shop.get("/products", stock_status="outofstock") == []  # 53
    await _set(shop, StockLevel, (S, MAIN), on_hand=0)
    await _set(shop, StockLevel, (V1, MAIN), on_hand=0)
    await _set(shop, Row, V2, stock_status="outofstock")
    rows = await shop.get("/products", stock_status="outofstock", orderby="id", order="asc")
    assert [(row["id"], row["stock_status"]) for row in rows] == [(S, "outofstock"), (V, "outofstock")]

    later = EPOCH + timedelta(days=400)
    await _set(shop, StockLevel, (P, MAIN), updated_at=later)  # 54: of an item, of which stock is a part
    await _set(shop, StockLevel, (V1, MAIN), updated_at=later + timedelta(seconds=1))
    at, gmt = f"{later:%Y-%m-%dT%H:%M:%S}", "true"
    assert {*_ids(await shop.get("/products", modified_after=at, dates_are_gmt=gmt))} == {V}  # P: the same second
    just_before = f"{later - timedelta(seconds=1):%Y-%m-%dT%H:%M:%S}"
    assert {*_ids(await shop.get("/products", modified_after=just_before, dates_are_gmt=gmt))} == {V, P}
    assert {*_ids(await shop.get("/variations", modified_after=just_before, dates_are_gmt=gmt))} == {V1, P1}
    [row] = await shop.get("/products", include=P)
    assert row["date_modified_gmt"] == at
    assert _ids(await shop.get("/products", orderby="modified", per_page=2)) == [V, P]

    response = await shop.call("GET", "/products?orderby=id&order=asc&offset=2&per_page=1")  # 55
    assert (_ids(response.json()), response.headers["x-wp-total"]) == ([V], "4")


async def test_checks_56_to_58_a_product_has_every_field_in_its_type(shop: Shop) -> None:
    response = await shop.call("GET", f"/products/{S}")  # 56
    shown = response.json()
    assert _mistyped(shown, PRODUCT) == {}
    assert set(PRODUCT) == (set(Product.__annotations__) | {"_links"}) - {"permalink_template", "generated_slug"}
    at = f"https://shop.example{API}/products"
    assert shown["_links"] == {
        "self": [{"href": f"{at}/{S}", "targetHints": {"allow": ["GET", "POST", "PUT", "PATCH", "DELETE"]}}],
        "collection": [{"href": at}],
    }
    assert (shown["price"], shown["regular_price"], shown["sale_price"]) == ("12.00", "12.00", "")
    assert (shown["manage_stock"], shown["stock_quantity"], shown["stock_status"]) == (True, 10, "instock")
    assert (shown["permalink"], shown["slug"]) == ("https://shop.example/product/product-11/", "product-11")
    assert shown["locations"] == [{"id": MAIN, "name": "Location 1", "slug": "location-1", "quantity": 10}]
    assert (await shop.get(f"/products/{S}", context="edit")).keys() - shown.keys() == {
        "permalink_template",
        "generated_slug",
    }
    shown = await shop.get(f"/products/{U}")  # 57
    assert (shown["manage_stock"], shown["stock_quantity"], shown["stock_status"]) == (False, None, "instock")
    for caller in (shop, shop.as_(None)):  # 58
        for id_ in ("999999", "9" * 40, "0"):
            response = await caller.call("GET", f"/products/{id_}")
            assert response.status_code == 404
            assert response.json()["code"] == "woocommerce_rest_product_invalid_id"
            assert response.json()["message"] == "Invalid ID."
    assert (await shop.as_(None).call("GET", f"/products/{S}")).status_code == 401


async def test_checks_59_to_63_variations_have_a_shape_of_their_own(shop: Shop) -> None:
    first, second = await shop.get(f"/products/{V}/variations", orderby="id", order="asc")  # 59
    assert (first["id"], second["id"]) == (V1, V2)
    assert (first["sku"], second["sku"]) == ("V-1-R", "V-1")
    assert (first["image"], first["name"], first["parent_id"]) == (None, "Red", V)
    assert first["attributes"] == [{"id": 0, "name": "Colour", "slug": "colour", "option": "Red"}]
    assert (first["manage_stock"], first["stock_quantity"]) == (True, 3)
    assert (second["manage_stock"], second["stock_quantity"]) == (False, None)
    assert _mistyped(first, VARIATION) == _mistyped(second, VARIATION) == {}
    assert set(VARIATION) == set(Variation.__annotations__) | {"_links"}
    at = f"https://shop.example{API}/products/{V}"
    assert first["_links"]["self"][0]["href"] == f"{at}/variations/{V1}"
    assert (first["_links"]["collection"], first["_links"]["up"]) == ([{"href": f"{at}/variations"}], [{"href": at}])

    shown = await shop.get(f"/products/{P}/variations/{P1}")  # 60
    assert (shown["manage_stock"], shown["stock_quantity"], shown["stock_status"]) == ("parent", 8, "instock")
    for nobody in (S, 999_999):  # 61
        empty = await shop.call("GET", f"/products/{nobody}/variations")
        assert (empty.status_code, empty.json(), empty.headers["x-wp-total"]) == (200, [], "0")
    for caller in (shop, shop.as_(None)):  # 62
        for path in (f"{P}/variations/{V1}", f"{V}/variations/{S}", f"{V}/variations/999999"):
            response = await caller.call("GET", f"/products/{path}")
            assert response.status_code == 404
            assert response.json()["code"] == "woocommerce_rest_product_variation_invalid_id"
    shown = await shop.get(f"/products/{V1}")  # 63
    assert _mistyped(shown, PRODUCT) == {}
    assert (shown["type"], shown["parent_id"], shown["_links"]["up"]) == ("variation", V, [{"href": at}])
    shown = await shop.get(f"/products/{V}")
    assert (shown["variations"], shown["has_options"], shown["stock_quantity"]) == ([V1, V2], True, None)
    assert [(each["name"], each["options"]) for each in shown["attributes"]] == [("Colour", ["Red", "Blue"])]
    assert {*_ids(await shop.get("/variations"))} == {V1, V2, P1}


TEXT, FLAG, NUMBER, LIST = str, bool, int, list
MAYBE_TEXT, MAYBE_NUMBER = (str, type(None)), (int, type(None))
PRODUCT: dict[str, Any] = {
    "id": NUMBER, "name": TEXT, "slug": TEXT, "permalink": TEXT, "date_created": TEXT, "date_created_gmt": TEXT,
    "date_modified": TEXT, "date_modified_gmt": TEXT, "type": TEXT, "status": TEXT, "featured": FLAG,
    "catalog_visibility": TEXT, "description": TEXT, "short_description": TEXT, "sku": TEXT, "price": TEXT,
    "regular_price": TEXT, "sale_price": TEXT, "date_on_sale_from": MAYBE_TEXT, "date_on_sale_from_gmt": MAYBE_TEXT,
    "date_on_sale_to": MAYBE_TEXT, "date_on_sale_to_gmt": MAYBE_TEXT, "on_sale": FLAG, "purchasable": FLAG,
    "total_sales": NUMBER, "virtual": FLAG, "downloadable": FLAG, "downloads": LIST, "download_limit": NUMBER,
    "download_expiry": NUMBER, "external_url": TEXT, "button_text": TEXT, "tax_status": TEXT, "tax_class": TEXT,
    "manage_stock": FLAG, "stock_quantity": MAYBE_NUMBER, "backorders": TEXT, "backorders_allowed": FLAG,
    "backordered": FLAG, "low_stock_amount": MAYBE_NUMBER, "sold_individually": FLAG, "weight": TEXT,
    "dimensions": dict, "shipping_required": FLAG, "shipping_taxable": FLAG, "shipping_class": TEXT,
    "shipping_class_id": NUMBER, "reviews_allowed": FLAG, "average_rating": TEXT, "rating_count": NUMBER,
    "upsell_ids": LIST, "cross_sell_ids": LIST, "parent_id": NUMBER, "purchase_note": TEXT, "categories": LIST,
    "brands": LIST, "tags": LIST, "images": LIST, "attributes": LIST, "default_attributes": LIST, "variations": LIST,
    "grouped_products": LIST, "menu_order": NUMBER, "price_html": TEXT, "related_ids": LIST, "meta_data": LIST,
    "stock_status": TEXT, "has_options": FLAG, "post_password": TEXT, "global_unique_id": TEXT, "_links": dict,
    "locations": LIST,
}  # fmt: skip
"""The members of a product as the reference answers them, and `locations`, which is ours."""
VARIATION: dict[str, Any] = {
    "id": NUMBER, "type": TEXT, "date_created": TEXT, "date_created_gmt": TEXT, "date_modified": TEXT,
    "date_modified_gmt": TEXT, "description": TEXT, "permalink": TEXT, "sku": TEXT, "global_unique_id": TEXT,
    "price": TEXT, "regular_price": TEXT, "sale_price": TEXT, "date_on_sale_from": MAYBE_TEXT,
    "date_on_sale_from_gmt": MAYBE_TEXT, "date_on_sale_to": MAYBE_TEXT, "date_on_sale_to_gmt": MAYBE_TEXT,
    "on_sale": FLAG, "status": TEXT, "purchasable": FLAG, "virtual": FLAG, "downloadable": FLAG, "downloads": LIST,
    "download_limit": NUMBER, "download_expiry": NUMBER, "tax_status": TEXT, "tax_class": TEXT,
    "manage_stock": (bool, str), "stock_quantity": MAYBE_NUMBER, "stock_status": TEXT, "backorders": TEXT,
    "backorders_allowed": FLAG, "backordered": FLAG, "low_stock_amount": MAYBE_NUMBER, "weight": TEXT,
    "dimensions": dict, "shipping_class": TEXT, "shipping_class_id": NUMBER, "image": (dict, type(None)),
    "gallery_image_ids": LIST, "attributes": LIST, "menu_order": NUMBER, "meta_data": LIST, "name": TEXT,
    "parent_id": NUMBER, "_links": dict, "locations": LIST,
}  # fmt: skip


def _mistyped(shown: dict[str, Any], types: dict[str, Any]) -> dict[str, Any]:
    """Members that are missing, too many, or of another type."""
    wrong: dict[str, Any] = dict.fromkeys(shown.keys() ^ types.keys(), "missing or unknown")
    for name in shown.keys() & types.keys():
        wanted = types[name] if isinstance(types[name], tuple) else (types[name],)
        if type(shown[name]) not in wanted:
            wrong[name] = shown[name]
    return wrong


KEPT = {
    "slug": "my-mug",
    "featured": True,
    "description": "<b>Very</b> blue",
    "regular_price": "12",
    "sale_price": "9.5",
    "weight": "1.5",
    "dimensions": {"length": "1", "width": "2", "height": "3"},
    "shipping_class": "bulky",
    "tax_class": "reduced-rate",
    "categories": [{"id": 7, "name": "Mugs", "slug": "mugs"}],
    "tags": [{"id": 8, "name": "", "slug": ""}],
    "images": [
        {
            "id": 3, "src": "https://cdn.example/a.jpg", "name": "", "alt": "",
            "date_created": "2026-01-01T00:00:00", "date_created_gmt": "2026-01-01T00:00:00",
            "date_modified": "2026-01-01T00:00:00", "date_modified_gmt": "2026-01-01T00:00:00",
        }
    ],
    "meta_data": [{"id": 1, "key": "k", "value": {"any": [1, None]}}, {"id": 2, "key": "other", "value": ""}],
    "meta_last_id": 2,
    "menu_order": 4,
    "attributes": [
        {
            "id": 5, "name": "colour", "slug": "pa_colour", "position": 0, "visible": True, "variation": True,
            "options": ["Red", "Blue"],
        }
    ],
}  # fmt: skip


@sqlite_only
async def test_what_clients_wrote_is_given_back_as_they_wrote_it(shop: Shop) -> None:
    prices = {"regular_price": Decimal(12), "sale_price": Decimal("9.5")}
    await _set(shop, Row, S, extra={"wc/v3": KEPT, "other": {"weight": "9"}}, **prices)
    await _set(shop, Row, V, extra={"wc/v3": KEPT})
    shown = await shop.get(f"/products/{S}")
    assert {name: shown.get(name) for name in KEPT if name != "meta_last_id"} == {
        name: value for name, value in KEPT.items() if name != "meta_last_id"
    }
    assert "meta_last_id" not in shown
    assert (shown["price"], shown["on_sale"]) == ("9.5", True)
    assert shown["permalink"] == "https://shop.example/product/my-mug/"
    await _set(shop, Row, S, regular_price=Decimal("12.5"))  # by somebody else
    assert (await shop.get(f"/products/{S}"))["regular_price"] == "12.50"

    shown = await shop.get(f"/products/{V}/variations/{V1}")  # what it has not, it has of its parent
    for name in ("weight", "dimensions", "shipping_class", "tax_class"):
        assert shown[name] == KEPT[name]
    assert shown["image"] == KEPT["images"][0]  # type: ignore[index]
    assert (shown["description"], shown["meta_data"], shown["menu_order"]) == ("", [], 0)
    assert shown["attributes"] == [{"id": 5, "name": "Colour", "slug": "pa_colour", "option": "Red"}]
    assert shown["permalink"] == "https://shop.example/product/my-mug/?attribute_pa_colour=Red"
    edited = await shop.get(f"/products/{V}/variations/{V1}", context="edit")
    assert (edited["tax_class"], edited["image"], edited["weight"]) == ("", None, "1.5")

    [row] = await shop.get("/products", include=S, include_meta="k")
    assert _ids(row["meta_data"]) == [1]
    [row] = await shop.get("/products", include=S, exclude_meta="k")
    assert _ids(row["meta_data"]) == [2]
    assert await shop.get(f"/products/{S}/related") == [V]
    assert await shop.get(f"/products/{U}/related") == []


async def test_filters_on_what_clients_wrote_and_on_what_follows_from_it(shop: Shop) -> None:
    prices = {"regular_price": Decimal(12), "sale_price": Decimal("9.5")}
    await _set(shop, Row, S, extra={"wc/v3": KEPT}, **prices)
    await _set(shop, Row, V1, regular_price=Decimal(40))
    for query, found in (
        ({"featured": "true"}, [S]),
        ({"featured": "false"}, [U, V, P]),
        ({"virtual": "true"}, []),
        ({"category": "7,99"}, [S]),
        ({"tag": "8"}, [S]),
        ({"brand": "8"}, []),
        ({"shipping_class": "1"}, []),
        ({"attribute": "pa_x", "attribute_term": "1"}, []),
        ({"tax_class": "reduced-rate"}, [S]),
        ({"tax_class": "standard"}, [U, V, P]),
        ({"slug": "my-mug"}, [S]),
        ({"slug": f"product-{U}"}, [U]),
        ({"slug": f"product-{S}"}, []),
        ({"search": "VERY blue"}, [S]),
        ({"search": "product 12"}, [U]),
        ({"search": "100%_"}, []),
        ({"on_sale": "true"}, [S]),
        ({"min_price": "9.50", "max_price": "10"}, [S]),
        ({"min_price": "39"}, [V]),
        ({"type": "variable"}, [V, P]),
        ({"include_types": "variable,simple", "exclude_types": "simple"}, [V, P]),
        ({"stock_quantity": "10"}, [S]),
        ({"stock_quantity": "3"}, [V]),
        ({"min_stock_quantity": "4", "max_stock_quantity": "9"}, [P]),
        ({"exclude": f"{S},{U}"}, [V, P]),
        ({"status": "draft"}, []),
        ({"orderby": "menu_order", "per_page": "1"}, [S]),
        ({"orderby": "price", "per_page": "1"}, [V]),
        ({"orderby": "popularity", "order": "asc", "per_page": "1"}, [S]),
        ({"manage_stock": "true", "low_in_stock": "1"}, [S, U, V, P]),  # no parameters of this route
    ):
        rows = await shop.get("/products", **{"orderby": "id", "order": "asc", **query, **_desc(query)})
        assert _ids(rows) == found, query
    refused = await shop.call("GET", "/products?min_price=cheap")
    assert refused.json()["data"]["params"] == {"min_price": "min_price is not a decimal number, such as 19.99."}
    for query, found in (
        ({"has_price": "true"}, [V1]),
        ({"attributes[0][attribute]": "Colour", "attributes[0][term]": "Blue"}, [V2]),
        ({"parent": str(P)}, [P1]),
        ({"parent_exclude": str(P)}, [V1, V2]),
        ({"stock_quantity": "8"}, [P1]),
    ):
        assert _ids(await shop.get("/variations", orderby="id", order="asc", **query)) == found, query


def _desc(query: dict[str, str]) -> dict[str, str]:
    return {"order": query.get("order", "desc")} if "orderby" in query else {}


async def test_the_trash_is_read_by_id_only_and_what_was_deleted_for_good_not_at_all(shop: Shop) -> None:
    await _set(shop, Row, S, status="trash")
    await _set(shop, Row, U, status="trash", deleted_at=datetime.now(UTC))
    await _set(shop, Row, V2, status="trash")
    assert {*_ids(await shop.get("/products"))} == {V, P}
    assert _ids(await shop.get("/products", status="trash")) == [S]
    assert _ids(await shop.get("/products", include_status="trash,draft")) == [S]
    assert await shop.get("/products", sku="S-1") == []
    assert (await shop.get(f"/products/{S}"))["status"] == "trash"
    assert (await shop.call("GET", f"/products/{U}")).status_code == 404
    assert _ids(await shop.get(f"/products/{V}/variations")) == [V1]
    assert (await shop.get(f"/products/{V}"))["variations"] == [V1]


@sqlite_only
async def test_an_etag_names_the_version_that_writes_may_expect(shop: Shop) -> None:
    tags = [(await shop.call("GET", f"/products/{S}")).headers["etag"] for _ in range(2)]
    await _set(shop, StockLevel, (S, MAIN), version=7)
    tags.append((await shop.call("GET", f"/products/{S}")).headers["etag"])
    assert tags[0] == tags[1] != tags[2]
    assert (await shop.call("GET", f"/products/{V}/variations/{V1}")).headers["etag"]


class TestInAnotherTimeZone:
    """The shop's dates are of its own zone."""

    @pytest.fixture
    def settings(self, database_url: str) -> Settings:
        return Settings(database_url=database_url, timezone="Europe/Kyiv")

    @sqlite_only
    async def test_dates_are_of_the_zone_of_the_shop_and_of_utc_beside(self, shop: Shop) -> None:
        begin = datetime(2026, 7, 1, 9, 30, 0, 999_999, tzinfo=UTC)
        await _set(shop, Row, S, created_at=begin, sale_starts_at=begin)
        shown = await shop.get(f"/products/{S}")
        assert (shown["date_created"], shown["date_created_gmt"]) == ("2026-07-01T12:30:00", "2026-07-01T09:30:00")
        assert (shown["date_on_sale_from"], shown["date_on_sale_to"]) == ("2026-07-01T12:30:00", None)
        for query, found in (
            ({"after": "2026-07-01T12:29:59"}, [S]),
            ({"after": "2026-07-01T12:30:00"}, []),
            ({"after": "2026-07-01T09:29:59", "dates_are_gmt": "true"}, [S]),
            ({"after": "2026-07-01T10:29:59+01:00"}, [S]),
            ({"after": "2026-07-01T09:30:00Z"}, []),
            ({"before": "2026-07-01T12:30:00"}, [U, V, P]),
            ({"before": "2026-07-01T12:30:01"}, [S, U, V, P]),
        ):
            assert _ids(await shop.get("/products", orderby="id", order="asc", **query)) == found, query


@sqlite_only
async def test_back_orders_and_several_locations_show_in_quantity_and_status(shop: Shop) -> None:
    await _add(shop, StockLevel(product_id=S, location_id=OTHER, on_hand=-12, version=1, updated_at=EPOCH))
    await _add(shop, StockLevel(product_id=S, location_id=3, on_hand=50, version=1, updated_at=EPOCH))  # inactive
    await _set(shop, StockLevel, (S, MAIN), on_hand=0)
    await _set(shop, Row, S, backorders="notify", low_stock_threshold=4)
    await _set(shop, Location, OTHER, name="Склад")
    shown = await shop.get(f"/products/{S}")
    assert (shown["stock_quantity"], shown["stock_status"]) == (-12, "onbackorder")
    assert (shown["backorders"], shown["backorders_allowed"], shown["backordered"]) == ("notify", True, True)
    assert shown["low_stock_amount"] == 4
    assert [(each["name"], each["quantity"]) for each in shown["locations"]] == [("Location 1", 0), ("Склад", -12)]
