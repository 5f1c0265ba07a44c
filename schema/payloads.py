"""Mutation results. Refusals are `userErrors`; what was written can be selected to any depth, in one statement."""

from __future__ import annotations

from typing import Any

import strawberry

from schema.errors import UserError
from schema.sources import Rows, many, one
from schema.types.stock_change_group import StockChangeGroup
from schema.types.stock_level import StockLevel
from storage import conditions as sql
from storage.changes import Applied, Outcome
from storage.json_rows import json_text


@strawberry.type(description="What became of one line.")
class InventoryItemResult:
    """An Outcome."""

    index: int = strawberry.field(description="The line, counted from 0.")
    accepted: bool = strawberry.field(description="Whether it was accepted.")
    changed: bool = strawberry.field(description="Whether it changed anything.")
    before: int | None = strawberry.field(description="Units on hand before it; null when they were never counted.")
    after: int | None = strawberry.field(description="Units on hand after it.")
    version: int | None = strawberry.field(description="The level's version after it.")
    error: UserError | None = strawberry.field(description="Why it was refused.")

    @classmethod
    def of(cls, outcome: Outcome, error: UserError | None) -> InventoryItemResult:
        """One outcome with its refusal, if it was refused."""
        return cls(
            index=outcome.index,
            accepted=error is None,
            changed=outcome.changed,
            before=outcome.before,
            after=outcome.after,
            version=outcome.version,
            error=error,
        )


@strawberry.type(description="What became of an update of one stock level.")
class InventoryUpdatePayload:
    """An Applied group of one line."""

    applied: strawberry.Private[Applied]
    result: InventoryItemResult | None = strawberry.field(description="What became of it; null when it was refused.")
    user_errors: list[UserError] = strawberry.field(description="Why it was refused; empty when it was not.")
    dry_run: bool = strawberry.field(description="Whether it was only tried: nothing was written.")
    replayed: bool = strawberry.field(description="Whether this is the answer to an earlier request with this key.")

    def given(self) -> dict[str, Any]:
        """What the compiled fields hang on."""
        return given_by(self.applied)

    @one(StockLevel | None)
    def stock_level(row: Any, level: Any) -> Rows:
        """The level as it is now; after a dry run, as it was."""
        return Rows([sql.these_levels(level, row.levels.bind(json_text))])

    @one(StockChangeGroup | None)
    def change_group(row: Any, group: Any) -> Rows:
        """What was written; null when nothing changed."""
        return Rows([group.id == row.group_id.bind()])


@strawberry.type(description="What became of many lines.")
class InventoryBulkSyncPayload:
    """An Applied group."""

    applied: strawberry.Private[Applied]
    succeeded: int = strawberry.field(description="Lines that were accepted.")
    failed: int = strawberry.field(description="Lines that were refused.")
    results: list[InventoryItemResult] = strawberry.field(description="What became of each line, in order.")
    user_errors: list[UserError] = strawberry.field(description="Every refusal; empty when there was none.")
    dry_run: bool = strawberry.field(description="Whether it was only tried: nothing was written.")
    replayed: bool = strawberry.field(description="Whether this is the answer to an earlier request with this key.")

    def given(self) -> dict[str, Any]:
        """What the compiled fields hang on."""
        return given_by(self.applied)

    @many(StockLevel)
    def stock_levels(row: Any, level: Any) -> Rows:
        """The levels that the accepted lines named, as they are now, by product and location."""
        return Rows([sql.these_levels(level, row.levels.bind(json_text))], [level.product_id, level.location_id])

    @one(StockChangeGroup | None)
    def change_group(row: Any, group: Any) -> Rows:
        """What was written; null when nothing changed."""
        return Rows([group.id == row.group_id.bind()])


def given_by(applied: Applied) -> dict[str, Any]:
    """The keys of what a group wrote."""
    accepted = {(o.product_id, o.location_id) for o in applied.outcomes if o.error is None}
    levels = [{"product_id": product_id, "location_id": location_id} for product_id, location_id in sorted(accepted)]
    return {"levels": levels, "group_id": applied.group_id}
