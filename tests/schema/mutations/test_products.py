"""productUpsert, variationUpsert, productArchive: what they write, refuse and give back."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from tests.builders import a_location
from tests.schema.caller import Caller
from tests.schema.mutations.stock import codes, on_hand
from tests.schema.mutations.test_inventory_lines import a_set, set_

_PRODUCT = "databaseId sku gtin name type status backorders regularPrice salePrice attributes { name value }"
_REST = f"""results {{ index field productId outcome error {{ code }} }}
    userErrors {{ __typename code message field index }}
    dryRun products {{ {_PRODUCT} parent {{ sku }} variations {{ sku }} }} }} }}"""
UPSERT = f"mutation($input: ProductUpsertInput!) {{ productUpsert(input: $input) {{ {_REST}"
VARIATIONS = f"mutation($input: VariationUpsertInput!) {{ variationUpsert(input: $input) {{ {_REST}"
ARCHIVE = """mutation($input: ProductArchiveInput!) { productArchive(input: $input) {
    archived dryRun userErrors { code field index } products { sku status } } }"""
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def stock(new_caller: Callable[..., Caller]) -> Caller:
    """A database of its own: products are numbered by it, not by the tests."""

    async def load(session: Any) -> None:
        session.add(a_location(1))

    return new_caller(load)


@pytest.fixture
def sku() -> str:
    """A SKU of the test's own."""
    return f"UP-{next(_numbers)}"


def upsert(stock: Caller, *products: Any, **values: Any) -> Any:
    return stock.data(UPSERT, input={"products": list(products), **values})["productUpsert"]


def variations(stock: Caller, product: Any, *lines: Any, **values: Any) -> Any:
    asked = {"product": product, "variations": list(lines), **values}
    return stock.data(VARIATIONS, input=asked)["variationUpsert"]


def archive(stock: Caller, *products: Any, **values: Any) -> Any:
    return stock.data(ARCHIVE, input={"products": list(products), **values})["productArchive"]


def errors(payload: Any) -> list[tuple[str, str | None, int | None]]:
    return [(error["code"], error["field"], error["index"]) for error in payload["userErrors"]]


def outcomes(payload: Any) -> list[str | None]:
    return [result["outcome"] for result in payload["results"]]


def test_products_are_created_and_found_again_by_their_sku(stock: Caller, sku: str) -> None:
    payload = upsert(stock, {"sku": sku, "name": "Lamp", "regularPrice": "29.90", "backorders": "NOTIFY"})
    assert payload["userErrors"] == []
    [product] = payload["products"]
    assert payload["results"] == [
        {
            "index": 0, "field": "products[0]", "outcome": "CREATED", "error": None,
            "productId": f"gid://stockgate/Product/{product.pop('databaseId')}",
        }
    ]  # fmt: skip
    assert product == {
        "sku": sku, "gtin": None, "name": "Lamp", "type": "SIMPLE", "status": "PUBLISH", "backorders": "NOTIFY",
        "regularPrice": "29.90", "salePrice": None, "attributes": [], "parent": None, "variations": [],
    }  # fmt: skip
    again = upsert(stock, {"sku": sku.lower(), "salePrice": "19.9"}, {"sku": f"{sku}-b", "name": "Other"})
    assert outcomes(again) == ["UPDATED", "CREATED"]
    assert [(p["name"], p["regularPrice"], p["salePrice"]) for p in again["products"]] == [
        ("Lamp", "29.90", "19.90"), ("Other", None, None),
    ]  # fmt: skip
    assert outcomes(upsert(stock, {"sku": sku.lower(), "salePrice": "19.90"})) == ["UNCHANGED"]
    assert upsert(stock, {"sku": sku.lower(), "salePrice": None})["products"][0]["salePrice"] is None


