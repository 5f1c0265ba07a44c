"""The line between a supervisor and one of its workers: each end notices when the other is gone or stuck.

It is a pair of sockets, of which each process keeps one end, so that the kernel tells of a death at once, whatever the
cause. prctl(PR_SET_PDEATHSIG) would say no more, on Linux only.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

_READY: Final = b"R"
_BEAT: Final = b"."
_BYTES_MAX: Final = 4096


class Held:
    """The worker's end."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def hold(self, listening: socket.socket, *, patience_s: float) -> None:
        """From now on this process stops as if told to when the supervisor is gone; at the latest after `patience_s`.

        By a thread, because the event loop may be what is stuck.
        """
        threading.Thread(target=self._wait, args=(listening, patience_s), name="lifeline", daemon=True).start()

    def _wait(self, listening: socket.socket, patience_s: float) -> None:
        self._end.settimeout(None)
        with contextlib.suppress(OSError):
            self._end.recv(1)  # nothing is ever sent this way: it ends when the other end is closed
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
        with contextlib.suppress(OSError):  # closed by now, unless the event loop is stuck
            listening.shutdown(socket.SHUT_RDWR)  # takes it from every process: the next supervisor can have the port
        time.sleep(patience_s)
        os._exit(1)

    def ready(self) -> None:
        """Say that this worker serves."""
        self._send(_READY)

    def beat(self) -> None:
        """Say that this worker's event loop turns."""
        self._send(_BEAT)

    def _send(self, word: bytes) -> None:
        with contextlib.suppress(OSError):  # full when the supervisor is halted, broken when it is gone
            self._end.send(word, socket.MSG_DONTWAIT)


class Holding:
    """The supervisor's end."""

    def __init__(self) -> None:
        self._end, self._given = socket.socketpair()
        self._end.settimeout(0)

    def fileno(self) -> int:
        """Readable when the worker has said something, or is gone."""
        return self._end.fileno()

    def give(self) -> socket.socket:
        """The other end, for the worker."""
        return self._given

    def given(self) -> None:
        """The worker has its end: that of this process would keep the line open."""
        self._given.close()

    def close(self) -> None:
        """Let go."""
        self._end.close()

    def hear(self, ready: Callable[[], None]) -> bool:
        """Whether the worker has said anything since; calls `ready()` when it is that it serves."""
        try:
            words = self._end.recv(_BYTES_MAX)
        except OSError:
            return False
        if _READY in words:
            ready()
        return bool(words)
