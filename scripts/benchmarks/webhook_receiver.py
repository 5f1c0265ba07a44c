"""A receiver of webhooks that answers at once: `POST` counts, `GET` tells how many came and when."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from typing import Any

import uvloop

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_came: list[float] = []


class Connection(asyncio.Protocol):
    """Requests one after another, as senders keep connections."""

    def __init__(self) -> None:
        self._transport: Any
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = self._read[:end].lower()
            _, _, length = head.partition(b"content-length:")
            whole = end + 4 + int(length.split(b"\r\n")[0] or 0)
            if len(self._read) < whole:
                return
            self._read = self._read[whole:]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        if head.startswith(b"post"):
            _came.append(time.monotonic())
            self._transport.write(_OK)
            return
        told = json.dumps({"count": len(_came), "first": min(_came, default=0), "last": max(_came, default=0)}).encode()
        if head.startswith(b"get /forget"):
            _came.clear()
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(told), told))


async def main() -> None:
    """Serve on the port that is given."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", parser.parse_args().port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
