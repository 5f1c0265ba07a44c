"""LedgerEntry: one record per change of a level. StockChangeGroup: the request that made it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import strawberry
from sqlalchemy import func

from schema.conditions import Given, at, has_id, has_sku
from schema.ids import database_id, node_id
from schema.sources import Condition, Rows, column, elsewhere, leaf, many, one, stored
from schema.types.choices import Backorders, StockChangeReason
from storage import tables

_Product = elsewhere("Product", "schema.types.product")
_Location = elsewhere("Location", "schema.types.location")


@stored(tables.StockChangeGroup)
@strawberry.type(description="One request that changed stock: who asked, through which dialect, and why.")
class StockChangeGroup:
    """A row of `stock_change_group`."""

    id: strawberry.ID = leaf(lambda row: node_id("StockChangeGroup", row.id), "Its id over all types. Opaque.")
    dialect: str = column("dialect", "How it was asked: `graphql`, `mulopimfwc/v1`, …")
    principal: str = column("principal", "The name of the API key or webhook secret.")
    reason: StockChangeReason = leaf(lambda row: func.upper(row.reason), "Why.")
    note: str = column("note", "Why, in the caller's words; empty when it gave none.")
    reference: str = column("reference", "The caller's own number for it, such as an order's.")
    request_id: str = column("request_id", "The X-Request-Id of the request.")
    created_at: datetime = column("created_at", "When it was written.")

    @many("LedgerEntry", exact=True)
    def entries(row: Any, entry: Any) -> Rows:
        """What it changed, in order."""
        return Rows([entry.group_id == row.id], [entry.sequence])


@stored(tables.LedgerEntry, location_of=lambda row: row.location_id)
@strawberry.type(description="One immutable record of one change of one stock level.")
class LedgerEntry:
    """A row of `ledger_entry`."""

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

    @one(_Product)
    def product(row: Any, product: Any) -> Rows:
        """The product or variation."""
        return Rows([product.id == row.product_id])

    @one(_Location)
    def location(row: Any, location: Any) -> Rows:
        """The place."""
        return Rows([location.id == row.location_id])

    @one(StockChangeGroup)
    def group(row: Any, group: Any) -> Rows:
        """The request that made it."""
        return Rows([group.id == row.group_id])


def matching(entry: Any, given: Given) -> list[Condition]:
    """The conditions of a LedgerEntryFilter."""
    conditions = []
    if skus := given.get("skus"):
        conditions.append(has_sku(entry.product_id, skus))
    if ids := given.get("product_ids"):
        conditions.append(has_id(entry.product_id, "Product", ids))
    if locations := given.get("locations"):
        conditions.append(at(entry.location_id, locations))
    if group := given.get("group_id"):
        conditions.append(entry.group_id == group.bind(database_id("StockChangeGroup")))
    return conditions
