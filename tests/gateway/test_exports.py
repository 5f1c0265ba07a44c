"""Exports: what is written is imported again to the same, and belongs to one moment."""

from __future__ import annotations

import asyncio
import io
import json
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from starlette.applications import Starlette

from gateway.catalog_import.files import Asked, read
from gateway.csv_files import CsvFile
from gateway.exports.formats import WRITINGS, Format
from storage import catalog, exports, inventory
from storage.catalog_document import load
from storage.changes import AdjustQuantity, SetQuantity
from storage.database import Database
from storage.exports import Kind
from tests.builders import a_change, a_group
from tests.conftest import Keys

HOSTILE = ["=1+1", "'=x", "-3", "+7 cm", "@home", '"q", with\nlines\r\nand\ttabs', " blank ", "'", "Größe ½ 茶", "a\\"]
SHOP: dict[str, Any] = {
    "locations": [
        {"id": 4, "name": "=Main", "slug": "main", "is_default": True, "latitude": 50.4501, "city": '"K"', "code": "7"},
        {"id": 9, "name": "Depot", "position": -3, "kind": "warehouse", "description": "-\n-"},
        {"id": 10, "name": "Closed", "active": False},
    ],
    "products": [
        *(
            {"id": 20 + n, "name": name, "sku": name if name.strip() else None, "regular_price": f"{n}.1234",
             "created_at": "2020-02-03T04:05:06.789Z", "status": "draft"}
            for n, name in enumerate(HOSTILE)
        ),
        {"id": 50, "name": "No SKU", "gtin": "0012345678905", "tax_rate": "0.07", "manage_stock": False,
         "stock_status": "onbackorder", "low_stock_threshold": 0, "backorders": "notify",
         "regular_price": "10", "sale_price": "9.5", "sale_starts_at": "2026-01-01T00:00:00Z",
         "extra": {"wc/v3": {"meta_data": [{"id": 1, "key": "k", "value": [1, 2.5, None, True, "=x"]}]}}},
        {"id": 7, "sku": "SMOCK", "name": "Smock", "variations": [
            {"id": 6, "sku": "SMOCK-S", "attributes": {"Size": "=S", "-Width": "1"}, "status": "private"},
            {"id": 8, "attributes": {"Size": "M"}},
        ]},
        {"id": 60, "sku": "GONE", "name": "Gone", "status": "trash"},
    ],
    "stock": [
        {"product_id": 20, "location_id": 4, "on_hand": 12, "reserved": 3, "safety_stock": 1},
        {"product_id": 20, "location_id": 9, "regular_price": "7.5", "sale_price": "7.25", "backorders": "yes"},
        {"product_id": 6, "location_id": 4, "on_hand": -4, "backorders": "yes", "disabled": True},
        {"product_id": 8, "location_id": 9, "on_hand": 0},
    ],
}  # fmt: skip


@pytest.fixture
async def first(sqlite_template: str, tmp_path: Path) -> AsyncIterator[Database]:
    """A gateway with all that makes files hard."""
    path = tmp_path / "first.db"
    shutil.copyfile(sqlite_template.removeprefix("sqlite:///"), path)
    database = Database(f"sqlite:///{path}")
    await database.transact(catalog.import_catalog, load(json.dumps(SHOP).encode()))
    yield database
    await database.close()


async def exported(database: Database, kind: Kind, form: Format, **options: Any) -> bytes:
    async with exports.begun(database, kind, **options) as export:
        written = [WRITINGS[form].head(export.columns)]
        written += [WRITINGS[form].lines(export.columns, rows) async for rows in export.rows()]
    assert WRITINGS[form].lines(export.columns, []) == b""
    return b"".join(written)


@pytest.mark.parametrize("form", Format)
async def test_what_is_exported_is_imported_into_an_empty_gateway_to_the_same(
    first: Database, database: Database, form: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "PAGE", 3)
    kinds = (Kind.LOCATIONS, Kind.PRODUCTS, Kind.INVENTORY)
    files = {kind: await exported(first, kind, form) for kind in kinds}
    for kind in kinds:
        table = read(io.BytesIO(files[kind]), "jsonl" if form is Format.JSONL else "csv", Asked())
        assert table.notes == []
        await database.transact(catalog.import_catalog, table.document)
    for kind in kinds:
        assert await exported(database, kind, form) == files[kind]
    names = {line.cells[4] for line in CsvFile(io.BytesIO(await exported(database, Kind.PRODUCTS, Format.CSV)))}
    assert len(names) > 1


