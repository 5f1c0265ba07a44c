"""Health checks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import text

from storage import inventory
from storage.database import Database
from storage.tables import FeedReader, WebhookEndpoint
from tests.builders import a_change, a_group
from tests.conftest import Keys


async def test_a_started_server_is_alive_and_ready(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert (await client.get("/readyz")).json() == {"status": "ready"}


async def test_webhooks_and_alerts_that_lag_are_told_and_their_figures_to_admins_only(
    serve: Callable[..., Any], catalogue: Database, issue_key: Keys
) -> None:
    old = datetime.now(UTC) - timedelta(hours=1)
    await catalogue.transact(inventory.apply, a_group(a_change()))

    async def fall_behind(session: Any) -> None:
        await session.execute(text("UPDATE ledger_entry SET created_at = :old"), {"old": _stored(catalogue, old)})
        times = {"created_at": old, "updated_at": old}
        session.add(WebhookEndpoint(url="https://x", topics=["*"], position=0, status="paused", **times))

    await catalogue.transact(fall_behind)
    async with serve(webhooks_sent=False) as client:
        assert (await client.get("/readyz")).json() == {"status": "ready"}, "nobody waits for one that is paused"

    async def activate(session: Any) -> None:
        await session.execute(text("UPDATE webhook_endpoint SET status = 'active'"))

    await catalogue.transact(activate)
    async with serve(webhooks_sent=False) as client:
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()) == (200, {"status": "degraded"})
        reader = {"X-API-Key": await issue_key("read")}
        assert (await client.get("/readyz", headers=reader)).json() == {"status": "degraded"}
        told = (await client.get("/readyz", headers={"X-API-Key": await issue_key("admin")})).json()
        assert told["migrations"] == "done"
        assert 3500 < told["webhooks"].pop("lag_seconds") < 3700
        behind = told["webhooks"].pop("behind")
        assert behind >= 1
        assert told["webhooks"] == {"lag_seconds_max": 300, "waiting": 0, "endpoints": {"active": 1}}
    async with serve(webhooks_sent=False, ready_lag_seconds_max=7200) as client:
        assert (await client.get("/readyz")).json() == {"status": "ready"}

    async def lag(session: Any) -> None:
        await session.execute(text("DELETE FROM webhook_endpoint"))
        await session.merge(FeedReader(name="test", position=0, updated_at=old))

    await catalogue.transact(lag)
    async with serve(webhooks_sent=False) as client:
        assert (await client.get("/readyz")).json() == {"status": "degraded"}


def _stored(database: Database, moment: datetime) -> Any:
    """As the engine keeps a time in what is no typed statement."""
    return moment if database.name == "postgresql" else f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"
