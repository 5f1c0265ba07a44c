"""Nonces of signed requests."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import text

from storage import nonces
from storage.database import Database


async def claimed(database: Database, nonce: str, *, key: int = 1, timestamp: int = 1000, forgotten: int = 100) -> bool:
    return await database.transact(nonces.claim, key, nonce, timestamp, forgotten=forgotten)


async def test_a_nonce_is_good_once_for_each_key_until_it_is_forgotten(database: Database) -> None:
    long = "n" * 100_000 + "\0\udcff"
    assert [await claimed(database, "a"), await claimed(database, "a")] == [True, False]
    assert [await claimed(database, long), await claimed(database, long)] == [True, False]
    assert [await claimed(database, "a", key=2), await claimed(database, "b")] == [True, True]
    assert [await claimed(database, "a", timestamp=2000, forgotten=f) for f in (1000, 1001, 1001)] == [
        False, True, False
    ]  # fmt: skip
    await database.transact(nonces.forget, 2000)

    async def left(session: Any) -> Any:
        return (await session.execute(text("SELECT api_key_id, timestamp FROM oauth_nonce"))).all()

    assert await database.read(left) == [(1, 2000)]


async def test_of_equal_nonces_at_once_one_passes_through_whichever_connection(database: Database) -> None:
    other = Database(database.url.render_as_string(hide_password=False))  # as another process would have it
    both = [claimed(each, "a") for _ in range(10) for each in (database, other)]
    assert sum(await asyncio.gather(*both)) == 1
    old = [claimed(each, "a", timestamp=5000, forgotten=4000) for _ in range(10) for each in (database, other)]
    assert sum(await asyncio.gather(*old)) == 1
    await other.close()
