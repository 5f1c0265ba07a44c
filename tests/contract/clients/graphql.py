"""The contract suite's client of GraphQL."""

from __future__ import annotations

from typing import Any

import httpx

from storage.errors import ErrorCode

UPDATE = """mutation($input: InventoryUpdateInput!) {
    inventoryUpdate(input: $input) { userErrors { code } } }"""
QUANTITY = """query($sku: String!, $slug: String!) {
    product(sku: $sku) { stockLevels(locations: [{slug: $slug}]) { onHand } } }"""


class GraphqlClient:
    """Speaks to /graphql."""

    name = "graphql"

    def __init__(self, client: httpx.AsyncClient, api_key: str) -> None:
        self._client = client
        self._headers = {"X-API-Key": api_key}
        self.last_error_code: ErrorCode | None = None

    async def set_quantity(self, sku: str, location: str, quantity: object) -> None:
        await self._update(sku, location, {"onHand": quantity})

    async def adjust_quantity(self, sku: str, location: str, delta: int) -> None:
        await self._update(sku, location, {"adjust": delta})

    async def quantity_of(self, sku: str, location: str) -> int | None:
        data = await self._ask(QUANTITY, {"sku": sku, "slug": location})
        levels = data["product"]["stockLevels"]
        return levels[0]["onHand"] if levels else None

    async def _update(self, sku: str, location: str, change: dict[str, Any]) -> None:
        line = {"product": {"sku": sku}, "location": {"slug": location}, **change}
        data = await self._ask(UPDATE, {"input": line})
        errors = data["inventoryUpdate"]["userErrors"]
        self.last_error_code = ErrorCode(errors[0]["code"]) if errors else None

    async def _ask(self, query: str, variables: dict[str, Any]) -> Any:
        body = {"query": query, "variables": variables}
        answer = (await self._client.post("/graphql", json=body, headers=self._headers)).json()
        assert "errors" not in answer, answer
        return answer["data"]
