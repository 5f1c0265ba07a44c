"""The contract suite's client of the Inventory Update API."""

from __future__ import annotations

import httpx

from gateway.dialects.inventory_update.errors import RENDERED
from tests.contract.clients.client import Answer, Extra
from tests.contract.clients.rest import CountingClient, answer_of

PATH = "/api/product/inventory"


class InventoryUpdateClient(CountingClient):
    """Speaks to the one route. It tells the previous quantity, so a dry run reads it.

    Items are named by the UPC that the suite gives them, locations by the id that their slug ends with.
    """

    name = "inventory-update"

    async def quantity_of(self, sku: str, location: str) -> int | None:
        response = await self._push(sku, location, 0, Extra(dry_run=True))
        quantity: int | None = response.json()["previous_quantity"]
        return quantity

    async def _set(self, sku: str, location: str, quantity: object, extra: Extra) -> Answer:
        response = await self._push(sku, location, quantity, extra)
        return answer_of(response, response.headers.get("x-error-code"), RENDERED)

    async def _push(self, sku: str, location: str, quantity: object, extra: Extra) -> httpx.Response:
        body = {"upc": upc_of(sku), "store": location.removeprefix("location-"), "quantity": quantity}
        headers = {"Authorization": f"Bearer {self._api_key}", **extra.headers}
        return await self._client.post(PATH, json=body, headers=headers)


def upc_of(sku: str) -> str:
    """The UPC of SKU-<id>, in any case; of anything else one that nothing has."""
    number = sku.upper().removeprefix("SKU-")
    return number.zfill(12) if number.isdecimal() else "9" * 12
