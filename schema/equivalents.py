"""What GraphQL has for each route of the dialects: told to whoever looks what a client still calls."""

from __future__ import annotations

import re
from typing import Final

NOTHING: Final = "nothing: it is about what a shop has beside its stock"
_RULES: Final = [
    (re.compile(pattern), told)
    for pattern, told in (
        (r"POST .*/api/product/inventory$", "mutation inventorySet"),
        (r"GET .*/api/v2/inventory/", "query product"),
        (r"PATCH .*/api/v2/inventory/", "mutation inventorySet, productUpsert for prices"),
        (r"POST .*/inventory/bulk-sync$", "mutation inventoryBulkSync"),
        (r"POST .*/inventory/update$", "mutation inventoryUpdate"),
        (r"POST .*/webhook/inventory-update$", "mutation inventoryUpdate"),
        (r"GET .*/inventory/export$", "query stockLevels"),
        (r"GET .*/v1/locations$", "query locations"),
        (r"GET .*/v1/products$", "query products"),
        (r"GET /api/changes$", "query changes"),
        (r"GET .*/variations$", "query products { variations }"),
        (r"GET .*/variations/\{id\}$", "query product"),
        (r"POST .*/variations/generate$", "mutation variationUpsert"),
        (r"DELETE .*/(products|variations)/\{id\}$", "mutation productArchive"),
        (r"(POST|PUT|PATCH) .*/variations/batch$", "mutation variationUpsert, inventorySet"),
        (r"(POST|PUT|PATCH) .*/products/batch$", "mutation productUpsert, inventorySet"),
        (r"POST .*/variations$", "mutation variationUpsert"),
        (r"POST .*/duplicate$", "query product, then mutation productUpsert"),
        (r"POST .*/products$", "mutation productUpsert"),
        (r"(POST|PUT|PATCH) .*/variations/\{id\}$", "mutation variationUpsert, inventorySet for stock"),
        (r"(POST|PUT|PATCH) .*/products/\{id\}$", "mutation productUpsert, inventorySet for stock"),
        (r"GET .*/wc/v3/products$", "query products"),
        (r"GET .*/wc/v3/products/\{id\}$", "query product"),
        (r"GET .*/reports/products/totals$", "query products { totalCount }"),
        (r"GET .*/reports/stock$", "query stockLevels"),
        (r"GET .*/reports/stock/stats$", "query lowStock { totalCount }"),
        (r"GET .*/products/low-in-stock$", "query lowStock"),
        (r"GET .*/products/count-low-in-stock$", "query lowStock { totalCount }"),
        (r"GET .*/webhooks(/\{id\})?$", "query webhookEndpoints"),
        (r"\w+ .*/webhooks(/.*)?$", "mutation webhookEndpointCreate and its siblings"),
    )
]
"""The first that fits."""


def equivalent(dialect: str, route: str) -> str:
    """What GraphQL has for a route; empty for what is GraphQL."""
    if dialect == "graphql" or route.startswith(("POST /graphql", "GET /graphql")):
        return ""
    return next((told for pattern, told in _RULES if pattern.match(route)), NOTHING)
