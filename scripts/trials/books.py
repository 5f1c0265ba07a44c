"""What the database must say of what the tills were told: each acknowledged write once and whole, and no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from tills import FIRST, Till

from storage import reconciliation
from storage.database import Database

_GROUPS: Final = text("""
    SELECT g.id, g.request_id, count(e.sequence) FROM stock_change_group g LEFT JOIN ledger_entry e ON e.group_id = g.id
    WHERE g.id > :after AND g.request_id <> '' GROUP BY g.id, g.request_id ORDER BY g.id""")
_LEVELS: Final = text("SELECT product_id, on_hand FROM stock_level WHERE location_id = 1")
_LATE: Final = 1_000
"""Groups whose ids were drawn before those that were seen, and that were committed after."""


@dataclass
class Books:
    """What was found so far."""

    tills: Sequence[Till]
    lost: int = 0
    doubled: int = 0
    half_applied: int = 0
    drifted: int = 0
    _groups: dict[str, int] = field(default_factory=dict)
    _looked_up_to: dict[str, int] = field(default_factory=dict)
    _last: int = 0

    @property
    def wrong(self) -> int:
        """How much of anything is not as it must be."""
        return self.lost + self.doubled + self.half_applied + self.drifted

    async def look(self, database: Database, *, final: bool = False) -> None:
        """Look at what is new since the last time; at the end at everything."""
        acknowledged = {till.name: till.acknowledged for till in self.tills}  # before the snapshot
        await database.read(self._look, acknowledged, final=final)

    async def _look(self, session: AsyncSession, acknowledged: dict[str, int], *, final: bool) -> None:
        sizes = {till.name: len(till.products) for till in self.tills}
        half: set[str] = set()
        for id_, key, entries in await session.execute(_GROUPS, {"after": 0 if final else self._last - _LATE}):
            if self._groups.setdefault(key, id_) != id_:
                self.doubled += 1
            if entries != sizes[key.partition("-")[0]]:
                half.add(key)
            self._last = max(self._last, id_)
        for till in self.tills:
            first = 1 if final else self._looked_up_to.get(till.name, 0) + 1
            keys = [till.key(number) for number in range(first, acknowledged[till.name] + 1)]
            self.lost += sum(key not in self._groups for key in keys)
            self._looked_up_to[till.name] = acknowledged[till.name]
        on_hand = dict((await session.execute(_LEVELS)).tuples().all())
        for till in self.tills:
            levels = {on_hand[product] - FIRST for product in till.products}
            if len(levels) > 1 and till.sent > 1:
                half.add(f"levels of {till.name}")
            elif min(levels) < acknowledged[till.name]:
                self.lost += 1
        self.half_applied += len(half)
        self.drifted += len(await reconciliation.drifts(session))
