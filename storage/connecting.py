"""How a process connects to PostgreSQL: what every session starts with, and how long anything may take."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import asyncpg
from sqlalchemy.engine import URL

from storage.unanswered import Unanswered, socket_of

_KEEPALIVE_S: Final = (10, 5, 3)  # idle until the first probe, between probes, and how many
_STATEMENTS_MAX: Final = 512


@dataclass(frozen=True, slots=True)
class Connections:
    """What may be set about connections. Times are in seconds; 0 is without end."""

    each_max: int = 10
    """For writes, and as many again for reads."""
    connect_seconds_max: float = 3.0
    statement_seconds_max: float = 0
    lock_seconds_max: float = 0
    idle_in_transaction_seconds_max: float = 0
    unacknowledged_seconds_max: float = 10.0
    """How long what was sent may stay without a sign from the other host."""
    pooler: Literal["none", "transaction"] = "none"
    """What stands between: `transaction` gives each transaction another session, as PgBouncer does."""
    direct_url: str = field(default="", repr=False)
    """The database without its pooler, for what needs a session of its own."""
    read_urls: tuple[str, ...] = field(default=(), repr=False)
    """Replicas that may answer reads."""
    lag_seconds_max: float = 5.0
    """How far behind such a replica may be."""

    @property
    def has_sessions(self) -> bool:
        """Whether a connection is one session, which keeps its settings and its prepared statements."""
        return self.pooler == "none"

    def session_settings(self) -> dict[str, str]:
        """What holds in every transaction."""
        return {
            "jit": "off",  # compiling a plan costs more than these short statements do
            "statement_timeout": _ms(self.statement_seconds_max),
            "lock_timeout": _ms(self.lock_seconds_max),
            "idle_in_transaction_session_timeout": _ms(self.idle_in_transaction_seconds_max),
        }

    def server_settings(self) -> dict[str, str]:
        """What a session starts with; the server is to notice, too, that a gateway's host is gone."""
        idle, interval, count = map(str, _KEEPALIVE_S)
        return {
            **self.session_settings(),
            "application_name": "stockgate",
            "tcp_user_timeout": _ms(self.unacknowledged_seconds_max),
            "tcp_keepalives_idle": idle,
            "tcp_keepalives_interval": interval,
            "tcp_keepalives_count": count,
        }


class Connector:
    """Makes connections to one server, and ends those on which nobody answers any more."""

    def __init__(self, url: URL, connections: Connections) -> None:
        self.connections = connections
        self._dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self.unanswered = Unanswered(self._ask)

    @property
    def options(self) -> dict[str, Any]:
        """What pools have to hand to connect()."""
        if self.connections.has_sessions:
            return {
                "server_settings": self.connections.server_settings(),
                "statement_cache_size": _STATEMENTS_MAX,
                "timeout": self.connections.connect_seconds_max,
            }
        return {
            "connection_class": _class_of(self.connections),
            "statement_cache_size": 0,  # statements have no names then, which another session would not know
            "timeout": self.connections.connect_seconds_max,
        }

    async def connect(self, *_: Any, **options: Any) -> asyncpg.Connection[asyncpg.Record]:
        """A new connection; `options` as above."""
        connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(self._dsn, **options)
        with contextlib.suppress(OSError, AttributeError):  # a socket in the file system; a system without the option
            _keep_alive(connection, self.connections)
        if self.connections.has_sessions:  # a pooler's process ids are not the server's
            try:
                async with asyncio.timeout(self.connections.connect_seconds_max):
                    await self.unanswered.add(connection)
            except BaseException:
                connection.terminate()
                raise
        return connection

    async def listener(self) -> asyncpg.Connection[asyncpg.Record] | None:
        """A connection that is a session, for LISTEN; None where there is none to be had."""
        dsn = self._dsn if self.connections.has_sessions else self.connections.direct_url
        if not dsn:
            return None
        connection = await asyncpg.connect(dsn, timeout=self.connections.connect_seconds_max)
        with contextlib.suppress(OSError, AttributeError):
            _keep_alive(connection, self.connections)
        return connection

    async def _ask(self, sql: str, value: Any) -> list[asyncpg.Record]:
        """On a connection of its own, which has not fallen silent yet."""
        connection = await asyncpg.connect(self._dsn)
        try:
            return await connection.fetch(sql, value)
        finally:
            connection.terminate()

    async def close(self) -> None:
        """Watch nothing any more."""
        await self.unanswered.close()


def _class_of(connections: Connections) -> type[asyncpg.Connection[asyncpg.Record]]:
    """A class of connections whose transactions begin with the settings that a session would have."""
    local = "".join(f" SET LOCAL {name} = '{value}';" for name, value in connections.session_settings().items())

    class Pooled(asyncpg.Connection):
        __slots__ = ()

        async def execute(self, query: str, *args: Any, **options: Any) -> str:
            begins = not args and query.startswith("BEGIN")
            return await super().execute(f"{query}{local}" if begins else query, *args, **options)

        async def set_type_codec(self, *args: Any, **options: Any) -> None:
            async with self.transaction():  # it asks the server, in two steps that must reach the same session
                await super().set_type_codec(*args, **options)

    return Pooled


def _keep_alive(connection: Any, connections: Connections) -> None:
    ours = socket_of(connection)
    idle, interval, count = _KEEPALIVE_S
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle)
    ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval)
    ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, count)
    ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(_ms(connections.unacknowledged_seconds_max)))


def _ms(seconds: float) -> str:
    return str(round(seconds * 1000))
