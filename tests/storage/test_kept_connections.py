"""Connections that are kept between reads: nobody waits for ever, and none is used again that is no good."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from storage.connecting import Connections
from storage.database import Database
from tests.storage.swallowing import swallowing_proxy

pytestmark = pytest.mark.parametrize("template_url", ["postgresql"], indirect=True)

PID = "SELECT pg_backend_pid()::text"
SLOW = "SELECT pg_backend_pid()::text FROM pg_sleep(0.01)"


@contextlib.asynccontextmanager
async def reading(database_url: str, each_max: int) -> AsyncIterator[Database]:
    database = Database(database_url, Connections(each_max=each_max))
    async with asyncio.timeout(20):
        yield database
        await database.close()


async def test_reads_share_as_many_connections_as_there_may_be(database_url: str) -> None:
    async with reading(database_url, 2) as database:
        pids = {await database.fetch_text(PID, [])}
        for _ in range(2):
            pids.update(await asyncio.gather(*(database.fetch_text(SLOW, []) for _ in range(30))))
        assert await database.fetch_text(PID, []) in pids
    assert len(pids) == 2


async def test_a_read_that_was_given_up_or_failed_is_not_in_the_way_of_the_next_one(database_url: str) -> None:
    async with reading(database_url, 1) as database:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await database.fetch_text("SELECT 'late' FROM pg_sleep(30)", [])
        assert await database.fetch_text("SELECT 'next'", []) == "next"
        waiting = [asyncio.create_task(database.fetch_text(SLOW, [])) for _ in range(5)]
        await asyncio.sleep(0)  # the first has the connection, the others wait for it
        for task in waiting[1:4]:
            task.cancel()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert [isinstance(one, asyncio.CancelledError) for one in ended] == [False, True, True, True, False]
        with pytest.raises(Exception, match="division by zero"):
            await database.fetch_text("SELECT (1 / 0)::text", [])
        assert await database.fetch_text("SELECT 'after'", []) == "after"


async def test_connections_that_are_expired_are_not_used_again(database_url: str) -> None:
    async with reading(database_url, 3) as database:
        before = set(await asyncio.gather(*(database.fetch_text(SLOW, []) for _ in range(3))))
        running = asyncio.create_task(database.fetch_text("SELECT 'done' FROM pg_sleep(0.1)", []))
        await asyncio.sleep(0.03)
        await database.connector.unanswered.ended[0]()
        assert await running == "done"
        after = set(await asyncio.gather(*(database.fetch_text(SLOW, []) for _ in range(3))))
    assert len(after) == 3
    assert before.isdisjoint(after)


async def test_connections_that_fell_silent_are_let_go_without_waiting_for_an_answer(database_url: str) -> None:
    async with swallowing_proxy(database_url) as proxy, reading(proxy.url, 2) as database:
        await asyncio.gather(*(database.fetch_text(SLOW, []) for _ in range(2)))
        proxy.swallow()
        async with asyncio.timeout(5):
            for told in database.connector.unanswered.ended:
                await told()
            assert await database.fetch_text(PID, []) is not None
