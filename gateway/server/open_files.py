"""How many files a process may have open: every connection is one."""

from __future__ import annotations

import contextlib
from typing import Final

from gateway.server.connection import connections_most
from gateway.server.listening import CannotServeError
from gateway.settings import Settings

_PER_DATABASE_CONNECTION: Final = 3  # SQLite has a file, its log and its shared memory
_OTHERS: Final = 100


def make_room(settings: Settings) -> None:
    """Let this process, and those it starts, open as many as the settings ask for. Raises CannotServeError."""
    with contextlib.suppress(ImportError):  # where there is no such limit
        import resource

        needed = connections_most(settings) + settings.database_connections_max * _PER_DATABASE_CONNECTION + _OTHERS
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft == resource.RLIM_INFINITY or soft >= needed:
            return
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise CannotServeError(
                f"STOCKGATE_CONNECTIONS_MAX={settings.connections_max} needs {needed} open files, and a process may "
                f"have {hard} here. Allow more (ulimit -Hn, LimitNOFILE= of systemd) or set it to at most "
                f"{settings.connections_max - (needed - hard)}."
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
