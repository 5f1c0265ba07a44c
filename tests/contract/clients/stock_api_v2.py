"""The contract suite's client of the Stock API."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx

from gateway.dialects.stock_api_v2.errors import RENDERED
from storage.errors import ErrorCode
from tests.contract.clients.client import NOTHING, Answer, Extra
from tests.contract.clients.rest import answer_of

BASE = "/api/v2/inventory"


class StockApiV2Client:
    """Speaks to /sku/{identifier}. The suite's shop has several locations, so stock is that of warehouses.

    They are named by the id that their slug ends with, or else by the slug.
    """

    name = "stock-api/v2"
    ignored: frozenset[ErrorCode] = frozenset()

    def __init__(self, client: httpx.AsyncClient, api_key: str) -> None:
        self._client, self._auth = client, ("contract", api_key)

    async def set_quantity(self, sku: str, location: str, quantity: object, extra: Extra = NOTHING) -> Answer:
        return await self._patch(sku, location, quantity, extra)

    async def adjust_quantity(self, sku: str, location: str, delta: int) -> Answer:
        return await self._patch(sku, location, {"adjust_by": delta}, NOTHING)

    async def quantity_of(self, sku: str, location: str) -> int | None:
        found = (await self._client.get(_path(sku), auth=self._auth)).json()
        stocks = {place["id"]: place["stock"] for place in found["warehouses"]}
        return stocks.get(_named(location).get("id"))

    async def _patch(self, sku: str, location: str, stock: object, extra: Extra) -> Answer:
        body = {"warehouses": [{**_named(location), "stock": stock}]}
        response = await self._client.patch(_path(sku), json=body, auth=self._auth, headers=extra.headers)
        return answer_of(response, response.json().get("error", {}).get("code"), RENDERED)


def _path(sku: str) -> str:
    return f"{BASE}/sku/{quote(sku, safe='')}"


def _named(location: str) -> dict[str, Any]:
    number = location.removeprefix("location-")
    return {"id": int(number)} if number.isdecimal() else {"name": location}
