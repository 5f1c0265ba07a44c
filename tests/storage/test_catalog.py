"""Importing a catalogue, on both engines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlmodel import col

from storage import catalog, inventory, reconciliation
from storage.catalog import Counts, Imported
from storage.catalog_document import CatalogError, load
from storage.database import Database
from storage.tables import LedgerEntry, Location, Product, StockLevel
from storage.upsert import table_of
from tests.builders import a_change, a_group
from tests.statements import statements

SHOP: dict[str, Any] = {
    "locations": [
        {"name": "Main Store", "is_default": True, "city": "Kyiv", "latitude": 50.45},
        {"id": 7, "name": "Львів Склад", "code": "LVIV", "kind": "warehouse"},
    ],
    "products": [
        {"sku": "SOCK", "name": "Sock", "gtin": "4006381333931", "regular_price": "4.50", "sale_price": 3.95},
        {"id": 900, "sku": "BOOT", "name": "Boot", "type": "variable", "manage_stock": False},
        {"sku": "BOOT-42", "parent_sku": "boot", "attributes": {"Size": "42", "Width": "wide"}, "regular_price": 120},
        {"sku": "BOOT-43", "parent_id": 900, "attributes": [{"name": "Size", "value": "43"}], "backorders": "notify"},
    ],
    "stock": [
        {"sku": "sock", "location_slug": "main-store", "on_hand": 12},
        {"sku": "BOOT-42", "location_code": "LVIV", "on_hand": 3, "regular_price": "110.00"},
        {"sku": "BOOT-43", "location_id": 7, "on_hand": -2, "disabled": True},
    ],
}


async def imported(database: Database, document: Any) -> Imported:
    return await database.transact(catalog.import_catalog, load(json.dumps(document).encode()))


async def problems(database: Database, document: Any) -> list[str]:
    before = await contents(database)
    with pytest.raises(CatalogError) as refused:
        await imported(database, document)
    assert await contents(database) == before
    return [str(problem) for problem in refused.value.problems]


async def contents(database: Database) -> dict[str, list[dict[str, Any]]]:
    async def everything(session: Any) -> dict[str, list[dict[str, Any]]]:
        tables = [table_of(model) for model in (Location, Product, StockLevel, LedgerEntry)]
        return {
            table.name: [
                dict(row) for row in (await session.execute(select(table).order_by(*table.primary_key))).mappings()
            ]
            for table in tables
        }

    return await database.read(everything)


async def row(database: Database, model: Any, **values: Any) -> dict[str, Any]:
    rows = (await contents(database))[table_of(model).name]
    [found] = [row for row in rows if all(row[name] == value for name, value in values.items())]
    return found


async def test_a_shop_is_imported_with_its_stock_in_the_ledger(database: Database) -> None:
    assert await imported(database, SHOP) == Imported(Counts(created=2), Counts(created=4), Counts(created=3))
    sock = await row(database, Product, sku="SOCK")
    assert (sock["regular_price"], sock["sale_price"]) == (Decimal("4.50"), Decimal("3.95"))
    assert (sock["gtin"], sock["gtin_text"], sock["sku_key"]) == ("04006381333931", "4006381333931", "sock")
    boot = await row(database, Product, sku="BOOT-42")
    assert (boot["type"], boot["parent_id"], boot["name"]) == ("variation", 900, "Boot - 42, wide")
    level = await row(database, StockLevel, product_id=boot["id"])
    assert (level["location_id"], level["on_hand"], level["regular_price"]) == (7, 3, Decimal(110))

    async def dialects(session: Any) -> Any:
        return (
            await session.execute(select(func.count(), func.min(col(LedgerEntry.line))).select_from(LedgerEntry))
        ).one()

    assert tuple(await database.read(dialects)) == (3, 0)
    assert await database.read(reconciliation.drifts) == []


async def test_a_second_import_changes_nothing(database: Database) -> None:
    await imported(database, SHOP)
    before = await contents(database)
    assert await imported(database, SHOP) == Imported(Counts(unchanged=2), Counts(unchanged=4), Counts(unchanged=3))
    assert await contents(database) == before


async def test_only_what_changed_is_written(database: Database) -> None:
    await imported(database, SHOP)
    before = await contents(database)
    document = {
        "products": [{"sku": "SOCK", "regular_price": "5"}, {"id": 900, "status": "draft"}, {"sku": "BOOT-42"}],
        "stock": [{"sku": "SOCK", "location_slug": "Main Store", "on_hand": 12}],
    }
    assert await imported(database, document) == Imported(Counts(), Counts(updated=2, unchanged=1), Counts(unchanged=1))
    after = await contents(database)
    changed = [row["sku"] for old, row in zip(before["product"], after["product"], strict=True) if old != row]
    assert sorted(changed) == ["BOOT", "SOCK"]
    sock = await row(database, Product, sku="SOCK")
    assert (sock["name"], sock["sale_price"]) == ("Sock", Decimal("3.95"))
    assert (before["location"], before["ledger_entry"]) == (after["location"], after["ledger_entry"])


async def test_null_clears_a_column_that_may_be_empty(database: Database) -> None:
    await imported(database, SHOP)
    await imported(
        database,
        {
            "products": [{"sku": "SOCK", "sale_price": None, "gtin": None}],
            "stock": [{"sku": "BOOT-42", "location_id": 7, "regular_price": None}],
        },
    )
    sock = await row(database, Product, sku="SOCK")
    assert (sock["sale_price"], sock["gtin"], sock["gtin_text"]) == (None, None, None)
    level = await row(database, StockLevel, product_id=(await row(database, Product, sku="BOOT-42"))["id"])
    assert (level["regular_price"], level["on_hand"], level["version"]) == (None, 3, 2)


async def test_names_of_variations_follow_their_parent_unless_they_have_their_own(database: Database) -> None:
    await imported(database, SHOP)
    await imported(database, {"products": [{"sku": "BOOT-43", "name": "The big one"}]})
    result = await imported(database, {"products": [{"id": 900, "name": "Wanderstiefel"}]})
    assert result.products == Counts(updated=2)
    names = {row["sku"]: (row["name"], row["name_key"]) for row in (await contents(database))["product"]}
    assert names["BOOT-42"] == ("Wanderstiefel - 42, wide", "wanderstiefel - 42, wide")
    assert names["BOOT-43"] == ("The big one", "the big one")
    await imported(database, {"products": [{"sku": "BOOT-42", "attributes": {"Size": 42}}]})
    assert (await row(database, Product, sku="BOOT-42"))["name"] == "Wanderstiefel - 42"


async def test_variations_may_stand_inside_their_product(database: Database) -> None:
    tent = {
        "sku": "TENT",
        "name": "Tent",
        "variations": [
            {"sku": "TENT-2", "attributes": {"Persons": 2}},
            {"sku": "TENT-3", "attributes": {"Persons": 3}},
        ],
    }
    assert (await imported(database, {"products": [tent]})).products == Counts(created=3)
    parent = await row(database, Product, sku="TENT")
    inside = await row(database, Product, sku="TENT-3")
    assert (parent["type"], inside["parent_id"], inside["name"]) == ("variable", parent["id"], "Tent - 3")
    tent["variations"].append({"sku": "TENT-4", "regular_price": "x"})
    assert await problems(database, {"products": [tent]}) == [
        "products[0].variations[2].regular_price: is not a decimal number, such as 19.99"
    ]


async def test_slugs_are_made_of_names_in_any_script(database: Database) -> None:
    names = ["Львів Склад", "São Paulo – Centro", "Miller's 2nd Shop!", "%D0%9A%D0%B8%D1%97%D0%B2", "हिन्दी दुकान"]
    await imported(database, {"locations": [{"name": name} for name in names]})
    slugs = [row["slug"] for row in (await contents(database))["location"]]
    assert slugs == ["львів-склад", "são-paulo-centro", "millers-2nd-shop", "київ", "हिन्दी-दुकान"]


async def test_given_ids_stay_and_later_rows_count_on_from_them(database: Database) -> None:
    await imported(database, {"products": [{"id": 4711, "sku": "A", "name": "A"}, {"id": 3, "sku": "B", "name": "B"}]})
    await imported(database, {"products": [{"sku": "C", "name": "C"}], "locations": [{"id": 12, "name": "X"}]})
    await imported(database, {"products": [{"id": 5, "sku": "D", "name": "D"}], "locations": [{"name": "Y"}]})
    await imported(database, {"products": [{"sku": "E", "name": "E"}]})
    assert [row["id"] for row in (await contents(database))["product"]] == [3, 5, 4711, 4712, 4713]
    assert [row["id"] for row in (await contents(database))["location"]] == [12, 13]


async def test_unique_values_may_pass_from_one_row_to_another(database: Database) -> None:
    await imported(database, SHOP)
    gtin = "4006381333931"
    swapped = {
        "locations": [
            {"id": 7, "slug": "main-store", "is_default": True},
            {"id": 1, "slug": "львів-склад", "code": "LVIV", "is_default": False},
        ],
        "products": [{"id": 901, "sku": "BOOT-42", "gtin": gtin}, {"id": 902, "sku": "SOCK", "gtin": None}],
    }
    ids = {row["sku"]: row["id"] for row in (await contents(database))["product"]}
    swapped["products"][0]["id"], swapped["products"][1]["id"] = ids["SOCK"], ids["BOOT-42"]
    swapped["locations"][0]["code"] = None
    swapped["locations"][1]["id"] = (await row(database, Location, name="Main Store"))["id"]
    assert (await imported(database, swapped)).products == Counts(updated=2)
    assert (await row(database, Product, sku="SOCK"))["id"] == ids["BOOT-42"]
    assert (await row(database, Product, sku="BOOT-42"))["gtin_text"] == gtin
    assert (await row(database, Location, slug="main-store"))["is_default"]


async def test_every_problem_is_reported_with_its_place(database: Database) -> None:
    await imported(database, SHOP)
    document = {
        "locations": [
            {"name": "Shop", "is_default": True},
            {"name": "SHOP", "kind": "shop"},
            {"name": "!!!"},
            {"code": "NEW"},
            {"id": 7, "latitude": 91, "colour": "red"},
            {"name": "Львів склад!", "id": 80},
        ],
        "products": [
            {"sku": "sock", "sale_price": "4.50"},
            {"sku": "NEW", "name": "New", "gtin": "4006-381-333-931"},
            {"sku": "new", "name": "New again", "gtin": "1234567"},
            {"sku": "X", "regular_price": "1.23456", "status": "sold", "backorders": "maybe", "type": "kit"},
            {"sku": "Y", "parent_sku": "nobody", "attributes": {"Size": "1"}},
            {"sku": "Z", "parent_sku": "SOCK"},
            {"id": 900, "type": "simple"},
            {"name": "Nameless"},
            {"sku": "NONAME"},
            {"sku": "SALE", "name": "Sale", "regular_price": 10, "sale_price": "10.00"},
            {"sku": "V", "type": "variation", "name": "V"},
            {"sku": "SOCK"},
        ],
        "stock": [
            {"sku": "SOCK", "location_slug": "mars", "on_hand": 1},
            {"sku": "nothing", "location_id": 7, "on_hand": 1},
            {"sku": "X", "location_id": 7, "on_hand": 1.5},
            {"sku": "X", "location_slug": "main-store", "on_hand": 1},
            {"sku": "BOOT-42", "location_slug": "main-store", "on_hand": -1},
            {"sku": "BOOT-42", "location_slug": "main store", "on_hand": 1},
            {"sku": "BOOT-43", "location_id": 7},
            {"on_hand": 1},
            {"sku": "BOOT-42", "location_code": "LVIV", "sale_price": "110"},
        ],
        "stocks": [],
    }  # fmt: skip
    assert await problems(database, document) == [
        "locations[1].kind: should be 'store' or 'warehouse'",
        "locations[4].latitude: should be less than or equal to 90",
        "locations[4].colour: is no column of this list",
        "products[2].gtin: must have 8 to 14 digits",
        "products[3].type: should be 'simple', 'variable', 'variation', 'external' or 'grouped'",
        "products[3].status: should be 'publish', 'draft', 'private', 'pending', 'future' or 'trash'",
        "products[3].backorders: should be 'no', 'notify' or 'yes'",
        "products[3].regular_price: must be from 0 to 99,999,999.9999 with at most four decimals",
        "stock[2].on_hand: should be a valid integer",
        "stocks: is none of locations, products, stock",
        "locations[2].slug: is needed: the name has neither a letter nor a digit to make one of",
        "locations[3].name: is needed: there is no such location yet",
        "locations[5].slug: is also that of location 7",
        "locations[0].is_default: can be true for one only: location 8 is the default, too",
        "products[7]: needs an id or a sku, to be found again",
        "products[11]: names the same one as products[0]",
        "products[4].parent_sku: there is no product nobody",
        "products[0].sale_price: must be less than the regular price",
        "products[5].parent_sku: products[0] is simple: only a variable product has variations",
        "products[8].name: is needed: there is no such product yet",
        "products[9].sale_price: must be less than the regular price",
        "products[10]: is a variation and needs parent_id or parent_sku",
        "products[6].type: must stay variable: the product has variations",
        "products[1].gtin: is also that of products[0]",
        "stock[0].location_slug: there is no location mars",
        "stock[1].sku: there is no product nothing",
        "stock[5]: names the same stock as stock[4]",
        "stock[6]: sets nothing: give on_hand or another column",
        "stock[7]: names no product: give product_id or sku",
        "stock[7]: names no location: give location_id or location_slug or location_code",
        "stock[4].on_hand: Stock cannot be negative when backorders are not allowed.",
        "stock[8].sale_price: Sale price must be less than regular price.",
    ]


async def test_what_the_write_path_refuses_is_reported_and_nothing_is_written(catalogue: Database) -> None:
    document = {
        "products": [{"sku": "NEW", "name": "New"}],
        "stock": [
            {"sku": "NEW", "location_id": 3, "on_hand": 1},
            {"product_id": 3, "location_id": 1, "on_hand": 1},
            {"product_id": 1, "location_id": 1, "sale_price": "10"},
        ],
    }
    assert await problems(catalogue, document) == [
        "stock[0].location_id: Location is not active.",
        "stock[1].product_id: This product has variations. Update a variation instead.",
        "stock[2].sale_price: Sale price must be less than regular price.",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b'{"products": [}', "The file is not JSON: Expecting value in line 1, column 15."),
        (b"\xff\xfe", "The file is not UTF-8: see byte 0."),
        (b'{"products": [{"regular_price": NaN}]}', "The file cannot be read as JSON: NaN is not a number."),
    ],
)
def test_a_file_that_is_no_json_is_refused_in_one_line(text: bytes, problem: str) -> None:
    with pytest.raises(CatalogError) as refused:
        load(text)
    assert str(refused.value) == problem


async def test_prices_are_read_as_they_are_written(database: Database) -> None:
    text = b'\xef\xbb\xbf{"products": [{"sku": "A", "name": "A", "regular_price": 99999999.9999, "tax_rate": 0.1}]}'
    await database.transact(catalog.import_catalog, load(text))
    product = await row(database, Product, sku="A")
    assert (product["regular_price"], product["tax_rate"]) == (Decimal("99999999.9999"), Decimal("0.1"))


@pytest.fixture(name="statements")
def _statements(database: Database) -> Iterator[list[str]]:
    with statements(database) as executed:
        yield executed


async def test_the_number_of_statements_does_not_depend_on_the_size(database: Database, statements: list[str]) -> None:
    counts = []
    for size in (1, 10, 300):
        products = [
            {"sku": f"S{size}-{n}", "name": "S", "variations": [{"sku": f"S{size}-{n}-V", "attributes": {"n": n}}]}
            for n in range(size)
        ]
        document = {
            "locations": [{"name": f"L{size}-{n}"} for n in range(size)],
            "products": products,
            "stock": [{"sku": f"S{size}-{n}-V", "location_slug": f"l{size}-{n}", "on_hand": n} for n in range(size)],
        }
        statements.clear()
        await imported(database, document)
        counts.append(len(statements))
        statements.clear()
        await imported(database, document)
        counts.append(len(statements))
    assert counts == counts[:2] * 3


async def test_stock_that_changed_since_is_set_again(database: Database) -> None:
    await imported(database, SHOP)
    await database.transact(inventory.apply, a_group(a_change("SOCK", "main-store")))
    assert (await imported(database, SHOP)).stock == Counts(updated=1, unchanged=2)
    assert [row["on_hand"] for row in (await contents(database))["ledger_entry"]] == [12, 3, -2, 10, 12]


async def test_a_sku_finds_what_is_in_the_trash_only_where_no_other_has_it(database: Database) -> None:
    def named(*skus: str, **columns: Any) -> list[dict[str, Any]]:
        return [{"id": number, "sku": sku, "name": sku, **columns} for number, sku in enumerate(skus, start=1)]

    await imported(database, {"products": named("A", "A", "B", "B", status="trash")})
    await imported(database, {"products": [{"id": 5, "sku": "A", "name": "A", "gtin": "40000000"}]})
    await database.transact(
        lambda session: session.execute(text("UPDATE product SET deleted_at = updated_at WHERE id = 4"))
    )
    again = {"products": [{"sku": "a", "name": "New A"}, {"sku": "B", "name": "New B"}]}
    assert (await imported(database, again)).products == Counts(updated=2)
    await imported(
        database,
        {"locations": [{"name": "Here"}], "stock": [{"sku": "A", "location_slug": "here", "on_hand": 3}]},
    )
    assert [level["product_id"] for level in (await contents(database))["stock_level"]] == [5]
    found = [(row["id"], row["name"]) for row in (await contents(database))["product"]]
    assert found == [(1, "A"), (2, "A"), (3, "New B"), (4, "B"), (5, "New A")]
    # whoever comes back wants its SKU and GTIN back
    back = {"products": [{"id": 2, "status": "publish"}, {"id": 4, "status": "draft", "gtin": "40000000"}]}
    assert await problems(database, back) == [
        "products[0].sku: is also that of product 5", "products[1].gtin: is also that of product 5",
    ]  # fmt: skip
    assert (await imported(database, {"products": [{"id": 4, "status": "draft"}]})).products == Counts(updated=1)
    swap = {"products": [{"id": 5, "status": "trash"}, {"id": 1, "status": "publish"}, {"id": 3, "sku": "A"}]}
    assert (await imported(database, swap)).products == Counts(updated=3)
    kept = [(row["id"], row["deleted_at"]) for row in (await contents(database))["product"] if row["status"] != "trash"]
    assert kept == [(1, None), (4, None)]
