"""The contract suite's client of mulopimfwc/v1."""

from __future__ import annotations

from gateway.dialects.mulopimfwc_v1.errors import RENDERED
from tests.contract.clients.client import Answer, Extra
from tests.contract.clients.rest import CountingClient, answer_of

BASE = "/wp-json/mulopimfwc/v1"


class MulopimfwcV1Client(CountingClient):
    """Speaks to /inventory/update and /inventory/export."""

    name = "mulopimfwc/v1"

    async def quantity_of(self, sku: str, location: str) -> int | None:
        query = {"sku": sku, "location_slug": location}
        response = await self._client.get(f"{BASE}/inventory/export", params=query, headers=self._headers)
        stocks = [row["stock"] for row in response.json()["data"]]
        return int(stocks[0]) if stocks and stocks[0] != "" else None

    async def _set(self, sku: str, location: str, quantity: object, extra: Extra) -> Answer:
        item = {"sku": sku, "location_slug": location, "stock": quantity}
        headers = self._headers | extra.headers
        response = await self._client.post(f"{BASE}/inventory/update", json=item, headers=headers)
        body = {} if response.is_success else response.json()
        return answer_of(response, body.get("data", {}).get("error", body.get("code")), RENDERED)

    @property
    def _headers(self) -> dict[str, str]:
        return {"X-API-Key": self._api_key}
