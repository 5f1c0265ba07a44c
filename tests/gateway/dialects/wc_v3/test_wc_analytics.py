"""Stock reports of wc-analytics: check 107 of the checklist, and section 5.1 of the sheet."""

from __future__ import annotations

from typing import Any

from storage.tables import Location, Product, StockLevel
from tests.gateway.dialects.wc_v3.conftest import API, MAIN, P1, V1, V2, P, S, Shop, U, V
from tests.gateway.dialects.wc_v3.test_wc_reads import _ids, _set

ANALYTICS = "/wp-json/wc-analytics"


async def _report(shop: Shop, **query: Any) -> list[int]:
    return _ids(await shop.get(f"{ANALYTICS}/reports/stock", orderby="id", **query))


async def test_check_107_a_report_lists_only_what_is_low_on_stock(shop: Shop) -> None:
    assert await _report(shop, type="lowstock") == []
    await _set(shop, StockLevel, (S, MAIN), on_hand=2)
    await _set(shop, StockLevel, (V1, MAIN), on_hand=0)
    await _set(shop, Product, P, low_stock_threshold=8)
    response = await shop.call("GET", f"{ANALYTICS}/reports/stock?type=lowstock&orderby=id&per_page=1")
    assert (response.headers["x-wp-total"], response.headers["x-wp-totalpages"]) == ("2", "2")
    assert 'rel="next"' in response.headers["link"]
    assert _ids(response.json()) == [S]
    assert await _report(shop, type="lowstock") == [S, P]  # not P1, whose stock is P's
    assert await _report(shop) == [S, U, V, V1, V2, P, P1]
    assert await _report(shop, type="outofstock") == [V1]
    assert await _report(shop, type="instock", exclude=f"{S},{U}") == [V, V2, P, P1]
    assert await _report(shop, parent=V) == [V1, V2]
    by_quantity = await shop.get(f"{ANALYTICS}/reports/stock", orderby="stock_quantity", order="desc", per_page=2)
    assert _ids(by_quantity) == [P1, P]
    [row] = await shop.get(f"{ANALYTICS}/reports/stock", include=P1)
    at = f"https://shop.example{API}/products"
    assert row == {
        "id": P1, "parent_id": P, "name": "Red", "sku": "P-1-R", "stock_status": "instock", "stock_quantity": 8,
        "manage_stock": True, "low_stock_amount": 8,
        "_links": {"product": [{"href": f"{at}/{P1}"}], "parent": [{"href": f"{at}/{P}"}]},
    }  # fmt: skip

    assert await shop.get(f"{ANALYTICS}/reports/stock/stats") == {
        "totals": {"products": 7, "lowstock": 2, "instock": 6, "outofstock": 1, "onbackorder": 0}
    }
    low = await shop.get(f"{ANALYTICS}/products/low-in-stock")
    assert _ids(low) == [V1, S, P]
    assert low[0] == {
        "id": V1, "images": [], "low_stock_amount": None, "last_order_date": None, "name": "Product 13 - Red",
        "attributes": [{"id": 0, "name": "Colour", "slug": "colour", "option": "Red"}], "parent_id": V,
        "stock_quantity": 0, "type": "variation",
    }  # fmt: skip
    counted = await shop.call("GET", f"{ANALYTICS}/products/count-low-in-stock")
    assert (counted.json(), counted.headers["x-wp-total"], counted.headers["x-wp-totalpages"]) == (
        {"total": 3},
        "3",
        "0",
    )

    await _set(shop, StockLevel, (S, MAIN), on_hand=5)
    assert _ids(await shop.get(f"{ANALYTICS}/products/low-in-stock")) == [V1, P]
    await _set(shop, Location, MAIN, low_stock_threshold=5)  # said of a location: of what has no threshold itself
    assert _ids(await shop.get(f"{ANALYTICS}/products/low-in-stock")) == [V1, S, P]
    await _set(shop, StockLevel, (S, MAIN), low_stock_threshold=4)  # said of a level: before everything else
    assert _ids(await shop.get(f"{ANALYTICS}/products/low-in-stock")) == [V1, P]
    await _set(shop, StockLevel, (S, MAIN), on_hand=2, low_stock_threshold=None)

    await _set(shop, Product, S, status="draft")
    assert _ids(await shop.get(f"{ANALYTICS}/products/low-in-stock")) == [V1, P]
    assert _ids(await shop.get(f"{ANALYTICS}/products/low-in-stock", status="draft")) == [S]
    refused = await shop.as_(None).call("GET", f"{ANALYTICS}/reports/stock")
    assert (refused.status_code, refused.json()["code"]) == (401, "woocommerce_rest_cannot_view")
