"""What was written to a connection and is not taken: who does not read must not keep it waiting for ever."""

from __future__ import annotations

import asyncio
from typing import Final

_PROGRESS_BYTES: Final = 16_384


class Outgoing:
    """The other side has to take all there is, or at least so much of it, in a given time."""

    __slots__ = ("_most", "_since")

    def __init__(self) -> None:
        self._most = 0
        self._since = 0.0

    def waits_s(self, transport: asyncio.WriteTransport, now: float) -> float:
        """For how long it has not done so. To be asked now and then."""
        size = transport.get_write_buffer_size()
        if size == 0:
            self._most = 0
            return 0.0
        if self._most == 0 or size <= self._most - _PROGRESS_BYTES:
            self._since, self._most = now, size
        self._most = max(self._most, size)
        return now - self._since
