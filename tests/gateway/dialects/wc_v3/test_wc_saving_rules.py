"""What bodies make of products: rules as tables of examples, without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.dialects.wc_v3 import errors
from gateway.dialects.wc_v3.bodies import Reader
from gateway.dialects.wc_v3.kept_fields import plain
from gateway.dialects.wordpress import RestError
from storage.changes import AdjustQuantity, LocationKey, Refused, SetQuantity
from storage.errors import ErrorCode
from storage.product_edits import Edited, Stored
from storage.tables import Product
from storage.upsert import table_of
from tests.builders import a_product

KYIV = ZoneInfo("Europe/Kyiv")


def a_row(id: int = 1, **values: Any) -> dict[str, Any]:  # noqa: A002 (the column's name)
    """A product's row: managed, without a price."""
    product = a_product(id, **values)
    return {column.name: getattr(product, column.name) for column in table_of(Product).columns}


HELD = ("on_hand", "has_variations", "parent_has_variations")


def decided(body: dict[str, Any], *, parent: dict[str, Any] | None = None, **values: Any) -> Edited | Refused:
    """What a batch's body makes of a product with these columns; `on_hand` and the like are Stored's."""
    held = {name: values.pop(name) for name in HELD if name in values}
    reader = Reader(KYIV, is_variation=values.get("type") == "variation")
    return reader.updated({"id": 1, **body}).decide(Stored(a_row(**values), parent, **held))


def columns(body: dict[str, Any], **values: Any) -> Any:
    edited = decided(body, **values)
    assert isinstance(edited, Edited), edited
    return edited.values


def stock(body: dict[str, Any], **values: Any) -> Any:
    edited = decided(body, **values)
    assert isinstance(edited, Edited), edited
    return list(edited.stock)


def kept(body: dict[str, Any], **values: Any) -> Any:
    return columns(body, **values).get("extra", {}).get("wc/v3", {})


TOTAL_5 = [(None, SetQuantity(5))]
UNMANAGED = {"manage_stock": False}


@pytest.mark.parametrize(
    ("body", "values", "asked"),
    [
        ({"stock_quantity": 5}, {}, TOTAL_5),
        ({"stock_quantity": "5"}, {}, TOTAL_5),
        ({"stock_quantity": None}, {}, [(None, SetQuantity(0))]),
        ({"stock_quantity": 5}, UNMANAGED, []),
        ({"stock_quantity": 5, "manage_stock": True}, UNMANAGED, TOTAL_5),
        ({"stock_quantity": 5, "manage_stock": "yes"}, UNMANAGED, TOTAL_5),
        ({"stock_quantity": 5, "manage_stock": False}, {}, []),
        ({"stock_quantity": 5, "type": "external"}, {}, []),
        ({"stock_quantity": 5, "manage_stock": True}, {"type": "grouped"}, []),
        ({"stock_quantity": 5}, {"type": "variable"}, TOTAL_5),
        ({"stock_quantity": 5, "manage_stock": True}, {"type": "variable", "has_variations": True}, []),
        ({"stock_quantity": 5, "manage_stock": "parent"}, {"type": "variation"}, []),
        ({"inventory_delta": -3}, {}, [(None, AdjustQuantity(-3))]),
        ({"inventory_delta": 0}, {}, []),
        ({"inventory_delta": -3, "stock_quantity": 5}, {}, TOTAL_5),
        ({"locations": [], "stock_quantity": 5}, {}, TOTAL_5),
        (
            {"locations": [{"id": 3, "quantity": "4"}], "stock_quantity": 5},
            {},
            [(LocationKey("id", 3), SetQuantity(4))],
        ),
        (
            {"locations": [{"slug": "shop", "quantity": 2}, {"id": 7, "quantity": ""}, {"id": 8}]},
            {},
            [(LocationKey("slug", "shop"), SetQuantity(2))],
        ),
    ],
)
def test_stock_is_asked_for_only_of_what_is_managed(
    body: dict[str, Any], values: dict[str, Any], asked: list[Any]
) -> None:
    assert stock(body, **values) == asked


