"""What clients ask of the shop besides its products: settings, state, currencies, and lists of what is not here."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from storage import thresholds

sqlite = pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
API = "https://shop.example/wp-json/wc/v3"
EMPTY = ("orders", "customers", "coupons", "taxes", "products/categories", "products/tags", "products/attributes",
         "products/shipping_classes", "products/reviews")  # fmt: skip


@sqlite
async def test_check_104_the_system_status_is_told_in_part(shop: Any) -> None:
    answer = await shop.get("/system_status", _fields="environment.version,settings.currency")
    assert answer == {"environment": {"version": "11.0.1"}, "settings": {"currency": "USD"}}
    whole = await shop.get("/system_status")
    assert whole["environment"]["home_url"] == whole["environment"]["site_url"] == "https://shop.example"
    assert whole["settings"]["currency_symbol"] == "&#36;"
    assert [each["plugin"] for each in whole["active_plugins"]] == ["woocommerce/woocommerce.php"]
    assert whole["security"] == {"secure_connection": True, "hide_errors": True}
    assert await shop.get("/system_status/tools") == []


@sqlite
async def test_check_105_a_setting_is_told_as_text(shop: Any) -> None:
    low = await shop.get("/settings/products/woocommerce_notify_low_stock_amount")
    assert (low["value"], low["type"], low["group_id"]) == (str(thresholds.DEFAULT), "number", "products")
    assert low["value"] == "2"
    assert low["_links"]["self"][0]["href"] == f"{API}/settings/products/woocommerce_notify_low_stock_amount"
    assert [group["id"] for group in await shop.get("/settings")] == ["general", "products", "tax"]
    for group, expected in (
        ("products", {"woocommerce_manage_stock": "yes", "woocommerce_notify_no_stock_amount": "0",
                      "woocommerce_weight_unit": "kg", "woocommerce_dimension_unit": "cm",
                      "woocommerce_hide_out_of_stock_items": "no"}),
        ("general", {"woocommerce_currency": "USD", "woocommerce_default_country": ""}),
        ("tax", {"woocommerce_prices_include_tax": "yes"}),
    ):  # fmt: skip
        options = await shop.get(f"/settings/{group}")
        values = {option["id"]: option["value"] for option in options}
        assert expected.items() <= values.items()
        assert await shop.get(f"/settings/{group}/{options[0]['id']}") == options[0]
    for path, code in (("nope", "rest_setting_setting_group_invalid"), ("nope/x", "rest_setting_setting_group_invalid"),
                       ("tax/nope", "rest_setting_setting_invalid")):  # fmt: skip
        refused = await shop.call("GET", f"/settings/{path}")
        assert (refused.status_code, refused.json()["code"]) == (404, code)
    written = await shop.call("PUT", "/settings/tax/woocommerce_prices_include_tax", json={"value": "no"})
    assert (written.status_code, written.json()["code"]) == (404, "rest_no_route")


@sqlite
async def test_check_106_what_woocommerce_has_not_is_no_route(shop: Any) -> None:
    for path in ("/reports/stock", "/reports/products", "/reports/sales", "/nope"):
        answer = await shop.call("GET", path)
        assert (answer.status_code, answer.json()["code"]) == (404, "rest_no_route"), path


async def test_reports_count_what_is_there(shop: Any) -> None:
    await shop.database.transact(_run, "UPDATE product SET status = 'trash' WHERE id = 12")
    await shop.database.transact(_run, "UPDATE location SET country = 'UA' WHERE is_default")
    totals = {row["slug"]: row["total"] for row in await shop.get("/reports/products/totals")}
    assert totals == {"external": 0, "grouped": 0, "simple": 1, "variable": 2}
    country = await shop.get("/settings/general/woocommerce_default_country")
    assert country["value"] == "UA"
    for report in await shop.get("/reports"):
        rows = await shop.call("GET", report["_links"]["self"][0]["href"])
        assert rows.status_code == 200, report["slug"]
        assert set(rows.json()[0]) == {"slug", "name", "total"}


async def _run(session: Any, statement: str) -> None:
    await session.execute(text(statement))


@sqlite
async def test_lists_of_what_is_not_here_are_empty_pages(shop: Any) -> None:
    for path in EMPTY:
        answer = await shop.call("GET", f"/{path}?per_page=1&page=2&include=7,9")
        assert (answer.status_code, answer.json()) == (200, []), path
        assert (answer.headers["x-wp-total"], answer.headers["x-wp-totalpages"]) == ("0", "0")
        assert answer.headers["link"] == '<https://shop.example/wp-json/>; rel="https://api.w.org/"'
        refused = await shop.as_(None).call("GET", f"/{path}?per_page=101")
        assert (refused.status_code, refused.json()["data"]["details"]["per_page"]["code"]) == (
            400, "rest_out_of_bounds",
        )  # fmt: skip
        anonymous = await shop.as_(None).call("GET", f"/{path}")
        assert (anonymous.status_code, anonymous.json()["code"]) == (401, "woocommerce_rest_cannot_view")
    classes = await shop.get("/taxes/classes")
    assert [(each["slug"], each["name"]) for each in classes] == [("standard", "Standard rate")]


@sqlite
@pytest.mark.parametrize(
    "changed_settings", [{"wc_foreign_lists": "missing", "currency": "EUR", "timezone": "Europe/Kyiv"}]
)
async def test_settings_decide_about_orders_currency_and_time_zone(shop: Any) -> None:
    for path in ("/orders", "/customers", "/coupons", "/reports/orders/totals"):
        answer = await shop.call("GET", path)
        assert (answer.status_code, answer.json()["code"]) == (404, "rest_no_route"), path
        assert (await shop.call("OPTIONS", path)).json() == []
    assert [report["slug"] for report in await shop.get("/reports")] == ["products/totals", "reviews/totals"]
    euro = await shop.get("/data/currencies/current")
    at = f"{API}/data/currencies"
    links = {"self": [{"href": f"{at}/EUR"}], "collection": [{"href": at}]}
    assert euro == {"code": "EUR", "name": "Euro", "symbol": "&euro;", "_links": links}
    assert await shop.get("/data/currencies/eur") == euro
    assert euro in await shop.get("/data/currencies")
    unknown = await shop.call("GET", "/data/currencies/xxx")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "woocommerce_rest_data_invalid_currency")
    assert [each["slug"] for each in await shop.get("/data")] == ["currencies"]
    assert (await shop.get("/settings/general/woocommerce_currency"))["value"] == "EUR"
    status = await shop.get("/system_status")
    assert status["environment"]["default_timezone"] == "Europe/Kyiv"
    index = (await shop.as_(None).call("GET", "/wp-json/")).json()
    assert (index["timezone_string"], index["gmt_offset"] in {2, 3}) == ("Europe/Kyiv", True)
