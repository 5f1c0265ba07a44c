"""The contract suite's client of GraphQL."""

from __future__ import annotations

from typing import Any

import httpx

from storage.errors import ErrorCode
from tests.contract.clients.client import NOTHING, Answer, Extra

UPDATE = """mutation($input: InventoryUpdateInput!) { inventoryUpdate(input: $input) {
    userErrors { code } result { ignored } replayed changeGroup { id } stockLevel { version } } }"""
QUANTITY = """query($sku: String!, $slug: String!) {
    product(sku: $sku) { stockLevels(locations: [{slug: $slug}]) { onHand } } }"""


class GraphqlClient:
    """Speaks to /graphql."""

    name = "graphql"
    ignored: frozenset[ErrorCode] = frozenset()

    def __init__(self, client: httpx.AsyncClient, api_key: str) -> None:
        self._client = client
        self._headers = {"X-API-Key": api_key}

    async def set_quantity(self, sku: str, location: str, quantity: object, extra: Extra = NOTHING) -> Answer:
        return await self._update(sku, location, {"onHand": quantity}, extra)

    async def adjust_quantity(self, sku: str, location: str, delta: int) -> Answer:
        return await self._update(sku, location, {"adjust": delta}, NOTHING)

    async def quantity_of(self, sku: str, location: str) -> int | None:
        response = await self._ask(QUANTITY, {"sku": sku, "slug": location})
        levels = response.json()["data"]["product"]["stockLevels"]
        return levels[0]["onHand"] if levels else None

    async def _update(self, sku: str, location: str, change: dict[str, Any], extra: Extra) -> Answer:
        line = {
            "product": {"sku": sku}, "location": {"slug": location}, **change, "dryRun": extra.dry_run,
            "idempotencyKey": extra.idempotency_key, "expectedVersion": extra.version and int(extra.version),
        }  # fmt: skip
        response = await self._ask(UPDATE, {"input": line}, extra)
        status, body, headers = response.status_code, response.json(), response.headers
        if "errors" in body:  # a value that is no Int, or a caller that may not write
            [error] = body["errors"]
            assert error["extensions"]["code"] in {"GRAPHQL_VALIDATION_FAILED", "FORBIDDEN"}, error
            codes = {ErrorCode.INVALID_QUANTITY} if "onHand" in error["message"] else set()
            return Answer(status, accepted=False, codes=frozenset(codes), headers=headers)
        done = body["data"]["inventoryUpdate"]
        codes = {ErrorCode(error["code"]) for error in done["userErrors"]}
        group, level = done["changeGroup"], done["stockLevel"]
        return Answer(
            status, not codes, frozenset(codes), group and int(group["id"].rpartition("/")[2]), done["replayed"],
            level and str(level["version"]), headers,
            frozenset(field.lower() for field in done["result"]["ignored"]) if done["result"] else frozenset(),
        )  # fmt: skip

    async def _ask(self, query: str, variables: dict[str, Any], extra: Extra = NOTHING) -> httpx.Response:
        headers = self._headers | ({} if extra.request_id is None else {"X-Request-Id": extra.request_id})
        return await self._client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
