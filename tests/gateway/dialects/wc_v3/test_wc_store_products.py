"""Products of other shops as rows of a catalogue document: what cannot be taken as it is, is said."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.dialects.wc_v3.store_products import StoreFamily, UnreadableProductError, family
from storage.catalog_rows import ProductRow

UTC = ZoneInfo("UTC")
SIMPLE: dict[str, Any] = {"id": 7, "name": "Mug", "type": "simple", "sku": "MUG", "status": "publish"}


def taken(*variations: dict[str, Any], **fields: Any) -> StoreFamily:
    return family({**SIMPLE, **fields}, variations, UTC)


def test_what_another_shop_tells_fits_a_row_of_a_catalogue() -> None:
    found = taken(
        {"id": 8, "manage_stock": True, "stock_quantity": 3, "attributes": [{"name": "Size", "option": "S"}]},
        {"id": 9, "manage_stock": "parent", "stock_quantity": 40, "sku": "MUG", "attributes": []},
        type="variable", manage_stock=True, stock_quantity=40, images=[{"id": 3, "src": ""}, {"id": 4, "src": "x"}],
        meta_data=[{"id": 5, "key": "_stock", "value": 9}, {"id": 6, "key": "erp", "value": {"n": 2**60}}, {"id": "x"}],
    )  # fmt: skip
    rows = [ProductRow.model_validate(each.row) for each in found.products]
    assert [(row.id, row.type, row.sku, row.manage_stock) for row in rows] == [
        (7, "variable", "MUG", True),
        (8, "variation", None, True),
        (9, "variation", None, False),
    ]
    assert [each.units for each in found.products] == [None, 3, None]
    assert found.notes == ["stock_quantity: its variations have stock of their own, so its own 40 are left out"]
    kept = rows[0].extra["wc/v3"]
    assert [image["id"] for image in kept["images"]] == [4]
    assert kept["meta_data"] == [{"id": 6, "key": "erp", "value": {"n": str(2**60)}}]


def test_a_type_that_is_not_known_here_is_a_simple_product_and_said_to_be_one() -> None:
    found = taken(type="subscription", manage_stock=True, stock_quantity=-2, backorders="yes", sale_price="5")
    assert found.notes == ["type: 'subscription' is none of simple, grouped, external, variable: taken as simple"]
    [product] = found.products
    assert (product.row["type"], product.units, product.row["sale_price"]) == ("simple", -2, None)
    assert taken(manage_stock=True, stock_quantity=None).products[0].units is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"manage_stock": True, "stock_quantity": 1.5}, "stock_quantity: stock_quantity is not of type integer"),
        ({"regular_price": "1e9"}, "regular_price: regular_price must be a decimal number"),
        ({"global_unique_id": "no code"}, "global_unique_id: Invalid global unique ID"),
        ({"date_on_sale_to_gmt": "tomorrow"}, "date_on_sale_to_gmt: Invalid date"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_field(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UnreadableProductError) as refused:
        taken(**fields)
    assert str(refused.value).startswith(message), str(refused.value)
