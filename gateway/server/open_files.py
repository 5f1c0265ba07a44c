"""How many files a process may have open: every connection is one."""

from __future__ import annotations

import contextlib
from typing import Final

from gateway.server.connection import connections_most
from gateway.server.listening import CannotServeError
from gateway.settings import Settings

_PER_DATABASE_CONNECTION: Final = 3  # SQLite has a file, its log and its shared memory
_OTHERS: Final = 100


def needed(settings: Settings) -> int:
    """How many a process may come to have open."""
    return connections_most(settings) + settings.database_connections_max * _PER_DATABASE_CONNECTION + _OTHERS


def allowed() -> int | None:
    """How many it may have at most; None when there is no limit."""
    with contextlib.suppress(ImportError):  # where there is none
        import resource

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        return None if hard == resource.RLIM_INFINITY else hard
    return None


def make_room(settings: Settings) -> None:
    """Let this process, and those it starts, open as many as the settings ask for. Raises CannotServeError."""
    with contextlib.suppress(ImportError):  # where there is no such limit
        import resource

        most = needed(settings)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft == resource.RLIM_INFINITY or soft >= most:
            return
        if hard != resource.RLIM_INFINITY and hard < most:
            raise CannotServeError(
                f"STOCKGATE_CONNECTIONS_MAX={settings.connections_max} needs {most} open files, and a process may "
                f"have {hard} here. Allow more (ulimit -Hn, LimitNOFILE= of systemd) or set it to at most "
                f"{settings.connections_max - (most - hard)}."
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
