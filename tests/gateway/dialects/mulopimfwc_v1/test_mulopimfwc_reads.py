"""Section 4, the routes that read: export, locations, products."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from gateway.csv_files import cell
from storage.database import Database
from tests.builders import a_location, a_product
from tests.gateway.dialects.mulopimfwc_v1.conftest import BASE, Shop
from tests.statements import statements

ITEM = {"product_id": 12, "location_id": 5, "stock": 1}
NEVER = {"stock": "", "regular_price": "", "sale_price": "", "backorders": "", "disabled": False}


async def export(shop: Shop, query: str = "") -> Any:
    return await shop.get(f"/inventory/export{query}")


async def csv_of(shop: Shop, query: str = "") -> list[dict[str, str]]:
    response = await shop.call("GET", f"/inventory/export?format=csv{query}")
    assert response.status_code == 200, response.text
    assert response.content.startswith(b"\xef\xbb\xbfproduct_id,sku,")
    return list(csv.DictReader(io.StringIO(response.text.removeprefix("\ufeff"))))


def levels_of(rows: list[Any]) -> list[tuple[Any, Any]]:
    return [(int(row["product_id"]), int(row["location_id"])) for row in rows]


# Published products by id, locations by name (Kyiv Central 3, Main Store 5, Львів Склад 7), variations within each.
ROWS = [
    (12, 3), (12, 5), (12, 7),
    (21, 3), (22, 3), (21, 5), (22, 5), (21, 7), (22, 7),
    (30, 3), (30, 5), (30, 7),
    (40, 3), (40, 5), (40, 7),
    (60, 3), (60, 5), (60, 7),
    (456, 3), (456, 5), (456, 7),
]  # fmt: skip


async def test_a_row_per_item_and_location_of_published_products_in_order(shop: Shop) -> None:
    answer = await export(shop)
    assert levels_of(answer["data"]) == ROWS
    assert list(answer) == [
        "success", "count", "total", "total_pages", "current_page", "per_page", "has_more", "data",
    ]  # fmt: skip
    assert list(answer.values())[:-1] == [True, 21, 6, 1, 1, 100, False]


async def test_row_fields_have_their_order_and_strings_are_empty_when_never_set(shop: Shop) -> None:
    await shop.update({"product_id": 21, "location_id": 7, "stock": 0, "regular_price": 14.5, "sale_price": "12.3456",
                       "backorders": "notify", "disabled": True})  # fmt: skip
    rows = (await export(shop))["data"]
    assert list(rows[0].items()) == list(
        {
            "product_id": 12, "sku": "PROD-002", "product_name": 'Bolt & Nut "Pro" <1>', "location_id": 3,
            "location_slug": "kyiv-central", "location_name": "Kyiv Central", **NEVER,
        }.items()
    )  # fmt: skip
    assert rows[ROWS.index((21, 7))] == {
        "product_id": 21, "sku": "BOOT-01-40", "product_name": "Boot - 40, N", "location_id": 7,
        "location_slug": "львів-склад", "location_name": "Львів Склад", "stock": "0", "regular_price": "14.50",
        "sale_price": "12.3456", "backorders": "notify", "disabled": True,
    }  # fmt: skip
    assert rows[ROWS.index((30, 5))]["sku"] == ""


async def test_pages_count_products_and_a_page_past_the_end_keeps_the_totals(shop: Shop) -> None:
    seen = []
    for page in (1, 2, 3):
        answer = await export(shop, f"?per_page=2&page={page}")
        seen += levels_of(answer["data"])
        assert (answer["total"], answer["total_pages"], answer["current_page"]) == (6, 3, page)
        assert answer["has_more"] is (page < 3)
        assert answer["count"] == len(answer["data"])
    assert seen == ROWS
    past = await export(shop, "?per_page=2&page=4")
    assert past == {
        "success": True, "count": 0, "total": 6, "total_pages": 3, "current_page": 4, "per_page": 2,
        "has_more": False, "data": [],
    }  # fmt: skip


@pytest.mark.parametrize("name", ["page", "per_page"])
async def test_what_is_not_a_positive_integer_gives_the_default(shop: Shop, name: str) -> None:
    for value in ("0", "-1", "abc", "", "1.5", "9" * 400, "%00"):
        answer = await export(shop, f"?{name}={value}")
        assert (answer["current_page"], answer["per_page"]) == (1, 100), value


async def test_per_page_is_capped_at_500(shop: Shop) -> None:
    assert (await export(shop, "?per_page=501"))["per_page"] == 500
    assert (await export(shop, "?per_page=500"))["per_page"] == 500


async def test_location_filters_leave_rows_of_one_location_and_of_an_unknown_one_none(shop: Shop) -> None:
    for query in ("location_id=5", "location_slug=Main%20Store", "location_id=5&location_slug=kyiv-central"):
        assert levels_of((await export(shop, f"?{query}"))["data"]) == [row for row in ROWS if row[1] == 5]
    for query in ("location_id=999", "location_id=9", "location_slug=nope", "location_id=abc", "location_slug=%00"):
        answer = await export(shop, f"?{query}")
        assert (answer["data"], answer["count"], answer["has_more"]) == ([], 0, False)


async def test_sku_filter_finds_an_item_or_all_variations_of_a_parent(shop: Shop) -> None:
    expected = {"boot-01-41": {22}, "BOOT-01": {21, 22}, "PROD-001": {456}}
    expected |= {"DRAFT-1": set(), "NOPE": set(), "%00": set()}
    for sku, items in expected.items():
        answer = await export(shop, f"?sku={sku}")
        assert {row["product_id"] for row in answer["data"]} == items, sku
        assert answer["total"] == (1 if items else 0)


async def test_updated_after_leaves_levels_that_changed_since(shop: Shop) -> None:
    await shop.update(ITEM)
    await asyncio.sleep(0.01)
    between = datetime.now(UTC)
    await asyncio.sleep(0.01)
    await shop.update({**ITEM, "product_id": 22, "location_id": 7})
    spellings = [
        between.isoformat(), between.isoformat().replace("+00:00", "Z"), between.replace(tzinfo=None).isoformat(" "),
        between.astimezone(datetime.fromisoformat("2026-01-01T00:00:00+02:00").tzinfo).isoformat().replace("+", "%2B"),
    ]  # fmt: skip
    for moment in spellings:
        answer = await export(shop, f"?updated_after={moment}")
        assert (levels_of(answer["data"]), answer["total"]) == ([(22, 7)], 1), moment
    earlier = (between - timedelta(days=1)).isoformat()
    assert levels_of((await export(shop, f"?updated_after={earlier}"))["data"]) == [(12, 5), (22, 7)]
    assert levels_of(await csv_of(shop, f"&updated_after={between.isoformat()}")) == [(22, 7)]
    for bad in ("yesterday", "2026-01-01", "2026-02-30T00:00:00", "0001-01-01T00:00:00%2B23:59"):
        response = await shop.call("GET", f"/inventory/export?updated_after={bad}")
        assert response.status_code == 400
        assert response.json()["data"]["params"] == {"updated_after": "Invalid date."}


async def test_csv_streams_every_row_or_one_page_of_rows(shop: Shop) -> None:
    assert levels_of(await csv_of(shop)) == ROWS
    assert levels_of(await csv_of(shop, "&per_page=2")) == ROWS
    assert levels_of(await csv_of(shop, "&per_page=2&page=2")) == ROWS[9:15]
    assert levels_of(await csv_of(shop, "&location_slug=kyiv-central&sku=boot-01")) == [(21, 3), (22, 3)]


async def test_csv_of_many_chunks_has_every_row_once_in_order(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.dialects.mulopimfwc_v1.reads.ROWS_PER_CHUNK", 3)
    assert levels_of(await csv_of(shop)) == ROWS


async def test_csv_is_a_dated_attachment_with_bom_and_header(shop: Shop) -> None:
    await shop.update({**ITEM, "disabled": True, "regular_price": "10"})
    response = await shop.call("GET", "/inventory/export?format=csv&location_id=5&sku=PROD-002")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    disposition = response.headers["content-disposition"]
    assert re.fullmatch(r"attachment; filename=inventory-export-\d{4}-\d\d-\d\d-\d{6}\.csv", disposition)
    assert response.text == (
        "\ufeffproduct_id,sku,product_name,location_id,location_slug,location_name,"
        "stock,regular_price,sale_price,backorders,disabled\n"
        '12,PROD-002,"Bolt & Nut ""Pro"" <1>",5,main-store,"Main Store",1,10.00,,,yes\n'
    )
    assert response.headers["x-robots-tag"] == "noindex"
    head = await shop.call("HEAD", "/inventory/export?format=csv")
    assert (head.status_code, head.content, head.headers["content-type"]) == (200, b"", "text/csv; charset=utf-8")


async def test_an_empty_csv_is_404_no_data(shop: Shop) -> None:
    for query in ("location_id=999", "sku=NOPE", "page=99", "updated_after=2999-01-01T00:00:00"):
        response = await shop.call("GET", f"/inventory/export?format=csv&{query}")
        assert response.status_code == 404, query
        assert response.json() == {"code": "no_data", "message": "No data to export.", "data": {"status": 404}}
        assert response.headers["allow"] == "GET"


def test_cells_that_a_spreadsheet_would_run_are_prefixed_and_numbers_are_not() -> None:
    cells = {
        "=1+1": "'=1+1", "+A1": "'+A1", "-A1": "'-A1", "@SUM(1)": "'@SUM(1)", "\tx": '"\'\tx"', "\rx": '"\'\rx"',
        "-5": "-5", "+5.25": "+5.25", "-.5": "-.5", "-": "'-", "plain": "plain", "": "", "a b": '"a b"',
        'say "hi"': '"say ""hi"""', "a,b": '"a,b"', "a\nb": '"a\nb"', "back\\slash": '"back\\slash"',
        "=a b": '"\'=a b"',
    }  # fmt: skip
    assert {text: cell(text) for text in cells} == cells
    for text, written in cells.items():
        (read,) = csv.reader(io.StringIO(f"{written},x", newline=""), strict=True)
        assert read in ([text, "x"], [f"'{text}", "x"])


