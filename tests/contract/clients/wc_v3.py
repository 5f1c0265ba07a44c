"""The contract suite's client of wc/v3."""

from __future__ import annotations

from typing import Any

from gateway.dialects.wc_v3.errors import RENDERED
from storage.errors import ErrorCode
from tests.contract.clients.client import Answer, Extra
from tests.contract.clients.rest import CountingClient, answer_of

BASE = "/wp-json/wc/v3/products"


class WcV3Client(CountingClient):
    """Speaks to /products and, for variations, below it. Counts of a location travel in the field `locations`."""

    name = "wc/v3"
    ignored = frozenset({ErrorCode.ITEM_HAS_VARIATIONS})

    async def quantity_of(self, sku: str, location: str) -> int | None:
        found = await self._find(sku)
        quantities = {place["slug"]: place["quantity"] for place in found["locations"]}
        return quantities.get(location)

    async def _set(self, sku: str, location: str, quantity: object, extra: Extra) -> Answer:
        found = await self._find(sku)
        of = f"/{found['parent_id']}/variations" if found.get("parent_id") else ""
        body = {"locations": [{"slug": location, "quantity": quantity}]}
        path = f"{BASE}{of}/{found['id']}"
        response = await self._client.put(path, json=body, auth=self._auth, headers=extra.headers)
        return answer_of(response, response.json().get("code"), RENDERED)

    async def _find(self, sku: str) -> dict[str, Any]:
        """The product or variation; of a SKU that nothing has an id that nothing has."""
        response = await self._client.get(BASE, params={"sku": sku}, auth=self._auth)
        return next(iter(response.json()), {"id": 2**40})

    @property
    def _auth(self) -> tuple[str, str]:
        return "contract", self._api_key
