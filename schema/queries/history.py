"""Root fields for what changed: the ledger, the requests that wrote it, and the change feed."""

from __future__ import annotations

from typing import Any

import strawberry

from schema.conditions import Given
from schema.connections import page
from schema.feed import FIRST_DEFAULT, FIRST_MAX, ChangeFeed
from schema.filters import StockChangeFilter
from schema.ids import database_id
from schema.queries.keys import which
from schema.selection import Slot
from schema.sources import FEED, Argument, Rows, one, relation
from schema.types import ledger_entry
from schema.types.ledger_entry import LedgerEntry
from schema.types.stock_change_group import StockChangeGroup


@strawberry.type
class HistoryQueries:
    """Part of Query."""

    @page(LedgerEntry, exact=True, filter=which(StockChangeFilter))
    def stock_changes(_: Any, row: Any, filter: Given | None = None) -> Rows:
        """What changed of stock levels, newest first."""
        return Rows(ledger_entry.matching(row, filter or {}), [row.sequence], descending=True)

    @one(StockChangeGroup | None, exact=True, id=Argument(strawberry.ID, "Its node id, or its number."))
    def stock_change_group(_: Any, row: Any, id: Slot) -> Rows:
        """One request that changed stock; null when there is none."""
        return Rows([row.id == id.bind(database_id("StockChangeGroup"))])

    @relation(
        FEED,
        ChangeFeed,
        {
            "after_sequence": Argument(int, "Only what comes after this sequence: `nextSequence` of the last page.", 0),
            "first": Argument(int | None, f"So many changes, from 0 to {FIRST_MAX}.", FIRST_DEFAULT),
        },
        exact=True,
    )
    def changes(_: Any) -> Rows:
        """The change feed: everything that changes, once and in order, to be followed from sequence to sequence.

        It never passes over a change that is still being written: it ends before that, and gives it the next time.
        When what comes after the sequence was pruned from the ledger, the error SEQUENCE_PRUNED says so.
        """
        return Rows()
