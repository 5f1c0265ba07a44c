"""An ERP's own script, over a real server."""

from __future__ import annotations

from urllib.parse import quote

import pytest
import requests
from anyio import to_thread

from gateway.app import create_app
from gateway.settings import Settings
from tests.gateway.dialects.stock_api_v2.conftest import API, Shop
from tests.gateway.live.live_server import serving


def sync_prices_and_stock(base: str, key: str) -> list[object]:
    """What an ERP runs at night, with the credentials that the API asks for."""
    with requests.Session() as session:
        session.auth = ("night run", key)
        url = f"{base}{API}/sku/{quote('A/B 100%', safe='')}"
        before = session.get(url, timeout=10)
        change = {"stock": {"adjust_by": 4}, "price_net": 84.03}
        after = session.patch(url, json=change, headers={"If-Match": before.headers["ETag"]}, timeout=10)
        too_late = session.patch(url, json=change, headers={"If-Match": before.headers["ETag"]}, timeout=10)
        head = session.head(url, timeout=10)
    assert head.content == b""
    assert head.headers["ETag"] == after.headers["ETag"]
    return [before.json()["stock"], after.json()["stock"], after.json()["price_gross"], too_late.status_code]


@pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)  # the way there matters, not the engine
async def test_an_erp_changes_price_and_stock_with_requests(settings: Settings, shop: Shop) -> None:
    async with serving(create_app(settings)) as server:
        seen = await to_thread.run_sync(sync_prices_and_stock, f"http://{server.address}", shop.key)
    assert seen == [1, 5, 100.00, 412]
    [_, group] = await shop.rows("stock_change_group ORDER BY id")
    assert (group["dialect"], group["reference"]) == ("stock-api/v2", "night run")