@pytest.mark.parametrize(
    ("body", "values", "changed"),
    [
        # what ceases to be managed loses what goes with it, and keeps the status that its stock had
        ({"manage_stock": False}, {"backorders": "yes", "low_stock_threshold": 3, "on_hand": 2},
         {"manage_stock": False, "backorders": "no", "low_stock_threshold": None}),
        ({"manage_stock": False}, {}, {"manage_stock": False, "stock_status": "outofstock"}),
        ({"manage_stock": False}, {"backorders": "notify"},
         {"manage_stock": False, "backorders": "no", "stock_status": "onbackorder"}),
        ({"manage_stock": False, "stock_status": "instock"}, {}, {"manage_stock": False}),
        # a status is taken where nothing else decides it
        ({"stock_status": "outofstock"}, {}, {}),
        ({"stock_status": "outofstock"}, UNMANAGED, {"stock_status": "outofstock"}),
        ({"stock_status": "gone"}, {**UNMANAGED, "stock_status": "outofstock"}, {"stock_status": "instock"}),
        ({"stock_status": "outofstock"}, {**UNMANAGED, "type": "external"}, {}),
        ({"stock_status": "outofstock"}, {**UNMANAGED, "type": "variable"}, {}),
        ({"stock_status": "outofstock"}, {**UNMANAGED, "type": "variation", "parent": a_row(2)}, {}),
        ({"stock_status": "outofstock"}, {**UNMANAGED, "type": "variation", "parent": a_row(2, **UNMANAGED)},
         {"stock_status": "outofstock"}),
        ({"manage_stock": False}, {"type": "variable", "has_variations": True}, {}),  # as it was shown
        ({"stock_status": "outofstock"},
         {**UNMANAGED, "type": "variation", "parent": a_row(2), "parent_has_variations": True},
         {"stock_status": "outofstock"}),
        ({"manage_stock": "parent", "backorders": "no", "stock_quantity": 5},
         {**UNMANAGED, "type": "variation", "parent": a_row(2), "backorders": "yes", "low_stock_threshold": 3}, {}),
        ({"backorders": "notify", "low_stock_amount": -4}, {}, {"backorders": "notify", "low_stock_threshold": 4}),
        ({"low_stock_amount": None}, {"low_stock_threshold": 4}, {"low_stock_threshold": None}),
        ({"backorders": "perhaps"}, {}, {}),
        ({"status": "gone", "type": "gone", "name": " "}, {}, {"status": "draft"}),
    ],
)  # fmt: skip
def test_saving_changes_these_columns_and_no_others(
    body: dict[str, Any], values: dict[str, Any], changed: dict[str, Any]
) -> None:
    assert columns(body, **values) == changed


@pytest.mark.parametrize(
    ("body", "regular", "sale", "texts"),
    [
        ({"regular_price": "12"}, Decimal(12), None, {"regular_price": "12"}),
        ({"regular_price": "12.00"}, Decimal(12), None, {}),
        ({"regular_price": 12.5}, Decimal("12.5"), None, {"regular_price": "12.5"}),
        ({"regular_price": 20}, Decimal(20), None, {"regular_price": "20"}),
        ({"regular_price": "12,50"}, Decimal(1250), None, {"regular_price": "1250"}),
        ({"regular_price": "$1,234.50"}, Decimal("1234.5"), None, {}),
        ({"regular_price": "9.123456"}, Decimal("9.1235"), None, {}),
        ({"regular_price": "abc"}, None, None, {}),
        ({"regular_price": ""}, None, None, {}),
        ({"regular_price": "20", "sale_price": "9.00"}, Decimal(20), Decimal(9), {"regular_price": "20"}),
        ({"regular_price": "20", "sale_price": "25"}, Decimal(20), None, {"regular_price": "20"}),
        ({"regular_price": "20", "sale_price": "20.0"}, Decimal(20), None, {"regular_price": "20"}),
        ({"sale_price": "5"}, None, None, {}),
    ],
)  # fmt: skip
def test_prices_are_read_as_the_reference_reads_them(
    body: dict[str, Any], regular: Decimal | None, sale: Decimal | None, texts: dict[str, str]
) -> None:
    edited = {**a_row(), **columns(body)}

    assert (edited["regular_price"], edited["sale_price"]) == (regular, sale)
    assert edited["extra"].get("wc/v3", {}) == texts


