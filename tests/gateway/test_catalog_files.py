"""Catalogues from CSV and JSON Lines: what columns mean, and where what is wrong is said to be."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.catalog_import.columns import columns_of
from gateway.catalog_import.files import Asked, Table, format_of, read
from gateway.csv_files import FileError
from storage import catalog
from storage.catalog import Counts, Imported
from storage.catalog_document import CatalogError
from storage.database import Database
from storage.tables import Location, Product, StockLevel
from storage.upsert import table_of

WOOCOMMERCE = (Path(__file__).parent / "wc-product-export.csv").read_text()
LOCATIONS = """Location code;Location name;Default;kind;city;latitude;pickup
M;Main;yes;store;Bristol;51.45;no
D;Depot;;warehouse;;;1
"""


def table(text: str, name: str = "x.csv", **asked: Any) -> Table:
    source = io.BytesIO(text.encode())
    return read(source, format_of(name, text.encode()[:64]), Asked(**asked))


async def imported(database: Database, held: Table) -> Imported:
    return await database.transact(catalog.import_catalog, held.document)


async def test_the_product_export_of_woocommerce_is_imported_as_it_is(database: Database) -> None:
    assert (await imported(database, table(LOCATIONS))).locations == Counts(created=2)
    held = table(WOOCOMMERCE, location_id=2)
    ignored = "Is featured?|Description|Tax status|Categories|Images|Position|Attribute 1 visible|Attribute 1 global"
    assert held.ignored == [*ignored.split("|"), "Meta: _erp"]
    done = await imported(database, held)
    assert (done.products, done.stock) == (Counts(created=5), Counts(created=2))
    again = await imported(database, held)
    assert (again.products, again.stock) == (Counts(unchanged=5), Counts(unchanged=2))

    async def rows(session: Any) -> tuple[Any, ...]:
        tables = [table_of(model) for model in (Product, StockLevel, Location)]
        of = [select(table).order_by(*table.primary_key) for table in tables]
        return tuple([(await session.execute(each)).mappings().all() for each in of])

    products, levels, locations = await database.read(rows)
    shown = [
        (row["id"], row["type"], row["sku"], row["name"], row["status"], row["manage_stock"], row["stock_status"])
        for row in products
    ]
    assert shown == [
        (44, "variable", "WOO-HOODIE", "Hoodie", "publish", False, "instock"),
        (45, "simple", "WOO-ALBUM", "=Album", "publish", True, "instock"),
        (46, "simple", "WOO-OLD", "Old", "draft", False, "outofstock"),
        (47, "variation", "WOO-HOODIE-B", "Hoodie - Blue", "publish", True, "instock"),
        (48, "variation", "WOO-HOODIE-G", "Hoodie - Green", "private", False, "onbackorder"),
    ]
    album, green = products[1], products[4]
    assert (album["gtin_text"], album["backorders"], album["low_stock_threshold"]) == ("4006381333931", "notify", 2)
    assert [str(album[column])[:10] for column in ("sale_starts_at", "sale_ends_at")] == ["2026-01-01", "2036-01-01"]
    assert (green["parent_id"], green["attributes"]) == (44, [{"name": "Color", "value": "Green"}])
    assert [(row["product_id"], row["location_id"], row["on_hand"]) for row in levels] == [(45, 2, 9), (47, 2, 7)]
    assert [(row["code"], row["is_default"], row["city"], row["pickup"]) for row in locations] == [
        ("M", True, "Bristol", False),
        ("D", False, None, True),
    ]


async def test_what_is_wrong_is_told_by_line_and_column_and_nothing_is_written(database: Database) -> None:
    held = table(
        "SKU\tName\tRegular price\tSale price\tmanage_stock\tParent\tStock\n"
        'A\t"Two\nlines"\t1,5\t\tyes\t\t\n'
        "B\tB\t3\t4\tmaybe\t\t\n"
        "C\tC\t3\t\t\tNOWHERE\t1.5\n"
        "b\tTwice\t3\t\t\t\t\n",
        location_id=1,
    )
    with pytest.raises(CatalogError) as refused:
        await imported(database, held)
    assert [str(held.told(problem)) for problem in refused.value.problems] == [
        "line 2, column Regular price: is not a decimal number, such as 19.99",
        "line 4, column manage_stock: should be a valid boolean",
        "line 5, column Stock: should be a valid integer",
        "line 5, column Parent: there is no product NOWHERE",
    ]
    lines = '{"sku": "A", "name": "A"}\n\n{"sku": "a", "name": "B"}\n'
    held = table(lines, "x.jsonl")
    with pytest.raises(CatalogError) as refused:
        await imported(database, held)
    assert [str(held.told(problem)) for problem in refused.value.problems] == [
        "line 3, column sku: is also that of line 1"
    ]


@pytest.mark.parametrize(
    ("text", "asked", "message"),
    [
        ("", {}, "line 1: The file is empty: its first line names the columns."),
        ("foo,bar\n1,2\n", {}, "line 1: No column is one of id, parent_id, .*: the file has 'foo', 'bar'."),
        ("name,id\nx,1\n", {}, "may be of several lists: say with --list which one it is"),
        ("sku,SKU,name\na,b,c\n", {}, "line 1: The columns 'sku' and 'SKU' are both sku"),
        ("sku,name\na,b,c\n", {}, "line 2: There are 3 cells for 2 columns. Is a comma unquoted?"),
        ("sku,name\na,b\n", {"mapping": ("Art=sku",)}, "line 1: There is no column 'art' to map"),
        ("sku,name\na,b\n", {"mapping": ("sku",)}, "'sku' maps nothing: write it as NAME=COLUMN"),
    ],
)
def test_a_table_that_says_nothing_is_refused_in_words(text: str, asked: dict[str, Any], message: str) -> None:
    with pytest.raises(FileError, match=message):
        table(text, **asked)


def test_columns_are_mapped_and_left_out_by_name() -> None:
    found = columns_of(
        ["Art.-Nr.", "Bezeichnung", "name", "Preis"], {"art_nr": "sku", "name": "", "bezeichnung": "name"}, None
    )
    assert (found.of, dict(found.ours)) == ("products", {"Art.-Nr.": "sku", "Bezeichnung": "name"})
    assert found.ignored == ["Preis"]
    assert columns_of(["sku", "location_slug", "stock", "reserved"], {}, None).of == "stock"
