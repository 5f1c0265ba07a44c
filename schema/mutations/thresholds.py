"""The root field that says at which quantity stock is low at single levels."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry
from sqlalchemy import Text
from strawberry import Info, argument

from schema.authorization import mutation
from schema.context import Context
from schema.errors import UserError, Wording
from schema.inputs import LocationKeyInput, ProductKeyInput
from schema.mutations import groups
from schema.sources import Rows, many
from schema.types.stock_level import StockLevel
from storage import conditions as sql
from storage import threshold_writes
from storage.changes import GroupRejectedError, Outcome
from storage.json_rows import json_text
from storage.threshold_writes import LevelThreshold


@strawberry.input(description="At which quantity stock of one product is low at one location.")
class StockThresholdLine:
    """Becomes a LevelThreshold."""

    product: ProductKeyInput = strawberry.field(description="What: a simple product or a variation.")
    location: LocationKeyInput = strawberry.field(description="Where.")
    low_stock_threshold: int | None = strawberry.field(
        description="So many units or fewer are low stock here; null: as the product or the location says."
    )

    def to_line(self) -> LevelThreshold:
        """The core's line."""
        return LevelThreshold(self.product.to_key(), self.location.to_key(), self.low_stock_threshold)


@strawberry.input(description="Thresholds of stock levels: all are set, or none.")
class StockThresholdsSetInput:
    """Asks for storage.threshold_writes.set_thresholds()."""

    lines: list[StockThresholdLine] = strawberry.field(description="The lines, from 1 to 1,000.")
    dry_run: bool = strawberry.field(default=False, description="Only try: tell what would happen and write nothing.")


@strawberry.type(description="What became of thresholds.")
class StockThresholdsSetPayload:
    """Outcomes."""

    levels: strawberry.Private[list[dict[str, int]]]
    changed: int = strawberry.field(description="How many levels have another threshold than before.")
    user_errors: list[UserError] = strawberry.field(description="Every refusal; empty when there was none.")
    dry_run: bool = strawberry.field(description="Whether it was only tried: nothing was written.")

    def given(self) -> dict[str, Any]:
        """What the compiled fields hang on."""
        return {"levels": self.levels}

    @many(StockLevel)
    def stock_levels(row: Any, level: Any) -> Rows:
        """The levels that were named, by product and location; none when a line was refused."""
        named = sql.these_levels(level, row.levels.bind(json_text, type_=Text()))
        return Rows([named], [level.product_id, level.location_id])


@strawberry.type
class ThresholdMutations:
    """Part of Mutation."""

    @mutation(  # type: ignore[untyped-decorator]
        "Say at which quantity stock is low at single levels: at all that are named, or none. Thresholds of products "
        "and of locations are set with productUpsert and locationUpdate."
    )
    async def stock_thresholds_set(
        self,
        info: Info[Context, None],
        input: Annotated[StockThresholdsSetInput, argument(description="At which levels, and how many units.")],
    ) -> StockThresholdsSetPayload:
        """Columns of levels, which are no stock and have no ledger entry."""
        context = info.context
        groups.counted(context, "lines", input.lines)
        run = context.database.rehearse if input.dry_run else context.database.transact
        lines = [line.to_line() for line in input.lines]
        outcomes: list[Outcome] = []
        errors: list[UserError] = []
        try:
            outcomes = await run(threshold_writes.set_thresholds, lines, context.make_origin())
        except GroupRejectedError as error:
            errors = groups.rejected(error, Wording("lines")).user_errors
        levels = [{"product_id": one.product_id or 0, "location_id": one.location_id or 0} for one in outcomes]
        changed = sum(outcome.changed for outcome in outcomes)
        return StockThresholdsSetPayload(levels=levels, changed=changed, user_errors=errors, dry_run=input.dry_run)
