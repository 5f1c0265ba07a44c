"""That what a process may have in memory is another now: who may call, from where, and what operations are listed.

Told within the transaction that changes it: nobody hears of it before it holds, and once it holds everybody does.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

CHANNEL: Final = "stockgate_forget"
_TELL: Final = text(f"SELECT pg_notify('{CHANNEL}', '')")


async def tell_others(session: AsyncSession) -> None:
    """When this transaction commits, every process forgets. Those on one SQLite file look again in a moment anyway."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(_TELL)
