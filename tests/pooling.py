"""PgBouncer as Debian has it, in transaction mode, in front of a test's PostgreSQL."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from tests.browsing import needed

_PGBOUNCER = Path("/usr/sbin/pgbouncer")
_PORT = 6432


@contextmanager
def pgbouncer(url: str, *, sessions: int) -> Iterator[str]:
    """The URL of a database by way of a PgBouncer, which has so many sessions of it for everybody.

    It takes no parameter of a session that it does not know (`ignore_startup_parameters` is empty), and has no prepared
    statements: the strictest there is.
    """
    needed(_PGBOUNCER.exists(), f"{_PGBOUNCER}: apt-get install pgbouncer")
    target = make_url(url)
    server = Path(str(target.query["host"]))
    folder = Path(tempfile.mkdtemp(prefix="stockgate-pgbouncer-"))
    owner = server.owner()
    shutil.chown(folder, owner)
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(f"""
[databases]
* = host={server} port=5432 user={target.username}
[pgbouncer]
unix_socket_dir = {folder}
listen_port = {_PORT}
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 500
logfile = {folder / "log"}
""")
    command = [str(_PGBOUNCER), "-q", *(["-u", owner] if os.geteuid() == 0 else []), str(configuration)]
    process = subprocess.Popen(command)  # as root it refuses to run
    try:
        for _ in range(500):
            if (folder / f".s.PGSQL.{_PORT}").exists():
                break
            assert process.poll() is None, "pgbouncer ended"
            time.sleep(0.01)
        pooled = target.set(query={"host": str(folder), "port": str(_PORT)})
        yield pooled.render_as_string(hide_password=False)
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)
