"""A till's own script, over a real server."""

from __future__ import annotations

import pytest
import requests
from anyio import to_thread

from gateway.app import create_app
from gateway.settings import Settings
from tests.gateway.dialects.inventory_update.conftest import BY_TRIPLE, BY_UPC, PATH, Till
from tests.gateway.live.live_server import serving


def push_counts(base: str, token: str) -> list[tuple[int, object]]:
    """What a till runs at closing time, with the published examples as its counts."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token}"
        counts = [BY_UPC, BY_TRIPLE, {**BY_UPC, "quantity": 11}, {**BY_UPC, "store": "99"}]
        answers = [session.post(f"{base}{PATH}", json=count, timeout=10) for count in counts]
        head = session.head(f"{base}{PATH}", timeout=10)
    assert (head.status_code, head.content) == (405, b"")
    return [(answer.status_code, answer.json().get("quantity", answer.json().get("error"))) for answer in answers]


@pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)  # the way there matters, not the engine
async def test_a_till_pushes_its_counts_with_requests(settings: Settings, till: Till) -> None:
    async with serving(create_app(settings)) as server:
        answers = await to_thread.run_sync(push_counts, f"http://{server.address}", till.key)
    assert answers == [(200, 12), (200, 44), (200, 11), (404, "Store not found: 99")]
    entries = await till.rows("ledger_entry ORDER BY sequence")
    assert [entry["on_hand"] for entry in entries] == [12, 44, 11]