async def test_an_export_belongs_to_one_sequence_whoever_writes_meanwhile(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "PAGE", 2)
    items = range(1, 8)
    products = [{"id": n, "sku": f"P-{n}", "name": "P"} for n in items]
    stock = [{"product_id": n, "location_id": 1, "on_hand": 100} for n in items]
    document = {"locations": [{"id": 1, "name": "A"}, {"id": 2, "name": "B"}], "products": products, "stock": stock}
    await database.transact(catalog.import_catalog, document)

    async def sell() -> None:
        sold = [a_change(n, 1, quantity=AdjustQuantity(-1)) for n in items]
        await database.transact(inventory.apply, a_group(*sold))

    for kind in (Kind.INVENTORY, Kind.LEDGER):
        async with exports.begun(database, kind) as export:
            found: list[dict[str, Any]] = []
            async for rows in export.rows():
                found += [dict(zip(export.columns, row, strict=True)) for row in rows]
                await sell()
        entries = "SELECT product_id, max(sequence), sum(delta) FROM ledger_entry WHERE sequence <= :up_to GROUP BY 1"
        told = (await database.read(lambda session: session.execute(text(entries), {"up_to": export.sequence}))).all()  # noqa: B023
        assert export.total == len(found)
        if kind is Kind.INVENTORY:
            assert {row["product_id"]: row["stock"] for row in found} == {row[0]: row[2] for row in told}
        else:
            assert max(row["sequence"] for row in found) == max(row[1] for row in told)
            assert sum(row["delta"] for row in found) == sum(row[2] for row in told)
    for location_ids, lines in (([1], 7), ([2], 0)):
        written = await exported(database, Kind.INVENTORY, Format.JSONL, among_locations=location_ids)
        assert written.count(b"\n") == lines


async def test_an_export_over_http_names_the_sequence_after_which_the_feed_goes_on(
    client: httpx.AsyncClient, catalogue: Database, issue_key: Keys
) -> None:
    async def count(units: int) -> None:
        changes = [a_change(item=1, location=location, quantity=SetQuantity(units)) for location in (1, 2)]
        await catalogue.transact(inventory.apply, a_group(*changes))

    async def get(path: str, key: str, **asked: str) -> httpx.Response:
        return await client.get(f"/api/{path}", params=asked, headers={"X-API-Key": key})

    await count(5)
    key = await issue_key("read")
    response = await get("exports/inventory", key)
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(r"attachment; filename=inventory-[-0-9]+\.csv", response.headers["content-disposition"])
    header, *rows = [record.cells for record in CsvFile(io.BytesIO(response.content))]
    stock = header.index("stock")
    assert [(row[0], row[3], row[stock]) for row in rows] == [("1", "1", "5"), ("1", "2", "5")]
    after = response.headers["x-stockgate-sequence"]
    assert (await get("changes", key, after=after)).json()["changes"] == []
    await count(6)
    assert [each["entry"]["after"] for each in (await get("changes", key, after=after)).json()["changes"]] == [6, 6]

    lines = [json.loads(line) for line in (await get("exports/ledger", key, format="jsonl")).text.splitlines()]
    assert [(line["location_slug"], line["delta"], line["dialect"]) for line in lines] == [
        ("location-1", 5, "test"), ("location-2", 5, "test"), ("location-1", 1, "test"), ("location-2", 1, "test"),
    ]  # fmt: skip
    limited = await issue_key("read", location_ids=[2])
    assert len((await get("exports/inventory", limited, format="jsonl")).text.splitlines()) == 1
    assert len((await get("exports/locations", limited, format="jsonl")).text.splitlines()) == 1
    assert len((await get("exports/products", limited, format="jsonl")).text.splitlines()) == 5
    head = await client.head("/api/exports/products", headers={"X-API-Key": key})
    assert (head.status_code, head.content, "x-stockgate-sequence" in head.headers) == (200, b"", True)


async def test_an_export_that_cannot_be_is_refused_in_words(
    client: httpx.AsyncClient, app: Starlette, issue_key: Keys
) -> None:
    async def refused(path: str, key: str = "", method: str = "GET", **asked: str) -> tuple[int, str]:
        response = await client.request(method, f"/api/exports/{path}", params=asked, headers={"X-API-Key": key})
        return response.status_code, response.json()["error"]["code"]

    key, shop = await issue_key("read"), await issue_key("storefront")
    assert await refused("inventory") == (401, "UNAUTHENTICATED")
    assert await refused("inventory", shop) == (403, "FORBIDDEN")
    assert await refused("orders", key) == (404, "NOT_FOUND")
    assert await refused("inventory", key, format="xlsx") == (400, "BAD_USER_INPUT")
    assert await refused("inventory", key, format="parquet") == (400, "BAD_USER_INPUT")
    assert await refused("inventory", key, "POST") == (405, "METHOD_NOT_ALLOWED")
    app.state.csv_exports = asyncio.Semaphore(0)
    assert await refused("inventory", key) == (503, "OVERLOADED")
