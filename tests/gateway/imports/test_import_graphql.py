"""importJobs, importJob, importJobApply and importJobCancel."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from storage.changes import Origin
from tests.conftest import Keys
from tests.gateway.imports.conftest import Bring

pytestmark = pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
FILE = "sku,location_slug,stock\nSKU-1,location-1,5\nSKU-9,location-1,1\n"
JOB = "databaseId state mode policy rows toChange failed changed refused appliedChunks error"


async def test_imports_are_seen_applied_and_cancelled_by_their_keys_and_by_admins(
    app: Starlette, client: httpx.AsyncClient, bring: Bring, issue_key: Keys
) -> None:
    keys = [await issue_key(*scopes) for scopes in (("read", "write"), ("read", "write"), ("admin",), ("storefront",))]

    async def ask(query: str, key: int = 0, **variables: Any) -> Any:
        headers = {"X-API-Key": keys[key]}
        answer = (await client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)).json()
        return answer.get("data") or answer["errors"][0]["extensions"]["code"]

    job = await bring(FILE, origin=Origin("import", 1, "test"))
    listed = f"{{ importJobs(first: 1) {{ {JOB} }} }}"
    shown = {
        "databaseId": job.id, "state": "PREVIEWED", "mode": "SET", "policy": "PARTIAL", "rows": 2, "toChange": 1,
        "failed": 1, "changed": 0, "refused": 0, "appliedChunks": 0, "error": None,
    }  # fmt: skip
    assert await ask(listed) == await ask(listed, 2) == {"importJobs": [shown]}
    assert await ask(listed, 1) == {"importJobs": []}
    assert await ask(listed, 3) == "FORBIDDEN"
    sampled = """query($id: ID!) { importJob(id: $id) { notes
        sampleChanges { line sku productId locationId fields stockBefore stockAfter }
        sampleFailures { line column value code message } } }"""
    assert await ask(sampled, id=job.id) == {
        "importJob": {
            "notes": [],
            "sampleChanges": [
                {"line": 2, "sku": "SKU-1", "productId": 1, "locationId": 1, "fields": ["stock"],
                 "stockBefore": None, "stockAfter": 5}
            ],
            "sampleFailures": [
                {"line": 3, "column": "sku", "value": "SKU-9", "code": "ITEM_NOT_FOUND",
                 "message": "Product not found."}
            ],
        }
    }  # fmt: skip
    assert await ask(sampled, 1, id=job.id) == {"importJob": None}
    assert await ask("{ importJobs(first: 101) { databaseId } }") == "BAD_USER_INPUT"

    def moving(field: str) -> str:
        payload = "{ importJob { state } userErrors { code field message } }"
        return f"mutation($input: ImportJobInput!) {{ {field}(input: $input) {payload} }}"

    apply, cancel = moving("importJobApply"), moving("importJobCancel")
    refused = (await ask(apply, 1, input={"id": job.id}))["importJobApply"]
    assert (refused["importJob"], refused["userErrors"][0]["field"]) == (None, "id")
    applied = {"importJobApply": {"importJob": {"state": "APPLYING"}, "userErrors": []}}
    assert await ask(apply, input={"id": job.id}) == applied
    app.state.import_worker.nudge()
    for _ in range(200):
        [now] = (await ask(listed))["importJobs"]
        if now["state"] == "FINISHED":
            break
        await asyncio.sleep(0.02)
    assert now == shown | {"state": "FINISHED", "changed": 1, "refused": 1, "appliedChunks": 1}
    late = (await ask(cancel, 2, input={"id": job.id}))["importJobCancel"]["userErrors"]
    assert [error["message"] for error in late] == ["This import is finished: there is nothing left to cancel."]
    other = await bring(FILE.replace("5", "6"), origin=Origin("import", 1, "test"))
    cancelled = {"importJobCancel": {"importJob": {"state": "CANCELLED"}, "userErrors": []}}
    assert await ask(cancel, input={"id": other.id}) == await ask(cancel, 2, input={"id": other.id}) == cancelled
