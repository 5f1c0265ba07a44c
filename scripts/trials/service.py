"""`stockgate serve` as a service manager keeps it: on one port, started again whenever it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
COMMAND: Final = (sys.executable, "-c", "from gateway.cli import main; main()")
_RESTART_S: Final = 0.1  # systemd's RestartSec


class Service:
    """A supervisor with its workers."""

    def __init__(
        self,
        url: str,
        log: Path,
        *,
        workers: int = 2,
        before: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """`before` is a command that runs the command it is given; `settings` are environment variables."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.starts = 0
        self._command = [*before, *COMMAND, "serve", "--port", str(self.port), "--workers", str(workers)]
        self._environment = {
            **os.environ,
            "STOCKGATE_DATABASE_URL": url,
            "STOCKGATE_LOG_LEVEL": "warning",
            "STOCKGATE_COST_PER_MINUTE": str(10**12),
            **(settings or {}),
        }
        self._log = log
        self._stopping = False
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Service:
        self._keeper.start()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.2):
                return self
            time.sleep(0.05)
        raise SystemExit(f"The server did not listen within 60 s. Its log: {self._log}")

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
        self._keeper.join(30)

    def _keep(self) -> None:
        with self._log.open("ab") as log:
            while not self._stopping:
                self.process = subprocess.Popen(
                    self._command, cwd=ROOT, env=self._environment, stdout=subprocess.DEVNULL, stderr=log
                )
                self.starts += 1
                self.process.wait()
                time.sleep(_RESTART_S)

    @property
    def supervisor(self) -> int:
        """The process that keeps the workers; 0 when there is none."""
        return self.process.pid if self.process else 0

    def workers(self) -> list[int]:
        """The processes that serve."""
        process = self.process
        if process is None:
            return []
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            return [int(pid) for pid in children.split()]
        return []


def is_alive(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def stockgate(url: str, *arguments: str) -> str:
    """Run a `stockgate` command on a database; its output."""
    environment: dict[str, Any] = {**os.environ, "STOCKGATE_DATABASE_URL": url}
    done = subprocess.run([*COMMAND, *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()
