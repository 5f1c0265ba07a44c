"""LedgerEntry: one record per change of a level."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import strawberry
from sqlalchemy import func

from schema.conditions import Given, Makes, after, at, before, has_id, has_number, has_sku, is_word, meeting, within
from schema.ids import database_id, node_id
from schema.nodes import Node
from schema.sources import Condition, Of, Rows, column, column_of, elsewhere, leaf, leaf_of, one, stored
from schema.types.choices import Backorders, StockChangeReason
from storage import conditions as sql
from storage import tables

_Product = elsewhere("Product", "schema.types.product")
_Location = elsewhere("Location", "schema.types.location")
_StockChangeGroup = elsewhere("StockChangeGroup", "schema.types.stock_change_group")
_GROUP = Of(tables.StockChangeGroup, lambda row, group: group.id == row.group_id)


@stored(tables.LedgerEntry, location_of=lambda row: row.location_id, exact=True, keys=("sequence",))
@strawberry.type(description="One immutable record of one change of one stock level.")
class LedgerEntry(Node):
    """A row of `ledger_entry`, with what its group says of all its entries."""

    id: strawberry.ID = leaf(lambda row: node_id("LedgerEntry", row.sequence), "Its id over all types. Opaque.")
    sequence: int = column("sequence", "Its place in the ledger: later entries have higher ones.")
    line: int = column("line", "The line of the request that made it, counted from 0.")
    delta: int = column("delta", "Units that came (positive) or went (negative); 0 when only prices or flags changed.")
    before: int | None = column("before", "Units on hand before it; null when they had never been counted.")
    after: int | None = column("on_hand", "Units on hand after it.")
    version: int = column("version", "The level's version after it.")
    regular_price: Decimal | None = column("regular_price", "The level's own price after it.")
    sale_price: Decimal | None = column("sale_price", "The level's own reduced price after it.")
    backorders: Backorders | None = leaf(lambda row: func.upper(row.backorders), "The level's own setting after it.")
    disabled: bool = column("disabled", "Whether the level was disabled after it.")
    reserved: int = column("reserved", "Units promised to somebody after it.")
    safety_stock: int = column("safety_stock", "Units kept back after it.")
    created_at: datetime = column("created_at", "When it was written.")
    reason: StockChangeReason = leaf_of(_GROUP, lambda group: func.upper(group.reason), "Why.")
    note: str = column_of(_GROUP, "note", "Why, in the caller's words; empty when it gave none.")
    reference: str = column_of(_GROUP, "reference", "The caller's own number for it, such as an order's.")
    principal: str = column_of(_GROUP, "principal", "The name of the API key or webhook secret.")
    api_key_id: int | None = column_of(
        _GROUP, "api_key_id", "The number of the API key; null when it was a webhook or a command."
    )
    dialect: str = column_of(_GROUP, "dialect", "How it was asked: `graphql`, `mulopimfwc/v1`, …")
    request_id: str = column_of(_GROUP, "request_id", "The X-Request-Id of the request.")

    @one(_Product)
    def product(row: Any, product: Any) -> Rows:
        """The product or variation."""
        return Rows([product.id == row.product_id])

    @one(_Location)
    def location(row: Any, location: Any) -> Rows:
        """The place."""
        return Rows([location.id == row.location_id])

    @one(_StockChangeGroup)
    def group(row: Any, group: Any) -> Rows:
        """The request that made it."""
        return Rows([group.id == row.group_id])

    @one("LedgerEntry | None")
    def counterpart(row: Any, other: Any) -> Rows:
        """The other half of a transfer: what the same line changed at the other location; null for all else."""
        return Rows([other.group_id == row.group_id, other.line == row.line, other.location_id != row.location_id])


_MAKES: Makes = {
    "skus": lambda entry, skus: has_sku(entry.product_id, skus),
    "product_ids": lambda entry, ids: has_id(entry.product_id, "Product", ids),
    "locations": lambda entry, keys: at(entry.location_id, keys),
    "group_id": lambda entry, group: sql.of_group(entry, lambda: group.bind(database_id("StockChangeGroup"))),
    "created_after": lambda entry, time: after(entry.created_at, time),
    "created_before": lambda entry, time: before(entry.created_at, time),
    "sequence": lambda entry, bounds: within(entry.sequence, bounds),
}
_MAKES_OF_GROUP: Makes = {
    "reasons": lambda group, reasons: is_word(group.reason, reasons),
    "dialects": lambda group, dialects: is_word(group.dialect, dialects),
    "api_key_ids": lambda group, numbers: has_number(group.api_key_id, numbers),
}


def matching(entry: Any, given: Given) -> list[Condition]:
    """The conditions of a StockChangeFilter."""
    conditions = meeting(entry, given, _MAKES)
    if of_group := meeting(sql.group_columns(), given, _MAKES_OF_GROUP):
        conditions.append(sql.of_groups_where(entry.group_id, *of_group))
    return conditions