def test_a_sale_ends_with_a_regular_price_that_is_not_above_it_any_more() -> None:
    priced = {"regular_price": Decimal(20), "sale_price": Decimal(15)}

    assert columns({"regular_price": "15"}, **priced) == {
        "regular_price": Decimal(15), "sale_price": None, "extra": {"wc/v3": {"regular_price": "15"}}
    }  # fmt: skip
    assert columns({"sale_price": ""}, **priced) == {"sale_price": None}
    assert columns({"regular_price": "15", "sale_price": "1"}, type="variable") == {}


@pytest.mark.parametrize("price", ["-1", "1e3", "100000000", "1" * 101])
def test_a_price_that_cannot_be_is_refused(price: str) -> None:
    refused = decided({"regular_price": price})

    assert isinstance(refused, Refused)
    assert refused.field == "regular_price"


def test_dates_are_of_the_sites_zone_unless_they_say_otherwise() -> None:
    summer = datetime(2026, 6, 30, 21, tzinfo=UTC)
    shown = {"sale_starts_at": summer.replace(microsecond=5)}

    assert columns({"date_on_sale_from": "2026-07-01T00:00:00"}) == {"sale_starts_at": summer}
    assert columns({"date_on_sale_from": "2026-07-01"}) == {"sale_starts_at": summer}
    assert columns({"date_on_sale_from": "2026-07-01T00:00:00+05:00"}) == {
        "sale_starts_at": datetime(2026, 6, 30, 19, tzinfo=UTC)
    }
    assert columns({"date_on_sale_from_gmt": "2026-06-30 21:00:00"}) == {"sale_starts_at": summer}
    assert columns({"date_on_sale_from": "2026-07-01T00:00:00"}, **shown) == {}
    assert columns({"date_on_sale_from": None}, **shown) == {"sale_starts_at": None}
    assert columns({"date_on_sale_from_gmt": ""}, **shown) == {"sale_starts_at": None}
    assert columns({"date_created": None}) == {}
    for text in ("soon", "2026-02-30", "0001-01-01T00:00:00", "20260101", "2026-01-01T25:00:00"):
        refused = decided({"date_on_sale_to": text})
        assert isinstance(refused, Refused)
        assert (refused.field, refused.message) == ("date_on_sale_to", "Invalid date.")


def test_fields_without_a_column_are_kept_in_the_form_that_clients_are_shown() -> None:
    body = {
        "description": "<p>Fits</p>", "featured": "yes", "weight": 1.5, "menu_order": 0, "tags": [{"id": 5}],
        "dimensions": {"length": "2"}, "images": [{"src": "https://a.example/1.png"}], "upsell_ids": "7,9",
        "default_attributes": [{"name": "Size", "option": "M"}], "reviews_allowed": True,
    }  # fmt: skip
    found = kept(body)
    image = found.pop("images")[0]

    assert found == {
        "description": "<p>Fits</p>", "featured": True, "weight": "1.5", "upsell_ids": [7, 9],
        "tags": [{"id": 5, "name": "", "slug": ""}], "dimensions": {"length": "2", "width": "", "height": ""},
        "default_attributes": [{"id": 0, "name": "Size", "option": "M"}],
    }  # fmt: skip
    assert (image["id"], image["src"], image["alt"]) == (1, "https://a.example/1.png", "")
    assert len(image["date_created_gmt"]) == 19
    again = {"extra": {"wc/v3": {**found, "images": [image]}, "other": {"a": 1}}}
    assert columns({**found, "images": [image]}, **again) == {}
    assert columns({"images": [{"id": 1}], "tags": [{"id": 5}]}, **again) == {}
    assert columns({"description": ""}, **again)["extra"]["other"] == {"a": 1}
    assert isinstance(decided({"images": [{"id": 77}]}), Refused)


def test_attributes_of_a_variation_are_named_by_its_parents() -> None:
    size = {"id": 6, "name": "Size", "slug": "pa_size", "position": 0, "visible": True, "variation": True}
    parent = a_row(2, type="variable", extra={"wc/v3": {"attributes": [{**size, "options": ["M", "L"]}]}})
    variation = {"type": "variation", "parent": parent}

    assert columns({"attributes": [{"id": 6, "option": "L"}]}, **variation) == {
        "attributes": [{"name": "Size", "value": "L"}]
    }
    assert columns({"attributes": [{"name": "Fit", "option": ""}, {"option": "x"}]}, **variation) == {}
    assert kept(
        {"attributes": [{"id": 6, "name": "Size", "options": ["M", 40]}, {"name": "Fit"}]}, type="variable"
    ) == {
        "attributes": [
            {**size, "visible": False, "variation": False, "options": ["M", "40"]},
            {"id": 0, "name": "Fit", "slug": "Fit", "position": 0, "visible": False, "variation": False, "options": []},
        ]
    }


