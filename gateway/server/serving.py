"""One process that serves: uvicorn's server, with our way of stopping."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

import structlog
import uvicorn

from gateway import log_lines
from gateway.server import loggers
from gateway.server.connection import Config, HttpConnection, WebSocketConnection
from gateway.settings import Settings

_PING_S: Final = 15
_LAST_RESORT_S: Final = 3.0
"""How long after the time to stop a process that still has not is ended."""
_TICKS_PER_BEAT: Final = 10
_TICKS_PER_LOOK: Final = 3
log = structlog.get_logger("stockgate.server")


def _nothing() -> None: ...


@dataclass(frozen=True, slots=True)
class Hooks:
    """Who wants to know what the server does."""

    started: Callable[[], None] = _nothing
    """It answers requests."""
    beat: Callable[[], None] = _nothing
    """Its event loop turns: once per second."""


def serve(
    settings: Settings,
    listening: socket.socket,
    hooks: Hooks,
    signals: Sequence[signal.Signals] = (signal.SIGTERM, signal.SIGINT),
) -> None:
    """Serve until one of the signals comes. Ends by SystemExit when the application does not start."""
    log_lines.configure(settings.log_level)
    loggers.take_over()
    config = Config(
        "gateway.app:create_app",
        settings,
        factory=True,
        log_config=None,  # our own log: one line a request, see gateway/request_log.py
        access_log=False,
        server_header=False,
        proxy_headers=False,  # uvicorn would believe all of this machine: create_app asks STOCKGATE_TRUSTED_PROXIES
        timeout_keep_alive=settings.keep_alive_seconds_max,
        ws_max_size=settings.body_bytes_max,
        ws_ping_interval=_PING_S,
        ws_per_message_deflate=False,  # events are small, and each connection would hold buffers for it
    )
    Server(config, hooks, signals, stop_seconds_max=settings.stop_seconds_max).run([listening])


class Server(uvicorn.Server):
    """Stops listening as soon as it is told to stop, has a limit for the whole of stopping, and has succeeded then."""

    def __init__(
        self, config: uvicorn.Config, hooks: Hooks, signals: Sequence[signal.Signals], *, stop_seconds_max: float
    ) -> None:
        super().__init__(config)
        self._hooks = hooks
        self._signals = signals
        self._stop_seconds_max = stop_seconds_max
        self._stop_at = math.inf

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's; the application has its own way of stopping then, see gateway/stopping.py. Ours goes first."""
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        for number in self._signals:
            signal.signal(number, self._stopping(loop, signal.getsignal(number), sockets or []))
        self._hooks.started()

    def _stopping(self, loop: asyncio.AbstractEventLoop, then: Any, sockets: list[socket.socket]) -> Any:
        def stop(number: int, frame: FrameType | None) -> None:
            if math.isinf(self._stop_at):
                self._stop_at = time.monotonic() + self._stop_seconds_max
                _end_in(self._stop_seconds_max + _LAST_RESORT_S)
                loop.call_soon_threadsafe(self._stop_listening, sockets)
            then(number, frame)

        return stop

    def _stop_listening(self, sockets: list[socket.socket]) -> None:
        """Before streams are told to end: the port is somebody else's from now on."""
        for server in self.servers:
            server.close()
        for listening in sockets:
            listening.close()

    async def on_tick(self, counter: int) -> bool:
        """Ten times per second."""
        if counter % _TICKS_PER_BEAT == 0:
            self._hooks.beat()
        if counter % _TICKS_PER_LOOK == 0:
            self._observe()
        return await super().on_tick(counter)

    def _observe(self) -> None:
        """Look for connections that take too long."""
        now = asyncio.get_running_loop().time()
        for connection in tuple(self.server_state.connections):
            if isinstance(connection, HttpConnection | WebSocketConnection):
                connection.observe(now)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, within what is left of the time to stop."""
        left = min(self._stop_at - time.monotonic(), self._stop_seconds_max)
        self.config.timeout_graceful_shutdown = max(1, math.ceil(left))
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, which raises the signal again at the end: who was told to stop, and did, has succeeded."""
        before = {number: signal.signal(number, self.handle_exit) for number in self._signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _end_in(seconds: float) -> None:
    """End this process the hard way, should it hang: in a database that does not answer, for example."""

    def end() -> None:
        log.error("did not stop in time", seconds=seconds)
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
