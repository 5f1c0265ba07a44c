"""The contract suite's client of mulopimfwc/v1."""

from __future__ import annotations

from typing import Any

import httpx

from gateway.dialects.mulopimfwc_v1.errors import RENDERED
from storage.errors import ErrorCode

BASE = "/wp-json/mulopimfwc/v1"


class MulopimfwcV1Client:
    """Speaks to /inventory/update and /inventory/export. The dialect has absolute quantities only, so an adjustment is
    a read, and a write on the condition that nothing came between."""

    name = "mulopimfwc/v1"

    def __init__(self, client: httpx.AsyncClient, api_key: str) -> None:
        self._client = client
        self._headers = {"X-API-Key": api_key}
        self._etags: dict[tuple[str, str], str] = {}
        self.last_error_code: ErrorCode | None = None

    async def set_quantity(self, sku: str, location: str, quantity: object) -> None:
        await self._update(sku, location, quantity)

    async def adjust_quantity(self, sku: str, location: str, delta: int) -> None:
        quantity = (await self.quantity_of(sku, location) or 0) + delta
        await self._update(sku, location, quantity, {"If-Match": self._etags.get((sku, location), "*")})

    async def quantity_of(self, sku: str, location: str) -> int | None:
        query = {"sku": sku, "location_slug": location}
        response = await self._client.get(f"{BASE}/inventory/export", params=query, headers=self._headers)
        stocks = [row["stock"] for row in response.json()["data"]]
        return int(stocks[0]) if stocks and stocks[0] != "" else None

    async def _update(self, sku: str, location: str, stock: object, extra: dict[str, Any] | None = None) -> None:
        item = {"sku": sku, "location_slug": location, "stock": stock}
        headers = self._headers | (extra or {})
        response = await self._client.post(f"{BASE}/inventory/update", json=item, headers=headers)
        self.last_error_code = None if response.is_success else _code_of(response.json())
        if etag := response.headers.get("etag"):
            self._etags[sku, location] = etag


def _code_of(body: dict[str, Any]) -> ErrorCode:
    """The core's code for this dialect's; the first, where the dialect has one word for several."""
    return next(code for code, rendered in RENDERED.items() if rendered.code == body["data"]["error"])
