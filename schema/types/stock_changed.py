"""StockChangedEvent: what a subscriber to stock changes gets."""

from __future__ import annotations

import strawberry

from schema.sources import column, embedded, stored
from schema.types.ledger_entry import LedgerEntry
from storage import tables


@strawberry.interface(
    description="An event of `stockChanged`. Keep the last `sequence`: with it as `afterSequence` you lose nothing."
)
class StockChangedEvent:
    """Either of the two below."""

    sequence: int = strawberry.field(description="Everything up to here was told: resume after it.")


@stored(tables.LedgerEntry, location_of=lambda row: row.location_id)
@strawberry.type(description="A stock level changed.")
class StockChanged(StockChangedEvent):
    """A row of `ledger_entry`."""

    sequence: int = column("sequence", "The change's place in the ledger. Resume after it.")
    change: LedgerEntry = embedded(None, "What changed. Whatever you select below it is as it is now.")


@strawberry.type(
    description="You read too slowly, so that too much waited for you. This is the last event: subscribe again."
)
class StockChangesLagged(StockChangedEvent):
    """A LaggedError."""

    sequence: int = strawberry.field(description="The last sequence that you were given: resume after it.")
