"""Several processes that serve, kept alive.

Each is a fork of this one, which has imported everything but has no thread, no connection and no event loop: a worker
that died is replaced in a tenth of a second. Where forking is not what processes are made for, on macOS, they start
anew, which takes as long as the first start.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import multiprocessing
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import wait
from multiprocessing.context import ForkContext, SpawnContext
from types import FrameType
from typing import Any, Final

import structlog

from gateway import log_lines
from gateway.server import loggers
from gateway.server.board import Board, Seat
from gateway.server.lifeline import Holding
from gateway.server.worker import STOPPING, Worker
from gateway.settings import Settings

_TICK_S: Final = 1.0
_LIVED_S: Final = 5.0
"""A worker that served for so long did not die of its start."""
_DELAY_S: Final = 0.25
_DELAY_S_MAX: Final = 2.0
_START_S_MAX: Final = 120.0
_KILL_AFTER_S: Final = 5.0
"""How long after the time to stop a worker is killed."""
_LAST_WORDS_S: Final = 1.0
"""How long a worker that hangs has to say where."""
log = structlog.get_logger("stockgate.supervisor")


class Place:
    """Where one of the workers is, or will be."""

    def __init__(self) -> None:
        self.worker: Worker | None = None
        self.due_at = 0.0
        self._failures = 0

    def vacate(self, *, lived_s: float) -> float:
        """The worker has ended. In how many seconds the next one is due: at once, but for those that keep dying."""
        self.worker = None
        self._failures = 0 if lived_s >= _LIVED_S else self._failures + 1
        delay = _DELAY_S * 2 ** (self._failures - 2) if self._failures > 1 else 0.0
        delay = min(delay, _DELAY_S_MAX)
        self.due_at = time.monotonic() + delay
        return delay


class Supervisor:
    """Keeps `count` workers alive until it is told to stop."""

    def __init__(self, settings: Settings, listening: socket.socket, count: int, all_serve: Callable[[], None]) -> None:
        self._settings = settings
        self._listening = listening
        self._places = [Place() for _ in range(count)]
        self._board = Board(count)
        self._all_serve: Callable[[], None] | None = all_serve
        self._has_served = False
        self._stopping = False
        self._hurrying = False
        self._woken, self._waking = socket.socketpair()
        self._context = _context()

    def run(self) -> int:
        """Until told to stop: the exit code, which is not 0 when no worker could start."""
        log_lines.configure(self._settings.log_level)
        loggers.take_over()
        importlib.import_module("gateway.app")  # what every worker needs is there before they part
        gc.collect()
        gc.freeze()  # a collection would touch, and so copy, what they share
        with self._signals():
            failure = self._watch()
            self._stop()
        return failure

    def _watch(self) -> int:
        seen_at = time.monotonic()
        while not self._stopping:
            self._fill()
            self._sleep()
            now = time.monotonic()
            for worker in self._workers():
                worker.hear()
            if code := self._reap():
                return code
            if now - seen_at < 2 * _TICK_S:  # otherwise it was this process that was halted
                self._end_silent(now)
            seen_at = now
            if self._all_serve and all(place.worker and place.worker.ready_at for place in self._places):
                self._all_serve()
                self._all_serve = None
        return 0

    def _fill(self) -> None:
        """Start the workers that are due."""
        now = time.monotonic()
        for number, place in enumerate(self._places):
            if place.worker is None and place.due_at <= now:
                place.worker = self._start(Seat(self._board, number))

    def _start(self, seat: Seat) -> Worker:
        others: list[Holding | socket.socket] = [
            *(worker.line for worker in self._workers()),
            self._woken,
            self._waking,
        ]
        worker = Worker(self._context, self._settings, self._listening, seat, others)
        log.info("worker started", pid=worker.pid)
        return worker

    def _sleep(self) -> None:
        """Until something happens, or it is time for something."""
        due = [place.due_at - time.monotonic() for place in self._places if place.worker is None]
        workers = self._workers()
        sources: list[Any] = [self._woken, *(w.line for w in workers), *(w.process.sentinel for w in workers)]
        wait(sources, max(0.0, min([_TICK_S, *due])))
        with contextlib.suppress(BlockingIOError):
            self._woken.recv(4096)

    def _workers(self) -> list[Worker]:
        return [place.worker for place in self._places if place.worker]

    def _reap(self) -> int:
        """Take note of workers that have ended. Not 0 when there is no point in going on."""
        for place in self._places:
            worker = place.worker
            if worker is None or (code := worker.ended()) is None:
                continue
            now = time.monotonic()
            served = worker.ready_at is not None
            self._has_served = self._has_served or served
            if not self._has_served and code >= 0:  # nobody killed it
                log.error("a worker did not start: stopping", pid=worker.pid, exit_code=code)
                return code or 1
            delay = place.vacate(lived_s=now - worker.ready_at if worker.ready_at else 0.0)
            what = "worker died" if served else "worker did not start"
            log.warning(what, pid=worker.pid, exit_code=code, next_in_s=delay)
        return 0

    def _end_silent(self, now: float) -> None:
        """End workers whose event loop does not turn, or that never get ready."""
        for worker in self._workers():
            silent_s = now - (worker.heard_at if worker.ready_at else worker.started_at)
            if worker.aborted_at is not None:
                if now - worker.aborted_at > _LAST_WORDS_S:
                    worker.kill()
            elif silent_s > (self._settings.worker_silence_seconds_max if worker.ready_at else _START_S_MAX):
                log.error("worker hangs", pid=worker.pid, silent_s=round(silent_s))
                worker.abort()

    def _stop(self) -> None:
        """Tell every worker to stop, and wait for it."""
        self._listening.close()
        for worker in self._workers():
            worker.stop()
        deadline = time.monotonic() + self._settings.stop_seconds_max + _KILL_AFTER_S
        while workers := [worker for worker in self._workers() if worker.ended() is None]:
            if self._hurrying or time.monotonic() > deadline:
                for worker in workers:
                    worker.kill()
            wait([self._woken, *(worker.process.sentinel for worker in workers)], _TICK_S)
            with contextlib.suppress(BlockingIOError):
                self._woken.recv(4096)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Signals are taken note of, and wake who sleeps."""
        for end in (self._woken, self._waking):
            end.settimeout(0)
        ignored = [number for number in STOPPING if signal.getsignal(number) is signal.SIG_IGN]  # by nohup
        heard = [number for number in STOPPING if number not in ignored]
        before: dict[signal.Signals, Any] = {number: signal.signal(number, self._take) for number in heard}
        signal.set_wakeup_fd(self._waking.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)
            self._woken.close()
            self._waking.close()

    def _take(self, number: int, _frame: FrameType | None) -> None:
        self._hurrying = self._stopping and number == signal.SIGINT  # a second Ctrl-C
        self._stopping = True


def _context() -> ForkContext | SpawnContext:
    """How workers are made. A fork has one thread, so this process must have no other: they could hold locks."""
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            thread.join(_TICK_S)  # of the database that was checked, on its way out
    if sys.platform == "linux" and threading.active_count() == 1:
        return multiprocessing.get_context("fork")
    return multiprocessing.get_context("spawn")