def test_what_a_variation_is_shown_of_its_parent_does_not_become_its_own() -> None:
    image = {"id": 3, "src": "https://a.example/3.png"}
    parent = a_row(2, sku="BOOT", extra={"wc/v3": {"weight": "2", "images": [image]}})
    shown = {"sku": "BOOT", "weight": "2", "image": image, "manage_stock": "parent", "menu_order": 0}
    variation = {"type": "variation", "parent": parent, "sku": None, "manage_stock": False}

    assert columns(shown, **variation) == {}
    assert columns({"weight": "3"}, **variation)["extra"] == {"wc/v3": {"weight": "3"}}
    assert columns({"image": None}, **variation) == {}


def test_meta_data_rows_keep_their_ids_and_internal_keys_are_no_meta_data() -> None:
    first = kept({"meta_data": [{"key": "a", "value": 1}, {"key": "b", "value": {"c": [None]}}]})
    rows = [{"id": 1, "key": "a", "value": 1}, {"id": 2, "key": "b", "value": {"c": [None]}}]
    assert first == {"meta_data": rows, "meta_last_id": 2}
    stored = {"extra": {"wc/v3": first}}

    def after(*sent: dict[str, Any]) -> Any:
        return kept({"meta_data": list(sent)}, **stored)["meta_data"]

    assert after({"key": "a", "value": 2}) == [{**rows[0], "value": 2}, rows[1]]
    assert after({"id": 2, "value": 2}) == [rows[0], {**rows[1], "value": 2}]
    assert after({"id": 2, "key": "z", "value": 2}) == [rows[0], {"id": 2, "key": "z", "value": 2}]
    assert after({"id": 1, "value": None}) == [rows[1]]
    assert after({"key": "b", "value": None}, {"key": "n", "value": "v"}) == [
        rows[0], {"id": 3, "key": "n", "value": "v"}
    ]  # fmt: skip
    for sent in ({"key": "_stock", "value": 9}, {"key": "_location_stock_3", "value": 9}, {"key": "a"}, {"value": 5}):
        assert columns({"meta_data": [sent]}, **stored) == {}
    assert isinstance(decided({"meta_data": [{"key": "k" * 256, "value": 1}]}), Refused)


def test_json_of_any_kind_is_kept_as_both_engines_can_store_it() -> None:
    nested: Any = "x"
    for _ in range(40):
        nested = [nested]

    assert plain({"a\0": [1e300, float("inf"), 2**60, True, "b\0", 1.5]}) == {
        "a\ufffd": ["1e+300", None, str(2**60), True, "b\ufffd", 1.5]
    }
    with pytest.raises(RestError, match="meta_data"):
        Reader(KYIV).updated({"id": 1, "meta_data": [{"key": "k", "value": nested}]})


def test_an_identifier_that_is_no_gtin_is_kept_as_it_is() -> None:
    assert columns({"global_unique_id": "4006381333931"}) == {"gtin": "4006381333931"}
    assert columns({"global_unique_id": "0-306-40615-X"})["extra"] == {"wc/v3": {"global_unique_id": "0-306-40615-X"}}
    assert isinstance(decided({"global_unique_id": "AB"}), Refused)
    assert columns({"global_unique_id": "4006381333931"}, gtin_text="4006381333931", gtin="04006381333931") == {}


def test_a_key_that_is_limited_to_locations_changes_stock_and_nothing_else() -> None:
    reader = Reader(KYIV, stock_only=True)
    stored = Stored(a_row())

    assert isinstance(reader.updated({"id": 1, "stock_quantity": 2, "name": "Product 1"}).decide(stored), Edited)
    assert isinstance(reader.updated({"id": 1, "name": "Other"}).decide(stored), Refused)


def test_every_refusal_has_a_rendering() -> None:
    assert set(errors.RENDERED) == set(ErrorCode)
    for code in ErrorCode:
        body = errors.failure(Refused(code, "Because.", "sku")).answer.body
        assert body["message"]
        assert body["data"]["status"] in {400, 403, 404, 410, 412, 422}
