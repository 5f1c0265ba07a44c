"""What API keys call, counted in memory: no request writes for it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

from gateway.calls import OTHER, Call
from storage import key_use
from storage.database import Database
from storage.key_use import Used, Uses

_ENTRIES_MAX: Final = 20_000
_DAY_S: Final = 86_400


class KeyUses:
    """Those of one process, until they are written down."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._used: dict[Used, Uses] = {}
        self._day, self._day_ends_at = "", 0.0

    def finished(self, call: Call, status: int, _seconds: float) -> None:
        """A call ended: whoever is known by a key is counted."""
        if not call.key_id:
            return
        now = time.time()
        if now >= self._day_ends_at:
            self._day = str(datetime.fromtimestamp(now, UTC).date())
            self._day_ends_at = (now // _DAY_S + 1) * _DAY_S
        key = Used(call.key_id, self._day, call.dialect, call.operation)
        uses = self._used.get(key)
        if uses is None:
            if len(self._used) >= _ENTRIES_MAX:  # nobody has written them down for long
                key = key._replace(route=OTHER)
            uses = self._used.setdefault(key, Uses())
        uses.calls += 1
        uses.writes += call.writes > 0
        uses.refused += status >= 400 or bool(call.refused)
        uses.last_at = now

    async def record(self) -> None:
        """Write down what was counted since the last time. What cannot be is counted further."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            await self._database.transact(key_use.record, used)
        except BaseException:
            for key, uses in used.items():
                now = self._used.setdefault(key, Uses())
                now.calls, now.writes = now.calls + uses.calls, now.writes + uses.writes
                now.refused, now.last_at = now.refused + uses.refused, max(now.last_at, uses.last_at)
            raise
