"""Followers of the change feed: graphql-transport-ws, spoken as briefly as it can be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

FOLLOW = """subscription($after: Int, $skus: [String!]) { stockChanged(afterSequence: $after, skus: $skus) {
    __typename sequence ... on StockChanged { change { group { reference } } } } }"""


class Socket:
    """An open, acknowledged WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def subscribe(self, id_: str, query: str, **variables: Any) -> None:
        payload = {"query": query, "variables": variables}
        await self._send({"id": id_, "type": "subscribe", "payload": payload})

    async def complete(self, id_: str) -> None:
        await self._send({"id": id_, "type": "complete"})

    async def results(self) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """The id of a subscription and what came for it, until it closes. Raises what the server complains of."""
        async for message in self.connection:
            told = orjson.loads(message)
            if told["type"] == "ping":
                await self._send({"type": "pong"})
            elif told["type"] == "next" and "errors" not in told["payload"]:
                yield told["id"], told["payload"]["data"]
            elif told["type"] not in {"pong", "complete"}:
                raise RuntimeError(f"the server answered {message!r}")

    def drop(self) -> None:
        """End it as a cable that is pulled out does."""
        self.connection.transport.abort()

    async def _send(self, message: dict[str, Any]) -> None:
        await self.connection.send(orjson.dumps(message).decode())


@asynccontextmanager
async def a_socket(port: int, api_key: str) -> AsyncIterator[Socket]:
    """A WebSocket to a server on this machine."""
    protocol = Subprotocol("graphql-transport-ws")
    async with connect(f"ws://127.0.0.1:{port}/graphql", subprotocols=[protocol], max_size=None) as connection:
        await connection.send(orjson.dumps({"type": "connection_init", "payload": {"apiKey": api_key}}).decode())
        acknowledged = orjson.loads(await connection.recv())
        if acknowledged["type"] != "connection_ack":
            raise RuntimeError(f"the server answered {acknowledged}")
        yield Socket(connection)
