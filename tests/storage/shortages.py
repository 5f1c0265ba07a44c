"""A shop in which some stock is low, and the ledger tells how fast it goes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import inventory
from storage.changes import AdjustQuantity, Origin, Reason, SetQuantity
from storage.database import Database
from storage.tables import LedgerEntry
from tests.builders import a_change, a_group, a_location, a_product, a_transfer


async def fill(database: Database) -> None:
    """Of product 1 four units are left at location 1, of which ten were sold; 2 is out of stock, 3 never moved."""

    async def shop(session: AsyncSession) -> None:
        session.add_all([a_location(1), a_location(2, name="=Back;room", low_stock_threshold=6)])
        session.add_all([a_product(1, low_stock_threshold=5), a_product(2, type="variable"), a_product(3)])
        session.add_all([a_product(4, name="Plenty"), a_product(6, name='-2+3 "deal"', low_stock_threshold=1)])
        await session.flush()
        session.add(a_product(5, type="variation", parent_id=2))

    def group(reason: Reason, *changes: Any) -> Any:
        return a_group(*changes, origin=Origin("test", principal="tests", reason=reason))

    def moved(item: int, units: int, location: int = 1) -> Any:
        return a_change(item, location, quantity=AdjustQuantity(units))

    await database.transact(shop)
    counted = [(1, 1, 40), (5, 1, 30), (3, 2, 5), (4, 1, 99), (6, 2, 2), (1, 2, 50)]
    for item, place, units in counted:
        await database.transact(
            inventory.apply, group(Reason.RECEIPT, a_change(item, place, quantity=SetQuantity(units)))
        )
    await database.transact(inventory.apply, group(Reason.SALE, moved(1, -20)))
    await database.transact(_antedate, timedelta(days=29))
    for reason, changes in (
        (Reason.SALE, [moved(1, -9), moved(5, -30)]), (Reason.UNSPECIFIED, [moved(1, -1)]),
        (Reason.RETURN, [moved(1, 4)]), (Reason.DAMAGE, [moved(1, -7)]),
        (Reason.COUNT, [moved(1, -2), moved(6, -1, 2)]), (Reason.SALE, [moved(4, -9)]),
    ):  # fmt: skip
        await database.transact(inventory.apply, group(reason, *changes))
    await database.transact(inventory.apply, group(Reason.TRANSFER, a_transfer(1, 1, 2)))


async def _antedate(session: AsyncSession, by: timedelta) -> None:
    entries = (await session.execute(LedgerEntry.__table__.select())).all()  # type: ignore[attr-defined]
    for row in entries:
        moved = update(LedgerEntry).where(LedgerEntry.__table__.c.sequence == row.sequence)  # type: ignore[attr-defined]
        await session.execute(moved.values(created_at=row.created_at - by))
