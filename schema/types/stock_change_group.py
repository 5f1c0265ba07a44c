"""StockChangeGroup: one request that changed stock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry
from sqlalchemy import func

from schema.ids import node_id
from schema.nodes import Node
from schema.sources import Condition, Rows, Sees, column, elsewhere, leaf, many, one, stored
from schema.types.choices import StockChangeReason
from storage import conditions as sql
from storage import tables

_LedgerEntry = elsewhere("LedgerEntry", "schema.types.ledger_entry")


def _near(row: Any, sees: Sees) -> Condition:
    """Whoever sees something that it changed."""
    return sql.changed_where(row.id, sees)


@stored(tables.StockChangeGroup, near=_near, exact=True)
@strawberry.type(description="One request that changed stock: who asked, through which dialect, and why.")
class StockChangeGroup(Node):
    """A row of `stock_change_group`."""

    id: strawberry.ID = leaf(lambda row: node_id("StockChangeGroup", row.id), "Its id over all types. Opaque.")
    dialect: str = column("dialect", "How it was asked: `graphql`, `mulopimfwc/v1`, …")
    api_key_id: int | None = column("api_key_id", "The number of the API key; null when it was a webhook or a command.")
    principal: str = column("principal", "The name of the API key or webhook secret.")
    reason: StockChangeReason = leaf(lambda row: func.upper(row.reason), "Why.")
    note: str = column("note", "Why, in the caller's words; empty when it gave none.")
    reference: str = column("reference", "The caller's own number for it, such as an order's.")
    request_id: str = column("request_id", "The X-Request-Id of the request.")
    created_at: datetime = column("created_at", "When it was written.")

    @many(_LedgerEntry, exact=True)
    def entries(row: Any, entry: Any) -> Rows:
        """What it changed, in order."""
        return Rows([entry.group_id == row.id], [entry.sequence])

    @one("StockChangeGroup | None")
    def reverses(row: Any, group: Any) -> Rows:
        """The earlier request that it took back; null for all that are not such."""
        return Rows([group.id == row.reverses_id])

    @one("StockChangeGroup | None")
    def reversed_by(row: Any, group: Any) -> Rows:
        """The later request that took it back; null while none has."""
        return Rows([group.reverses_id == row.id])
