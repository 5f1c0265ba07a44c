"""`stockgate serve` in a process of its own, with its log, and raw connections to it."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.serving import environment

PATIENCE_S = 20.0


class Served:
    """A running `stockgate serve`."""

    def __init__(self, process: subprocess.Popen[str], log: Path, port: int) -> None:
        self.process = process
        self.port = port
        self._log = log

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def text(self) -> str:
        """All of its log."""
        return self._log.read_bytes().decode()

    @property
    def log(self) -> list[dict[str, Any]]:
        """What it has logged since it was started."""
        return [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]

    def events(self, event: str) -> list[dict[str, Any]]:
        """The lines of its log about one kind of event."""
        return [line for line in self.log if line["event"] == event]

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers that were started, the newest last."""
        return [line["pid"] for line in self.events("worker started")]

    @property
    def living(self) -> list[int]:
        """Those that have not died since."""
        gone = {line["pid"] for line in self.log if line["event"] in ("worker died", "worker did not start")}
        return [pid for pid in self.workers if pid not in gone]

    def connect(self) -> socket.socket:
        """A connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)

    def ask(self, *pieces: bytes) -> bytes:
        """Everything that comes back for it until the server closes."""
        with self.connect() as connection:
            for piece in pieces:
                connection.sendall(piece)
            return everything(connection)

    def status(self, path: str = "/healthz") -> int:
        """The status of a GET on a connection of its own."""
        answer = self.ask(f"GET {path} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n".encode())
        return int(answer.split(b" ", 2)[1])

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop it, and every process of it: its exit code."""
        self.process.send_signal(number)
        self.process.communicate(timeout=PATIENCE_S)  # until the last worker has closed its standard output
        return self.process.returncode


@contextlib.contextmanager
def serving(folder: Path, *options: str, port: int = 0, **variables: str) -> Iterator[Served]:
    """One that is ready, stopped at the end."""
    log = folder / f"log-{time.monotonic_ns()}.txt"
    command = [str(Path(sys.executable).with_name("stockgate")), "serve", "--port", str(port), *options]
    with log.open("w") as errors:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(**variables),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,  # so that it can be told by a terminal's Ctrl-C: all of its processes
        )
    assert process.stdout is not None
    base = re.search(r"GraphQL on http://127.0.0.1:(\d+)/", process.stdout.readline())
    assert base is not None, log.read_text()
    served = Served(process, log, int(base[1]))
    try:
        yield served
    finally:
        if process.returncode is None:
            served.stop()


def everything(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65536):
            received += chunk
    return received


def statuses(received: bytes) -> list[int]:
    """Of the answers in it."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


def settled(condition: Callable[[], Any], within_s: float = PATIENCE_S) -> float:
    """Wait until something is so: the seconds that it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < within_s
        time.sleep(0.02)
    return time.monotonic() - started