def test_variations_may_stand_inside_their_product(stock: Caller, sku: str) -> None:
    sizes = [{"sku": f"{sku}-{size}", "attributes": [{"name": "size", "value": size}]} for size in ("S", "M")]
    payload = upsert(stock, {"sku": sku, "name": "Smock", "variations": sizes})
    assert [result["field"] for result in payload["results"]] == [
        "products[0]", "products[0].variations[0]", "products[0].variations[1]",
    ]  # fmt: skip
    assert [(p["name"], p["type"], p["parent"]) for p in payload["products"]] == [
        ("Smock", "VARIABLE", None), ("Smock - S", "VARIATION", {"sku": sku}), ("Smock - M", "VARIATION", {"sku": sku}),
    ]  # fmt: skip
    more = variations(stock, {"sku": sku}, {"sku": f"{sku}-S", "regularPrice": "9"}, {"sku": f"{sku}-L"})
    assert (outcomes(more), [result["field"] for result in more["results"]]) == (
        ["UPDATED", "CREATED"], ["variations[0]", "variations[1]"],
    )  # fmt: skip
    assert (
        len(
            stock.data("query($s: String!) { product(sku: $s) { variations { sku } } }", s=sku)["product"]["variations"]
        )
        == 3
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({"name": " "}, ("INVALID_VALUE", "name")),
        ({"gtin": "12"}, ("INVALID_VALUE", "gtin")),
        ({"regularPrice": "-1"}, ("INVALID_VALUE", "regularPrice")),
        ({"regularPrice": "1.23456"}, ("INVALID_VALUE", "regularPrice")),
        ({"salePrice": "5"}, ("INVALID_VALUE", "salePrice")),
        ({"type": "VARIATION"}, ("INVALID_VALUE", None)),
        ({"lowStockThreshold": -1}, ("INVALID_VALUE", "lowStockThreshold")),
        ({"manageStock": None}, ("INVALID_VALUE", "manageStock")),
        ({"sku": None}, ("INVALID_VALUE", None)),
        ({"attributes": [{"name": "", "value": "x"}]}, ("INVALID_VALUE", "attributes[0].name")),
        ({"variations": [{"sku": "a-new-one", "salePrice": "3"}]}, ("INVALID_VALUE", "variations[0].salePrice")),
    ],
)
def test_what_fits_no_product_is_refused_with_its_path_and_nothing_is_written(
    stock: Caller, sku: str, line: Any, expected: Any
) -> None:
    payload = upsert(stock, {"sku": sku, "name": "Fine"}, {"sku": f"{sku}-b", "name": "Not", **line})
    code, field = expected
    path = "products[1]" if field is None else f"products[1].{field}"
    assert errors(payload) == [(code, path, 1)]
    assert (payload["products"], outcomes(payload)) == ([], [None] * len(payload["results"]))
    refused = [result["field"] for result in payload["results"] if result["error"]]
    assert refused == ["products[1].variations[0]" if "variations" in path else "products[1]"]
    assert upsert(stock, {"sku": sku, "name": "Fine"})["results"][0]["outcome"] == "CREATED"


def test_skus_and_gtins_are_unique(stock: Caller, sku: str) -> None:
    gtin = f"{next(_numbers):013d}"
    upsert(stock, {"sku": sku, "name": "First", "gtin": gtin})
    payload = upsert(stock, {"sku": f"{sku}-b", "name": "Second", "gtin": gtin})
    assert errors(payload) == [("NOT_UNIQUE", "products[0].gtin", 0)]
    payload = upsert(stock, {"sku": f"{sku}-c", "name": "A"}, {"sku": f"{sku}-C", "name": "B"})
    assert [(code, index) for code, _, index in errors(payload)] == [("NOT_UNIQUE", 1)]


def test_variations_need_a_variable_product(stock: Caller, sku: str) -> None:
    upsert(stock, {"sku": sku, "name": "Simple"})
    assert errors(variations(stock, {"sku": sku}, {"sku": f"{sku}-S"})) == [
        ("INVALID_VALUE", "variations[0].product", 0)
    ]
    assert errors(variations(stock, {"sku": "nothing"}, {"sku": f"{sku}-S"})) == [("ITEM_NOT_FOUND", "product", None)]


