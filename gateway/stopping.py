"""What is done between the signal to stop and the server's own way of stopping.

A server waits for its open connections before it ends the application's lifespan. Those that stay open by design would
hold it up, so they have to hear of it first.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def first(farewell: Callable[[], Awaitable[None]]) -> Iterator[None]:
    """On a signal to stop, await `farewell()`, and give the signal to the server then; a second one at once."""
    servers = _handlers_of_the_server()
    loop = asyncio.get_running_loop()
    saying: list[asyncio.Task[None]] = []

    async def say(number: int) -> None:
        try:
            await farewell()
        finally:
            servers[signal.Signals(number)](number, None)

    def begin(number: int) -> None:
        saying.append(loop.create_task(say(number)))

    def stop(number: int, frame: FrameType | None) -> None:
        if saying:
            servers[signal.Signals(number)](number, frame)
        else:
            loop.call_soon_threadsafe(begin, number)

    for number in servers:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in servers.items():
            if signal.getsignal(number) is stop:
                signal.signal(number, handler)


def _handlers_of_the_server() -> dict[signal.Signals, Callable[[int, FrameType | None], Any]]:
    """What the server does on a signal, where it does anything of its own. Only the main thread has signals."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    return {
        number: handler
        for number, handler in handlers.items()
        if callable(handler) and handler is not signal.default_int_handler
    }
