"""What the ledger began with: entries that were pruned stay summed up, one opening for each level.

Whoever asks for what comes after a sequence must ask for one that is not below the last pruned one: what lay between is
gone. Whoever only asks what changed since then gets the levels whose openings say so.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.columns import Id
from storage.errors import SequencePrunedError
from storage.tables import LedgerOpening
from storage.upsert import table_of

_opening: Final = table_of(LedgerOpening).c

PRUNED_UP_TO: Final[ColumnElement[int]] = select(
    func.coalesce(func.max(_opening.sequence), literal_column("0", Id))
).scalar_subquery()
"""The last sequence that was pruned, 0 when none was. Everything after it is there."""


async def pruned_up_to(session: AsyncSession) -> int:
    """The last sequence that was pruned, 0 when none was."""
    found: int = (await session.execute(select(PRUNED_UP_TO))).scalar_one()
    return found


async def check_kept(session: AsyncSession, after: int) -> None:
    """Raises SequencePrunedError when something that came after this sequence was pruned."""
    if after < (last := await pruned_up_to(session)):
        raise SequencePrunedError(last)


def is_pruned_at(time: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether entries of this time may have been pruned: all of one group have the same."""
    return func.coalesce(time <= select(func.max(_opening.created_at)).scalar_subquery(), literal_column("false"))
