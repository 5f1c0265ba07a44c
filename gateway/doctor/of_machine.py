"""The machine: clock, disk, files and who may read them, open files."""

from __future__ import annotations

import datetime as dt
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url

from gateway.doctor.findings import Finding, fail, ok, warn
from gateway.server import open_files
from gateway.server_secret import ServerSecret
from gateway.settings import Settings
from storage.sqlite_library import dbapi, has_wal_reset_bug

_NETWORK: Final = ("nfs", "cifs", "smb", "sshfs", "9p", "fuse.", "glusterfs", "ceph", "lustre", "afs", "davfs")
_FREE_WARN: Final = 1 << 30
_FREE_FAIL: Final = 100 << 20
_WAL_WARN: Final = 256 << 20
_BUILT: Final = dt.date(2026, 11, 1)


def check(settings: Settings, mounts: str | None = None) -> Iterator[Finding]:
    """All of it. `mounts` is what the kernel says of mounted file systems."""
    yield _clock(dt.datetime.now(dt.UTC))
    yield _open_files(settings)
    yield from _secret(settings)
    url = make_url(settings.database_url.get_secret_value())
    if url.drivername.startswith("sqlite") and url.database:
        yield from _sqlite(Path(url.database).absolute(), mounts if mounts is not None else _mounts())


def _clock(now: dt.datetime) -> Finding:
    if now.date() < _BUILT:
        return fail("clock", f"This machine thinks that it is {now:%Y-%m-%d}.", "Set its clock, and have NTP keep it.")
    return ok("clock", f"It is {now:%Y-%m-%d %H:%M} UTC.")


def _open_files(settings: Settings) -> Finding:
    needed, allowed = open_files.needed(settings), open_files.allowed()
    if allowed is not None and allowed < needed:
        return fail(
            "open files",
            f"A process may have {allowed} open files, and STOCKGATE_CONNECTIONS_MAX={settings.connections_max} needs "
            f"{needed}.",
            "Allow more (ulimit -Hn, LimitNOFILE= of systemd), or set it lower.",
        )
    return ok("open files", f"{needed} are needed at most, and {allowed or 'any number'} allowed.")


def _secret(settings: Settings) -> Iterator[Finding]:
    if settings.secret_key.get_secret_value():
        return
    file = ServerSecret(settings).file
    if not file.exists():
        yield ok("secret", "There is no server's secret yet: the first consumer pair or webhook makes it.")
    elif mode := file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield fail("secret", f"Others may get at {file} (mode {mode:03o}).", f"chmod 600 {file}")
    else:
        yield ok("secret", f"{file} is for its owner only.")


def _sqlite(file: Path, mounts: str) -> Iterator[Finding]:
    if has_wal_reset_bug(dbapi.sqlite_version_info):
        yield warn(
            "sqlite",
            f"SQLite {dbapi.sqlite_version} has the WAL-reset bug: another program that writes may damage the file.",
            "Leave the file to Stockgate, or install SQLite 3.51.3 or later.",
        )
    else:
        yield ok("sqlite", f"SQLite {dbapi.sqlite_version}.")
    kind = _file_system(file, mounts)
    if kind.startswith(_NETWORK):
        yield fail(
            "file system",
            f"{file} is on a network file system ({kind}), which does not keep SQLite's locks.",
            "Move it to a disk of this machine, or use PostgreSQL.",
        )
    elif kind:
        yield ok("file system", f"{file.parent} is on {kind}.")
    yield from _disk(file)
    if not file.exists():
        return
    if (mode := file.stat().st_mode) & stat.S_IWOTH:
        yield fail("permissions", f"Everybody may write to {file}.", f"chmod o-rw {file}")
    elif mode & stat.S_IROTH:
        yield warn("permissions", f"Everybody on this machine may read {file}.", f"chmod o-r {file}")
    else:
        yield ok("permissions", f"{file} is not for everybody.")


def _disk(file: Path) -> Iterator[Finding]:
    if not file.parent.exists():
        return
    free = shutil.disk_usage(file.parent).free
    if free < _FREE_FAIL:
        yield fail("disk", f"{free >> 20} MiB are free beside the database.", "Make room before writes fail.")
    elif free < _FREE_WARN:
        yield warn("disk", f"{free >> 20} MiB are free beside the database.", "Make room.")
    else:
        yield ok("disk", f"{free / (1 << 30):.1f} GiB are free beside the database.")
    wal = Path(f"{file}-wal")
    if wal.exists() and (size := wal.stat().st_size) > _WAL_WARN:
        yield warn(
            "write-ahead log",
            f"SQLite's log has {size >> 20} MiB: something keeps it from moving into the file.",
            "Look for a program that holds a long transaction on the file, or a full disk.",
        )


def _mounts() -> str:
    try:
        return Path("/proc/mounts").read_text("utf-8", errors="replace")
    except OSError:
        return ""


def _file_system(file: Path, mounts: str) -> str:
    """The kind of file system that a path is on; empty where nobody tells."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        at, name = ([*line.split(), "", "", ""])[1:3]
        at = at.replace("\\040", " ")
        if (file.is_relative_to(at) if at.startswith("/") else False) and len(at) >= best:
            best, kind = len(at), name
    return kind