async def test_a_csv_export_is_one_snapshot(shop: Shop, app: Starlette, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.dialects.mulopimfwc_v1.reads.ROWS_PER_CHUNK", 3)
    rows: list[bytes] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body" and message["body"]:
            rows.append(message["body"])
            if len(rows) == 1:  # another client changes what this export has not read yet
                await shop.update({**ITEM, "product_id": 456, "stock": 77})

    async def receive() -> Any:
        await asyncio.sleep(60)

    scope = {
        "type": "http", "method": "GET", "path": f"{BASE}/inventory/export", "query_string": b"format=csv",
        "headers": [(b"x-api-key", shop.key.encode())], "scheme": "http", "server": ("shop.test", 80),
        "client": ("127.0.0.1", 1), "http_version": "1.1", "asgi": {"version": "3.0", "spec_version": "2.4"},
    }  # fmt: skip
    await app(scope, receive, send)
    assert len(rows) > 1
    assert b"77" not in b"".join(rows)
    assert await shop.on_hand(456, 5) == 77


@pytest.mark.parametrize("changed_settings", [{"csv_exports_max": 1}])
async def test_more_exports_at_once_than_the_setting_are_asked_to_come_back(shop: Shop, app: Starlette) -> None:
    async with app.state.csv_exports:
        response = await shop.call("GET", "/inventory/export?format=csv")
    assert (response.status_code, response.json()["code"]) == (503, "too_many_exports")
    assert response.headers["retry-after"] == "5"
    assert levels_of(await csv_of(shop)) == ROWS


async def test_a_page_takes_the_same_number_of_statements_whatever_its_size(shop: Shop, app: Starlette) -> None:
    database: Database = app.state.database
    for path, expected in (("/inventory/export", 5), ("/products?inventory=1", 3), ("/products", 1)):
        for per_page in (1, 2, 500):
            with statements(database) as executed:
                await shop.get(f"{path}{'&' if '?' in path else '?'}per_page={per_page}")
            selects = [sql for sql in executed if sql.startswith("SELECT") and "api_key" not in sql]
            assert len(selects) == expected, selects


async def test_locations_are_the_active_ones_by_name(shop: Shop) -> None:
    answer = await shop.call("GET", "/locations")
    assert answer.json() == {
        "success": True,
        "count": 3,
        "data": [
            {"id": 3, "slug": "kyiv-central", "name": "Kyiv Central", "description": ""},
            {"id": 5, "slug": "main-store", "name": "Main Store",
             "description": "Our primary retail location"},
            {"id": 7, "slug": "львів-склад", "name": "Львів Склад", "description": "Західний склад"},
        ],
    }  # fmt: skip


async def test_include_inactive_adds_the_rest_and_says_so(shop: Shop) -> None:
    answer = await shop.get("/locations?include_inactive=1")
    assert answer["count"] == 4
    assert [each for each in answer["data"] if "active" in each] == [
        {"id": 9, "slug": "closed-kiosk", "name": "Closed Kiosk", "description": "", "active": False}
    ]
    assert (await shop.get("/locations?include_inactive=0"))["count"] == 3


async def test_names_are_served_as_stored_and_not_html_escaped(shop: Shop) -> None:
    async def add(session: Any) -> None:
        session.add(a_location(30, slug="cafe", name="Café & <Bar>"))

    await shop.database.transact(add)
    assert "Café & <Bar>" in [each["name"] for each in (await shop.get("/locations"))["data"]]
    assert {row["product_name"] for row in (await export(shop, "?sku=PROD-002"))["data"]} == {'Bolt & Nut "Pro" <1>'}


def ids(answer: Any) -> list[int]:
    return [each["id"] for each in answer["data"]]


async def test_products_are_published_parents_and_simple_ones_newest_first(shop: Shop) -> None:
    async def add(session: Any) -> None:
        session.add(a_product(11, name="Newest", created_at=datetime(2026, 6, 1, tzinfo=UTC)))

    await shop.database.transact(add)
    answer = await shop.get("/products")
    assert list(answer) == ["success", "count", "page", "per_page", "data"]
    assert [answer[name] for name in ("success", "count", "page", "per_page")] == [True, 7, 1, 100]
    assert ids(answer) == [11, 456, 60, 40, 30, 20, 12]
    assert answer["data"][-1] == {"id": 12, "sku": "PROD-002", "name": 'Bolt & Nut "Pro" <1>', "type": "simple"}
    assert answer["data"][4] == {"id": 30, "sku": "", "name": "No SKU item", "type": "simple"}


async def test_products_are_paged_and_page_and_per_page_come_back_as_they_were_sent(shop: Shop) -> None:
    answer = await shop.get("/products?per_page=2&page=2")
    assert (ids(answer), answer["page"], answer["per_page"]) == ([40, 30], "2", "2")
    headers = {"Content-Type": "application/json"}
    answer = await shop.get("/products", content='{"per_page":2,"page":2}', headers=headers)
    assert (ids(answer), answer["page"], answer["per_page"]) == ([40, 30], 2, 2)
    assert (await shop.get("/products?page=99"))["data"] == []
    for given, used in (("0", 100), ("-1", 100), ("abc", 100), ("501", 500), ("", 100)):
        assert (await shop.get(f"/products?per_page={given}"))["per_page"] == used, given


async def test_a_search_longer_than_an_engine_takes_finds_nothing(shop: Shop) -> None:
    for text in ("b" * 1001, "%25" * 20_000, "b" * 60_000):
        assert ids(await shop.get(f"/products?search={text}")) == [], len(text)


async def test_products_are_searched_by_name_or_sku_whatever_the_case(shop: Shop) -> None:
    found = {
        "bolt": [12], "PROD-": [456, 12], "prod-001": [456], "boot": [20], "zzzz": [], "%25": [], "_": [],
        "%00": [], "": [456, 60, 40, 30, 20, 12], "%22pro%22": [12],
    }  # fmt: skip
    for text, expected in found.items():
        assert ids(await shop.get(f"/products?search={text}")) == expected, text


async def test_products_are_filtered_by_sku_and_type(shop: Shop) -> None:
    expected = {"sku=prod-001": [456], "sku=PROD": [], "type=variable": [20], "type=nope": [], "type=%00": []}
    for query, found in expected.items():
        assert ids(await shop.get(f"/products?{query}")) == found, query


async def test_variations_are_listed_on_request(shop: Shop) -> None:
    answer = await shop.get("/products?include_variations=1&search=boot")
    assert [(each["id"], each["type"]) for each in answer["data"]] == [
        (22, "variation"), (21, "variation"), (20, "variable"),
    ]  # fmt: skip


async def test_products_have_their_inventory_on_request(shop: Shop) -> None:
    await shop.update({**ITEM, "regular_price": "12"})
    answer = await shop.get("/products?inventory=1&sku=PROD-002")
    assert answer["data"][0]["inventory"] == [
        {"location_id": 3, "location_slug": "kyiv-central", **NEVER},
        {"location_id": 5, "location_slug": "main-store", **NEVER, "stock": "1", "regular_price": "12.00"},
        {"location_id": 7, "location_slug": "львів-склад", **NEVER},
    ]
    assert (await shop.get("/products?inventory=1&type=variable"))["data"][0]["inventory"] == []
    assert "inventory" not in (await shop.get("/products?inventory=0"))["data"][0]


async def test_a_real_client_pages_adds_up_and_corrects_one_location(client: httpx.AsyncClient, shop: Shop) -> None:
    """Section 6, steps 1, 2 and 4, with Basic as that client has it."""
    await shop.bulk_sync([{**ITEM, "stock": 4}, {**ITEM, "location_id": 3, "stock": 2}])

    async def totals() -> dict[int, int]:
        summed: dict[int, int] = {}
        page, more = 1, True
        while more:
            url = f"{BASE}/inventory/export?per_page=2&page={page}"
            answer = (await client.get(url, auth=("apiuser", shop.key))).json()
            for row in answer["data"]:
                stock = int(row["stock"]) if row["stock"] != "" else 0
                summed[row["product_id"]] = summed.get(row["product_id"], 0) + stock
            page, more = page + 1, answer["has_more"]
        return summed

    assert (await totals())[12] == 6
    item = {"sku": "PROD-002", "location_slug": "kyiv-central", "stock": 5}
    assert (await client.post(f"{BASE}/inventory/update", json=item, auth=("u", shop.key))).status_code == 200
    assert (await totals())[12] == 9
    assert await shop.on_hand(12, 5) == 4


async def test_a_client_that_hangs_up_gives_its_connection_back(
    shop: Shop, app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.dialects.mulopimfwc_v1.reads.ROWS_PER_CHUNK", 3)
    sent, gone = 0, asyncio.Event()

    async def send(message: Any) -> None:
        nonlocal sent
        if message["type"] == "http.response.body":
            sent += 1
            gone.set()
            await asyncio.sleep(0.01)

    async def receive() -> Any:
        await gone.wait()
        return {"type": "http.disconnect"}

    scope = {
        "type": "http", "method": "GET", "path": f"{BASE}/inventory/export", "query_string": b"format=csv",
        "headers": [(b"x-api-key", shop.key.encode())], "scheme": "http", "server": ("shop.test", 80),
        "client": ("127.0.0.1", 1), "http_version": "1.1", "asgi": {"version": "3.0", "spec_version": "2.3"},
    }  # fmt: skip
    await app(scope, receive, send)
    assert sent < len(ROWS) // 3
    assert app.state.database.engine.pool.checkedout() == 0
    assert not app.state.csv_exports.locked()
    assert levels_of(await csv_of(shop)) == ROWS
