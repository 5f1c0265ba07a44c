"""Chores: done again and again, whatever happens, and nothing that is young goes."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.authentication import Authenticator
from gateway.background import Background, Chore, Retention, chores
from gateway.dialects.wc_v3.signatures import REMEMBERED_S
from gateway.settings import Settings
from storage import idempotency, inventory, nonces, retention
from storage.database import Database
from storage.errors import StorageUnavailableError
from storage.pruning import before_months
from storage.retention import BATCH, BusyError
from storage.tables import IdempotencyRecord, LedgerEntry, OauthNonce
from tests.builders import a_change, a_group
from tests.storage.reading import rows

PATIENCE_S = 10.0


async def until_done(times: int, *outcomes: Exception) -> list[float]:
    """When a chore was done, which fails in these ways at first and is due once in an hour."""
    done: list[float] = []
    enough, failures = asyncio.Event(), list(outcomes)

    async def do() -> None:
        done.append(time.monotonic())
        if len(done) == times:
            enough.set()
        if failures:
            raise failures.pop(0)

    background = Background([Chore("test", 3600, do)], soon_s=0.01)
    background.start()
    try:
        async with asyncio.timeout(PATIENCE_S):
            await enough.wait()
        await asyncio.sleep(0.05)
    finally:
        await background.close()
    return done


async def test_what_fails_is_tried_again_soon_and_what_others_do_is_not() -> None:
    assert len(await until_done(1)) == 1, "the next time is in an hour"
    assert len(await until_done(3, StorageUnavailableError("away"), RuntimeError("a bug"))) == 3
    assert len(await until_done(1, BusyError("others do it"))) == 1


async def test_what_is_older_than_the_settings_say_goes_in_batches(
    catalogue: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def age(session: AsyncSession) -> None:
        old = (before_months(2) - timedelta(seconds=1)).isoformat(timespec="microseconds")
        old = old.replace("+00:00", "Z")
        for table in ("ledger_entry", "stock_change_group", "idempotency_record"):
            await session.execute(text(f"UPDATE {table} SET created_at = '{old}'"))
        await session.execute(text("UPDATE oauth_nonce SET timestamp = timestamp - 3600"))

    async def write(name: str) -> None:
        await catalogue.transact(inventory.apply, a_group(a_change(1, 1), idempotency_key=name))
        await catalogue.transact(nonces.claim, 1, name, int(time.time()), forgotten=0)

    async def left() -> list[int]:
        return [len(await rows(catalogue, model)) for model in (LedgerEntry, IdempotencyRecord, OauthNonce)]

    async def do(**kept: Any) -> None:
        changed = settings.model_copy(update=kept)
        for chore in chores(changed, catalogue, Authenticator(catalogue, cache_seconds=0)):
            await chore.do()

    await write("old")
    await catalogue.transact(age)
    await write("young")
    assert REMEMBERED_S < 3600
    await do()
    assert await left() == [1, 2, 1], "the second set nothing anew, and settings that say nothing keep all"
    await do(idempotency_hours=24, ledger_months=3)
    assert await left() == [1, 1, 1]
    await do(ledger_months=2)
    assert await left() == [0, 1, 1]
    [kept] = await rows(catalogue, IdempotencyRecord)
    assert kept["key"] == "young"
    monkeypatch.setattr(retention, "BATCH", 2)
    for n in range(5):
        await write(f"{n}")
    later = datetime.now(UTC) + timedelta(hours=1)
    assert await retention.in_batches(catalogue, idempotency.forget, later) == 6
    assert BATCH > 2


@pytest.mark.parametrize("template_url", ["postgresql"], indirect=True)  # SQLite has one writer anyway
async def test_one_process_of_many_removes_what_is_old(catalogue: Database, settings: Settings) -> None:
    async with catalogue.engine.begin() as other:
        await other.execute(text("SELECT pg_advisory_xact_lock(7402518937)"))
        with pytest.raises(BusyError):
            await Retention(settings, catalogue).forget_nonces()
    await Retention(settings, catalogue).forget_nonces()
