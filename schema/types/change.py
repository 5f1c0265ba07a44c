"""Change: one step of the change feed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry
from sqlalchemy import Boolean, Text

from schema.sources import Rows, column, derived, elsewhere, one
from schema.types.choices import ChangeKind
from storage.columns import Id, Timestamp

_LedgerEntry = elsewhere("LedgerEntry", "schema.types.ledger_entry")
_Product = elsewhere("Product", "schema.types.product")
_Location = elsewhere("Location", "schema.types.location")


@derived(sequence=Id, kind=Text(), product_id=Id, location_id=Id, deleted=Boolean(), created_at=Timestamp())
@strawberry.type(description="That something changed: one step of the change feed.")
class Change:
    """A row of storage.feed_rows."""

    sequence: int = column("sequence", "Its place in the feed: later changes have higher ones.")
    kind: ChangeKind = column("kind", "What changed.")
    deleted: bool = column("deleted", "Whether the product or location was archived by it.")
    created_at: datetime = column("created_at", "When it was written.")
    product_id: int | None = column("product_id", "The product's databaseId; null when a location changed.")
    location_id: int | None = column("location_id", "The location's databaseId; null when a product changed.")

    @one(_LedgerEntry | None)
    def entry(row: Any, entry: Any) -> Rows:
        """What changed of the stock level; null when it was not stock."""
        return Rows([entry.sequence == row.sequence])

    @one(_Product | None)
    def product(row: Any, product: Any) -> Rows:
        """The product or variation as it is now; null when a location changed."""
        return Rows([product.id == row.product_id])

    @one(_Location | None)
    def location(row: Any, location: Any) -> Rows:
        """The location as it is now; null when a product changed."""
        return Rows([location.id == row.location_id])
