"""A receiver on a socket of its own, which answers as a test wants and keeps what it was sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Received:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """Of the event."""
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        """What it says."""
        return orjson.loads(self.body)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def status(code: int, **headers: str) -> bytes:
    """An answer without content."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {code} As Wanted\r\n{lines}Content-Length: 0\r\n\r\n".encode()


Behaviour = Callable[[Received, asyncio.StreamWriter], Awaitable[bytes | None]]
"""What to answer; None hangs up."""


async def _accept(_request: Received, _writer: asyncio.StreamWriter) -> bytes | None:
    return OK


@dataclass
class Receiver:
    """Where it listens, what it got, how it behaves, and how many connections came."""

    behave: Behaviour = _accept
    port: int = 0
    connections: int = 0
    received: list[Received] = field(default_factory=list)
    accepted: list[Received] = field(default_factory=list)
    """Those that were answered with 200."""
    serving: set[asyncio.Task[Any]] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Where to send."""
        return f"http://127.0.0.1:{self.port}/hook"

    def answers(self, *answers: bytes | None, then: bytes = OK) -> None:
        """Answer these, one after another, and then always the same."""
        waiting = list(answers)

        async def behave(_request: Received, _writer: asyncio.StreamWriter) -> bytes | None:
            return waiting.pop(0) if waiting else then

        self.behave = behave

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, for as long as it lasts."""
        self.connections += 1
        task = asyncio.current_task()
        assert task
        self.serving.add(task)
        task.add_done_callback(self.serving.discard)
        try:
            while (request := await _read(reader)) is not None:
                self.received.append(request)
                answer = await self.behave(request, writer)
                if answer is None:
                    break
                if answer is OK:
                    self.accepted.append(request)
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    return Received(first.split(" ")[1], headers, await reader.readexactly(int(headers.get("content-length", 0))))


@asynccontextmanager
async def receiving(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Receiver]:
    """A receiver while it listens."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, host, port)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in receiver.serving:
            task.cancel()
        await asyncio.gather(*receiver.serving, return_exceptions=True)
