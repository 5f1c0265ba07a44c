"""What stands in front of a shop: a proxy that speaks TLS and says so, as nginx does."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import trustme

_PIECE = 2**16


@contextlib.asynccontextmanager
async def tls_proxy(upstream: str, folder: Path) -> AsyncIterator[tuple[str, Path]]:
    """Its URL, and the certificate to trust. `upstream` is host:port of the server behind."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(certificate := folder / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    host, port = upstream.split(":")

    connections: set[asyncio.Task[None] | None] = set()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection, so that its head is the only one to be changed."""
        connections.add(asyncio.current_task())
        with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            kept = re.sub(rb"(?i)\r\n(connection|x-forwarded-proto):[^\r]*", b"", head[:-4])
            above, below = await asyncio.open_connection(host, port)
            below.write(kept + b"\r\nConnection: close\r\nX-Forwarded-Proto: https\r\n\r\n")
            with contextlib.closing(below):
                sending = asyncio.create_task(_pass_on(reader, below))
                await _pass_on(above, writer)
                sending.cancel()

    server = await asyncio.start_server(forward, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}", certificate
    for task in filter(None, connections):
        task.cancel()
    await asyncio.gather(*filter(None, connections), return_exceptions=True)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
