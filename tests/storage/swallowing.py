"""A TCP proxy in front of a server on a socket in the file system, which can swallow all that passes it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import make_url


@dataclass
class Proxy:
    """Where it listens, as a URL, and what has been connected to it."""

    url: str = ""
    holes: set[asyncio.Event] = field(default_factory=set)

    def swallow(self) -> None:
        """From now on nothing passes on the connections there are, and nobody is told; later ones are well."""
        for hole in self.holes:
            hole.set()


@asynccontextmanager
async def swallowing_proxy(url: str) -> AsyncIterator[Proxy]:
    """A proxy in front of a PostgreSQL server's socket."""
    target = make_url(url)
    path = Path(str(target.query["host"]), ".s.PGSQL.5432")
    proxy, pumps, writers = Proxy(), set[asyncio.Task[None]](), set[asyncio.StreamWriter]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        proxy.holes.add(hole := asyncio.Event())
        there_reader, there_writer = await asyncio.open_unix_connection(path)
        writers.update((writer, there_writer))
        for source, sink in ((reader, there_writer), (there_reader, writer)):
            pumps.add(asyncio.create_task(_pump(source, sink, hole)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        tcp = target.set(host="127.0.0.1", port=port, query={})
        proxy.url = tcp.render_as_string(hide_password=False)
        yield proxy
    finally:
        server.close()
        for writer in writers:
            writer.close()
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, hole: asyncio.Event) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65_536):
            if not hole.is_set():
                sink.write(data)
                await sink.drain()
    if not hole.is_set():
        sink.close()
