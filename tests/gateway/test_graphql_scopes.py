"""Which scope each root field of a mutation needs: asked before anything runs."""

from __future__ import annotations

import httpx
import pytest

import schema
from storage.access import Scope
from storage.database import Database
from tests.conftest import Keys
from tests.storage.reading import written

WRITE = """inventorySet(input: {lines: [{product: {id: 1}, location: {id: 1}, quantity: 1}]}) { userErrors { code } }"""


def needs(scope: Scope) -> set[str]:
    """The root fields that need a scope."""
    fields = schema.core.mutation_type.fields if schema.core.mutation_type else {}
    return {name for name, field in fields.items() if f"Needs the scope `{scope}`." in (field.description or "")}


def test_every_mutation_says_which_scope_it_needs() -> None:
    assert schema.core.mutation_type is not None
    assert needs(Scope.WRITE) | needs(Scope.ADMIN) == set(schema.core.mutation_type.fields)
    assert needs(Scope.WRITE) >= {"inventorySet", "inventoryAdjust", "inventoryTransfer", "reverseStockChangeGroup"}


@pytest.mark.parametrize("scopes", [["read"], ["storefront"]])
async def test_who_only_reads_changes_nothing(
    client: httpx.AsyncClient, catalogue: Database, issue_key: Keys, scopes: list[str]
) -> None:
    key = await issue_key(*scopes)
    answer = await client.post("/graphql", json={"query": f"mutation {{ {WRITE} }}"}, headers={"X-API-Key": key})
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert (await written(catalogue))["StockLevel"] == []
