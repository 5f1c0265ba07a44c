"""A real server in this process, and a client that speaks graphql-transport-ws."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from gateway.server import serving as serving_module
from gateway.server.connection import Config
from gateway.server.serving import Hooks

PATIENCE_S = 10.0
PROTOCOL = Subprotocol("graphql-transport-ws")


class Server(serving_module.Server):
    """One that leaves the signals of the process that runs the tests alone."""

    def __init__(self, config: Config) -> None:
        super().__init__(config, Hooks(), signals=(), stop_seconds_max=5)

    @property
    def address(self) -> str:
        """Host and port."""
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"{host}:{port}"


@contextlib.asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[Server]:
    """The application on a free port, until the context ends."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = Config(app, app.state.settings, log_config=None, access_log=False, proxy_headers=False)
    server = Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await settled(lambda: server.started)
        yield server
    finally:
        server.should_exit = True
        await running


class WebSocketClient:
    """A connection whose messages are objects."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, **message: Any) -> None:
        await self.connection.send(orjson.dumps(message).decode())

    async def receive(self) -> Any:
        """The next message."""
        async with asyncio.timeout(PATIENCE_S):
            return orjson.loads(await self.connection.recv())

    async def initialise(self, key: str) -> None:
        await self.send(type="connection_init", payload={"apiKey": key})
        assert await self.receive() == {"type": "connection_ack"}

    async def subscribe(self, query: str, id: str = "1", **variables: Any) -> None:  # noqa: A002 (the protocol's name)
        await self.send(type="subscribe", id=id, payload={"query": query, "variables": variables})

    async def next(self, id: str = "1") -> Any:  # noqa: A002 (the protocol's name)
        """The data of the next event."""
        message = await self.receive()
        assert (message.get("id"), message["type"]) == (id, "next"), message
        assert "errors" not in message["payload"], message
        return message["payload"]["data"]

    async def closed(self) -> tuple[int, str]:
        """The code and the reason with which the server closes, whatever it says before."""
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await self.connection.recv()
        assert self.connection.close_code is not None
        return self.connection.close_code, self.connection.close_reason or ""


@contextlib.asynccontextmanager
async def websocket(server: Server, key: str | None = None, **options: Any) -> AsyncIterator[WebSocketClient]:
    """A connection to the server; initialised when a key is given."""
    options = {"subprotocols": [PROTOCOL], "open_timeout": PATIENCE_S, **options}
    async with connect(f"ws://{server.address}/graphql", **options) as connection:
        client = WebSocketClient(connection)
        if key is not None:
            await client.initialise(key)
        yield client


async def settled(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 (there is no event to wait for)
            await asyncio.sleep(0.01)
