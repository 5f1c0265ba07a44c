"""What changes of stock answer. What was written can be selected to any depth, in one statement per field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import strawberry

from schema.errors import UserError, gid
from schema.sources import Rows, many, one
from schema.types.choices import OwnedField
from schema.types.stock_change_group import StockChangeGroup
from schema.types.stock_level import StockLevel
from storage import conditions as sql
from storage.catalog import Row
from storage.changes import Applied, Outcome
from storage.json_rows import json_text

_BEFORE: Final = "Units on hand before it; null when they were never counted, or are hidden from this key."
_AFTER: Final = "Units on hand after it; null when the line was refused, or when hidden from this key."


def _level_id(product_id: int | None, location_id: int | None) -> strawberry.ID | None:
    return None if product_id is None or location_id is None else gid("StockLevel", product_id, location_id)


def ignored_of(outcome: Outcome | Row) -> list[OwnedField]:
    """The fields that were not written."""
    return [OwnedField(field) for field in outcome.ignored]


@strawberry.type(description="What became of one line.")
class InventoryItemResult:
    """An Outcome."""

    index: int = strawberry.field(description="The line, counted from 0.")
    accepted: bool = strawberry.field(description="Whether it was accepted.")
    changed: bool = strawberry.field(description="Whether it changed anything.")
    stock_level_id: strawberry.ID | None = strawberry.field(
        description="The level it is about; null when it names none that it may change."
    )
    before: int | None = strawberry.field(description=_BEFORE)
    after: int | None = strawberry.field(description=_AFTER)
    version: int | None = strawberry.field(description="The level's version after it.")
    ignored: list[OwnedField] = strawberry.field(
        description="What the line would have changed and did not, because a source rule says that others own it."
    )
    error: UserError | None = strawberry.field(description="Why it was refused.")

    @classmethod
    def of(cls, outcome: Outcome, error: UserError | None) -> InventoryItemResult:
        """One outcome with its refusal, if it was refused."""
        return cls(**_told(outcome, error))


def _told(outcome: Outcome, error: UserError | None) -> dict[str, Any]:
    return {
        "index": outcome.index,
        "accepted": error is None,
        "changed": outcome.changed,
        "stock_level_id": _level_id(outcome.product_id, outcome.location_id),
        "before": outcome.before,
        "after": outcome.after,
        "version": outcome.version,
        "ignored": ignored_of(outcome),
        "error": error,
    }


@strawberry.type(description="What became of one end of a transfer.")
class InventoryTransferEnd:
    """Half an Outcome."""

    stock_level_id: strawberry.ID | None = strawberry.field(description="The level.")
    before: int | None = strawberry.field(description=_BEFORE)
    after: int | None = strawberry.field(description=_AFTER)
    version: int | None = strawberry.field(description="The level's version after it; null when the line was refused.")


@strawberry.type(description="What became of one line of a transfer.")
class InventoryTransferResult:
    """An Outcome with its Arrival."""

    index: int = strawberry.field(description="The line, counted from 0.")
    accepted: bool = strawberry.field(description="Whether it was accepted: both halves, or neither.")
    source: InventoryTransferEnd | None = strawberry.field(
        name="from", description="Where the units left; null when the line names no such level."
    )
    target: InventoryTransferEnd | None = strawberry.field(
        name="to", description="Where they arrived; null when the line names no such level."
    )
    ignored: list[OwnedField] = strawberry.field(
        description="What the line would have changed and did not, because a source rule says that others own it."
    )
    error: UserError | None = strawberry.field(description="Why it was refused.")

    @classmethod
    def of(cls, outcome: Outcome, error: UserError | None) -> InventoryTransferResult:
        """One outcome with its refusal, if it was refused."""
        level = _level_id(outcome.product_id, outcome.location_id)
        source = InventoryTransferEnd(
            stock_level_id=level, before=outcome.before, after=outcome.after, version=outcome.version
        )
        target = _arrival(outcome)
        return cls(
            index=outcome.index,
            accepted=error is None,
            source=source if target else None,
            target=target,
            ignored=ignored_of(outcome),
            error=error,
        )


def _arrival(outcome: Outcome) -> InventoryTransferEnd | None:
    arrival = outcome.arrival
    if arrival is None:
        return None
    level = _level_id(outcome.product_id, arrival.location_id)
    return InventoryTransferEnd(
        stock_level_id=level, before=arrival.before, after=arrival.after, version=arrival.version
    )


@strawberry.type(description="What became of one counter-entry, or of the two that move units back.")
class StockReversalResult(InventoryItemResult):
    """An Outcome, perhaps with its Arrival."""

    target: InventoryTransferEnd | None = strawberry.field(
        name="to", description="Where the units arrive again, when this is a transfer that is taken back."
    )

    @classmethod
    def of(cls, outcome: Outcome, error: UserError | None) -> StockReversalResult:
        """One outcome with its refusal, if it was refused."""
        return cls(**_told(outcome, error), target=_arrival(outcome))


@strawberry.type
class Written:
    """What every payload has that tells of an Applied group."""

    applied: strawberry.Private[Applied]
    user_errors: list[UserError] = strawberry.field(description="Every refusal; empty when there was none.")
    dry_run: bool = strawberry.field(description="Whether it was only tried: nothing was written.")
    replayed: bool = strawberry.field(description="Whether this is the answer to an earlier request with this key.")

    def given(self) -> dict[str, Any]:
        """What the compiled fields hang on."""
        return {"levels": _levels(self.applied.outcomes), "group_id": self.applied.group_id}

    @one(StockChangeGroup | None)
    def change_group(row: Any, group: Any) -> Rows:
        """What was written; null when nothing changed."""
        return Rows([group.id == row.group_id.bind()])


def _levels(outcomes: Sequence[Outcome]) -> list[dict[str, int | None]]:
    """The levels that the accepted lines named."""
    accepted = [outcome for outcome in outcomes if outcome.error is None]
    named = {(outcome.product_id, outcome.location_id) for outcome in accepted}
    named |= {(outcome.product_id, outcome.arrival.location_id) for outcome in accepted if outcome.arrival}
    return [{"product_id": product_id, "location_id": location_id} for product_id, location_id in named]


@strawberry.type
class ManyWritten(Written):
    """What every payload has that tells of several lines."""

    succeeded: int = strawberry.field(description="Lines that were accepted; 0 when nothing was written.")
    failed: int = strawberry.field(description="Lines that were refused.")

    @many(StockLevel)
    def stock_levels(row: Any, level: Any) -> Rows:
        """The levels that the accepted lines named, as they are now, by product and location."""
        return Rows([sql.these_levels(level, row.levels.bind(json_text))], [level.product_id, level.location_id])


@strawberry.type(description="What became of an update of one stock level.")
class InventoryUpdatePayload(Written):
    """A group of one line."""

    result: InventoryItemResult | None = strawberry.field(description="What became of it; null when it was refused.")

    @one(StockLevel | None)
    def stock_level(row: Any, level: Any) -> Rows:
        """The level as it is now; after a dry run, as it was."""
        return Rows([sql.these_levels(level, row.levels.bind(json_text))])


@strawberry.type(description="What became of many lines.")
class InventoryBulkSyncPayload(ManyWritten):
    """A group of Changes."""

    results: list[InventoryItemResult] = strawberry.field(description="What became of each line, in order.")


@strawberry.type(description="What became of quantities that were set.")
class InventorySetPayload(InventoryBulkSyncPayload):
    """A group of Changes."""


@strawberry.type(description="What became of quantities that were adjusted.")
class InventoryAdjustPayload(InventoryBulkSyncPayload):
    """A group of Changes."""


@strawberry.type(description="What became of units that were to be moved.")
class InventoryTransferPayload(ManyWritten):
    """A group of Transfers."""

    results: list[InventoryTransferResult] = strawberry.field(description="What became of each line, in order.")


@strawberry.type(description="What became of a change group that was to be taken back.")
class ReverseStockChangeGroupPayload(ManyWritten):
    """A group that reverses another."""

    results: list[StockReversalResult] = strawberry.field(description="What became of each counter-entry, in order.")
