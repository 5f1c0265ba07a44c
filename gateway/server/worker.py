"""A worker, as its supervisor sees it and as it is itself."""

from __future__ import annotations

import faulthandler
import os
import signal
import socket
import time
from collections.abc import Sequence
from multiprocessing.context import ForkContext, SpawnContext
from typing import Final

from gateway.server import board, serving
from gateway.server.board import Seat
from gateway.server.lifeline import Held, Holding
from gateway.settings import Settings

STOPPING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""What a supervisor is told with. None of it may come to a worker before it is one."""
_ORPHAN_S: Final = 5.0


class Worker:
    """One process that serves, started and watched by another."""

    def __init__(
        self,
        context: ForkContext | SpawnContext,
        settings: Settings,
        listening: socket.socket,
        seat: Seat,
        not_its_own: Sequence[Holding | socket.socket],
    ) -> None:
        """Start it. A fork has what this process has: `not_its_own` it closes."""
        self.started_at = self.heard_at = time.monotonic()
        self.ready_at: float | None = None
        self.aborted_at: float | None = None
        self.line = Holding()
        forked = (*not_its_own, self.line) if isinstance(context, ForkContext) else ()
        self.process = context.Process(
            target=run,
            args=(settings, listening, seat, self.line.give(), forked),
            name="stockgate worker",
            daemon=True,
        )
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)  # this process's handlers are nothing for the fork
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        self.line.given()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid or 0

    def hear(self) -> None:
        """Take in what it has said since."""
        if self.line.hear(self._serves):
            self.heard_at = time.monotonic()

    def _serves(self) -> None:
        self.ready_at = self.ready_at or time.monotonic()

    def stop(self) -> None:
        """Tell it to finish its requests and end."""
        self._signal(signal.SIGTERM)

    def abort(self) -> None:
        """Make it say where it hangs, and die."""
        self.aborted_at = time.monotonic()
        self._signal(signal.SIGABRT)

    def kill(self) -> None:
        """End it the hard way."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.process.exitcode is None:
            os.kill(self.pid, number)

    def ended(self) -> int | None:
        """Its exit code, when it has ended: negative for the signal that killed it. It is let go of then."""
        code = self.process.exitcode
        if code is not None:
            self.hear()
            self.line.close()
        return code


def run(
    settings: Settings,
    listening: socket.socket,
    seat: Seat,
    line: socket.socket,
    not_its_own: Sequence[Holding | socket.socket],
) -> None:
    """What a worker's process does."""
    board.take(seat)
    for other in not_its_own:
        other.close()
    signal.set_wakeup_fd(-1)
    for number, handler in zip(STOPPING, (signal.SIG_DFL, signal.SIG_IGN, signal.SIG_IGN), strict=True):
        signal.signal(
            number, handler
        )  # Ctrl-C and a closed terminal reach the supervisor, too, and it tells its workers
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    faulthandler.enable()  # of SIGABRT, too: where it hung
    held = Held(line)
    held.hold(listening, patience_s=settings.stop_seconds_max + _ORPHAN_S)
    hooks = serving.Hooks(started=held.ready, beat=held.beat)
    serving.serve(settings, listening, hooks, signals=[signal.SIGTERM])
