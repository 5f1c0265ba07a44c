"""The contract suite's client of the Inventory Update API."""

from __future__ import annotations

from typing import Any

import httpx

from gateway.dialects.inventory_update.errors import RENDERED
from storage.errors import ErrorCode

PATH = "/api/product/inventory"


class InventoryUpdateClient:
    """Speaks to the one route, which takes absolute counts. It tells the previous one, so a dry run reads it; an
    adjustment is that, and a count.

    Items are named by the UPC that the suite gives them, locations by the id that their slug ends with.
    """

    name = "inventory-update"

    def __init__(self, client: httpx.AsyncClient, api_key: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self.last_error_code: ErrorCode | None = None

    async def set_quantity(self, sku: str, location: str, quantity: object) -> None:
        response = await self._push(sku, location, quantity)
        self.last_error_code = None if response.is_success else _code_of(response, quantity)

    async def adjust_quantity(self, sku: str, location: str, delta: int) -> None:
        await self.set_quantity(sku, location, (await self.quantity_of(sku, location) or 0) + delta)

    async def quantity_of(self, sku: str, location: str) -> int | None:
        response = await self._push(sku, location, 0, {"X-Dry-Run": "1"})
        quantity: int | None = response.json()["previous_quantity"]
        return quantity

    async def _push(
        self, sku: str, location: str, quantity: object, extra: dict[str, Any] | None = None
    ) -> httpx.Response:
        body = {"upc": upc_of(sku), "store": location.removeprefix("location-"), "quantity": quantity}
        return await self._client.post(PATH, json=body, headers=self._headers | (extra or {}))


def upc_of(sku: str) -> str:
    """The UPC of SKU-<id>, in any case; of anything else one that nothing has."""
    number = sku.upper().removeprefix("SKU-")
    return number.zfill(12) if number.isdecimal() else "9" * 12


def _code_of(response: httpx.Response, quantity: object) -> ErrorCode:
    """The core's code for this dialect's. What is no count is `invalid_value`, whatever is wrong with it."""
    code = response.headers["x-error-code"]
    if code == "invalid_value" and isinstance(quantity, int) and quantity < 0:
        return ErrorCode.INSUFFICIENT_STOCK
    return next(error for error, rendered in RENDERED.items() if rendered.code == code)
