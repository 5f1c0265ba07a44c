"""Which ledger entries changed how many units there are, and not only prices or flags, and of what."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.columns import Timestamp
from storage.json_rows import among, json_text
from storage.prepared import Prepared
from storage.tables import LedgerEntry, Product
from storage.upsert import table_of

_entry, _product = table_of(LedgerEntry), table_of(Product)
_FOUND: Final = Prepared(
    select(_entry.c.sequence, _product.c.parent_id)
    .join(_product, _product.c.id == _entry.c.product_id)
    .where(
        among(_entry.c.sequence, "sequences"),
        _entry.c.created_at >= bindparam("since", type_=Timestamp),  # which months of the ledger are looked at
        _entry.c.delta != 0,
    )
)


async def parents(session: AsyncSession, sequences: Collection[int], since: datetime) -> Mapping[int, int | None]:
    """Those of these entries, none of which is older than `since`, with the parent of what they are of; of a product
    that is no variation, None."""
    return dict(await _FOUND.rows(session, {"sequences": json_text(sorted(sequences)), "since": since}))