def test_a_dry_run_upserts_nothing(stock: Caller, sku: str) -> None:
    payload = upsert(stock, {"sku": sku, "name": "Dry"}, dryRun=True)
    assert (payload["dryRun"], outcomes(payload), payload["products"]) == (True, ["CREATED"], [])
    assert payload["results"][0]["productId"] is None
    assert outcomes(upsert(stock, {"sku": sku, "name": "Wet"})) == ["CREATED"]


def test_from_one_to_a_thousand_products_are_taken(stock: Caller, sku: str) -> None:
    assert "`products` is empty" in stock.refusal(UPSERT, input={"products": []}).message
    product = {"sku": sku, "name": "Many", "variations": [{"sku": f"{sku}-{n}"} for n in range(1000)]}
    assert "Too many products: 1001" in stock.refusal(UPSERT, input={"products": [product]}).message
    del product["variations"][-1]  # type: ignore[attr-defined]
    assert outcomes(upsert(stock, product)) == ["CREATED"] * 1000


def test_a_product_is_archived_with_its_variations_and_its_stock_stays(stock: Caller, sku: str) -> None:
    sizes = [{"sku": f"{sku}-{size}"} for size in ("S", "M")]
    made = upsert(stock, {"sku": sku, "name": "Old", "variations": sizes})["products"]
    item = made[1]["databaseId"]
    set_(stock, a_set(item, 5))
    dry = archive(stock, {"sku": sku}, dryRun=True)
    assert (dry["archived"], {p["status"] for p in dry["products"]}) == (3, {"PUBLISH"})
    payload = archive(stock, {"sku": sku}, {"sku": sku})
    assert (payload["archived"], payload["userErrors"], {p["status"] for p in payload["products"]}) == (
        3,
        [],
        {"TRASH"},
    )
    assert codes(set_(stock, a_set(item, 6))) == ["ITEM_NOT_FOUND"]
    assert on_hand(stock, item) == 5
    back = upsert(stock, {"sku": sku, "status": "PUBLISH", "variations": [{"sku": f"{sku}-S", "status": "PUBLISH"}]})
    assert outcomes(back) == ["UPDATED", "UPDATED"]
    assert codes(set_(stock, a_set(item, 6))) == []


def test_the_shop_says_what_there_is_of_what_is_not_counted(stock: Caller, sku: str) -> None:
    status = "query($sku: String!) { product(sku: $sku) { stockStatus availability { status quantity } } }"

    def said(**columns: Any) -> tuple[str, str, int | None]:
        assert errors(upsert(stock, {"sku": sku, "name": "Said", **columns})) == []
        product = stock.data(status, sku=sku)["product"]
        return product["stockStatus"], product["availability"]["status"], product["availability"]["quantity"]

    assert said(manageStock=False) == ("INSTOCK", "NOT_TRACKED", None)
    assert said(stockStatus="OUTOFSTOCK") == ("OUTOFSTOCK", "OUT_OF_STOCK", 0)
    assert said(stockStatus="ONBACKORDER") == ("ONBACKORDER", "BACKORDER", 0)
    assert said(manageStock=True) == ("ONBACKORDER", "OUT_OF_STOCK", 0)
    assert errors(upsert(stock, {"sku": sku, "stockStatus": None})) == [("INVALID_VALUE", "products[0].stockStatus", 0)]


def test_nothing_is_archived_when_a_key_names_nothing(stock: Caller, sku: str) -> None:
    upsert(stock, {"sku": sku, "name": "Kept"})
    payload = archive(stock, {"sku": sku}, {"sku": "nothing"})
    assert [(e["code"], e["field"], e["index"]) for e in payload["userErrors"]] == [
        ("GROUP_REJECTED", None, None), ("ITEM_NOT_FOUND", "products[1]", 1),
    ]  # fmt: skip
    assert (payload["archived"], payload["products"]) == (0, [])
    assert upsert(stock, {"sku": sku, "name": "Kept"})["results"][0]["outcome"] == "UNCHANGED"
