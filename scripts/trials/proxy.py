"""A TCP proxy in front of a server's socket, in a thread of its own, which can swallow what passes and tells nobody."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

UP, DOWN = "up", "down"


class Proxy:
    """Black holes are for the connections there are; closed() ones for those to come, too."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._swallowed: dict[int, set[str]] = {}
        self._is_closed = False
        self._listening = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    def swallow(self, *directions: str) -> None:
        """From now on nothing passes there on the connections that there are."""
        for swallowed in list(self._swallowed.values()):
            swallowed.update(directions)

    def close(self) -> None:
        """Nothing passes at all, and those who connect hear nothing either."""
        self._is_closed = True
        self.swallow(UP, DOWN)

    def open(self) -> None:
        """Who connects now is well; what was swallowed stays so."""
        self._is_closed = False

    @contextlib.contextmanager
    def running(self) -> Iterator[Proxy]:
        """Until the block ends."""
        thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)
        thread.start()
        self._listening.wait(10)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._stop.set)
            thread.join(10)

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        swallowed = {UP, DOWN} if self._is_closed else set()
        self._swallowed[id(writer)] = swallowed
        with contextlib.suppress(OSError):
            there_reader, there_writer = await asyncio.open_unix_connection(self._target)
            for source, sink, direction in ((reader, there_writer, UP), (there_reader, writer, DOWN)):
                task = asyncio.create_task(self._pump(source, sink, direction, swallowed, id(writer)))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            return
        writer.close()  # the server is down

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, direction: str, swallowed: set[str], name: int
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                if direction not in swallowed:
                    sink.write(data)
                    await sink.drain()
        if direction not in swallowed:  # a hole tells nobody that the other end is gone, either
            sink.close()
            self._swallowed.pop(name, None)
