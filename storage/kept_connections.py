"""Connections of an asyncpg pool that are kept between statements.

The pool starts a task and sets a timer whenever one is given back, which costs more than a short statement does. So one
is given back only when something went wrong, when somebody waits for it, or when the pool is to look at it again.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import asyncpg


class KeptConnections:
    """Those of one pool: at most as many as it has."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], asked: set[int]) -> None:
        """`asked` has the process ids of those on which a statement is under way."""
        self._pool = pool
        self._asked = asked
        self._idle: list[Any] = []
        self._waiting = 0
        self._expired = 0

    async def run(self, method: str, *arguments: Any, in_transaction: bool) -> Any:
        """Call a method of a connection; in a transaction of its own if that is what it takes."""
        connection, expired = await self._take(), self._expired
        pid = connection.get_server_pid()
        self._asked.add(pid)
        try:
            if in_transaction:
                async with connection.transaction(readonly=True):
                    result = await getattr(connection, method)(*arguments)
            else:
                result = await getattr(connection, method)(*arguments)
        except BaseException:
            await self._give(connection)  # which waits until what was cancelled has ended
            raise
        finally:
            self._asked.discard(pid)
        if expired != self._expired:
            self._end(connection)
        elif self._waiting:
            await self._give(connection)
        else:
            self._idle.append(connection)
        return result

    async def _take(self) -> Any:
        """The last one used, whose server process has its memory at hand."""
        while self._idle:
            connection = self._idle.pop()
            with suppress(asyncpg.InterfaceError):  # ended by the server, and so back in the pool by itself
                if not connection.is_closed():
                    return connection
                await self._give(connection)
        self._waiting += 1
        try:
            return await self._pool.acquire()
        finally:
            self._waiting -= 1

    async def expire(self) -> None:
        """Use none of those that there are for another statement."""
        self._expired += 1
        await self._pool.expire_connections()
        while self._idle:
            self._end(self._idle.pop())

    def terminate(self) -> None:
        """End them all, and what runs on them."""
        self._idle.clear()
        self._pool.terminate()

    async def close(self) -> None:
        """Close them all, and the pool."""
        await self._give_back()
        await self._pool.close()

    async def _give_back(self) -> None:
        while self._idle:
            await self._give(self._idle.pop())

    @staticmethod
    def _end(connection: Any) -> None:
        """Without a word to the server, whose answer may never come; then it is back in the pool by itself."""
        with suppress(asyncpg.InterfaceError):  # as it is when the server has ended it
            connection.terminate()

    async def _give(self, connection: Any) -> None:
        """Back to the pool, unless the server ends the connection in the same moment: then it is there by itself."""
        with suppress(asyncpg.InternalClientError):
            await self._pool.release(connection)
