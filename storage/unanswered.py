"""Connections that were asked something and on which no answer will come: the way there swallowed one or the other.

TCP notices only a host that is gone, not a middlebox that still says yes to every packet. So connections that have been
waiting for a second are looked up on the server: who is not at work for them has answered already, or was never asked.
A statement that takes long is at work, however long; nothing here has a limit for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

import structlog

from storage import deadline

Ask = Callable[[str, Any], Awaitable[list[Any]]]
_LOOK_S: Final = 0.5
_SUSPICIOUS_S: Final = 1.0
_ASK_S_MAX: Final = 1.5
_UNDER_WAY_S: Final = 0.25
"""How long an answer may be on its way here after the server has said that it is idle."""
_SAME_S: Final = 0.1
_SERVER: Final = "SELECT concat_ws(' ', inet_server_addr(), inet_server_port())"
_AT_WORK: Final = (
    "SELECT concat_ws(' ', inet_server_addr(), inet_server_port()), ARRAY("
    "SELECT pid FROM pg_stat_activity WHERE pid = ANY($1::int[]) AND coalesce(state, '') NOT LIKE 'idle%')"
)
# What was swallowed may be the end of a transaction, whose locks the server would keep for a client it believes in
_END: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ANY($1::int[])"
    " AND usename = current_user AND application_name = 'stockgate' AND state LIKE 'idle%'"
)
_SENT_AT, _RECEIVED_AT, _INFO_LENGTH = 44, 52, 56  # of struct tcp_info: milliseconds since data went out, and came in
log = structlog.get_logger("stockgate.storage")


@dataclass(slots=True)
class _Connection:
    """What is remembered of one: when something was last heard, and since when an answer is missing."""

    pid: int
    server: str
    """One name may lead to several servers."""
    heard_at: float = 0.0
    asked_at: float | None = None


class Unanswered:
    """Ends the connections of this process that wait in vain. Works where the kernel tells (Linux), over TCP."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._known: WeakKeyDictionary[Any, _Connection] = WeakKeyDictionary()
        self._looking: asyncio.Task[None] | None = None
        self.asked: set[int] = set()
        """The process ids of connections on which a statement is under way, as far as is known here.

        The kernel's clock ticks every few milliseconds: an answer and the next statement may share a tick.
        """
        self.ended: list[Callable[[], Awaitable[None]]] = []
        """To be called when some were ended: others that wait in a pool may be no better."""

    async def add(self, connection: Any) -> None:
        """Watch it from now on."""
        if _silence_of(connection) is None:
            return
        self._known[connection] = _Connection(connection.get_server_pid(), await connection.fetchval(_SERVER))
        if self._looking is None or self._looking.done():
            self._looking = deadline.outliving(self._look())

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking

    async def _look(self) -> None:
        while any(not connection.is_closed() for connection in list(self._known)):
            await asyncio.sleep(_LOOK_S)
            if suspicious := self._waiting():
                try:
                    await self._end_unanswered(suspicious)
                except Exception as error:  # noqa: BLE001 (whatever it is, it is asked again)
                    log.warning("the database does not answer", waiting=len(suspicious), error=repr(error))

    async def _end_unanswered(self, suspicious: Collection[Any]) -> None:
        asked = {connection: self._known[connection] for connection in suspicious}
        async with asyncio.timeout(_ASK_S_MAX):
            [(server, at_work)] = await self._ask(_AT_WORK, [known.pid for known in asked.values()])
        await asyncio.sleep(_UNDER_WAY_S)
        still = self._waiting()
        in_vain = [
            connection
            for connection, known in asked.items()
            if known.server == server and known.pid not in at_work and connection in still
        ]
        for connection in in_vain:
            connection.terminate()
        if in_vain:
            log.warning("ended connections on which the database had answered in vain", count=len(in_vain))
            for told in self.ended:
                await told()
            async with asyncio.timeout(_ASK_S_MAX):
                await self._ask(_END, [asked[connection].pid for connection in in_vain])

    def _waiting(self) -> set[Any]:
        """The connections that have been waiting for a second."""
        now, found = time.monotonic(), set()
        for connection, known in list(self._known.items()):
            silence = None if connection.is_closed() else _silence_of(connection)
            if silence is None or not (silence[0] < silence[1] or known.pid in self.asked):
                known.asked_at = None
                continue
            heard_at = now - silence[1]
            if known.asked_at is None or abs(heard_at - known.heard_at) > _SAME_S:
                known.asked_at = now - silence[0]
            known.heard_at = heard_at
            if now - known.asked_at >= _SUSPICIOUS_S:
                found.add(connection)
        return found


def _silence_of(connection: Any) -> tuple[float, float] | None:
    """Seconds since something was sent, and since something came in; None where the kernel does not tell."""
    try:
        ours = socket_of(connection)
        if ours.family == socket.AF_UNIX:
            return None
        info = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_LENGTH)
        sent_ms, received_ms = (int.from_bytes(info[at : at + 4], sys.byteorder) for at in (_SENT_AT, _RECEIVED_AT))
    except (OSError, AttributeError):
        return None
    return sent_ms / 1000, received_ms / 1000


def socket_of(connection: Any) -> socket.socket:
    """The socket that a connection of asyncpg is."""
    ours: socket.socket = connection._transport.get_extra_info("socket")  # noqa: SLF001 (it does not tell otherwise)
    return ours
