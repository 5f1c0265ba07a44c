"""The root fields that change stock. Each is one group through the write path."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final

import strawberry
from strawberry import Info, argument

from schema.authorization import mutation
from schema.context import Context
from schema.errors import Wording
from schema.ids import database_id
from schema.inputs import given
from schema.mutations import groups
from schema.mutations.groups import Result
from schema.mutations.inventory_inputs import (
    InventoryAdjustInput,
    InventoryBulkSyncInput,
    InventorySetInput,
    InventoryTransferInput,
    InventoryUpdateInput,
    ReverseStockChangeGroupInput,
)
from schema.mutations.inventory_payloads import (
    InventoryAdjustPayload,
    InventoryBulkSyncPayload,
    InventoryItemResult,
    InventorySetPayload,
    InventoryTransferPayload,
    InventoryTransferResult,
    InventoryUpdatePayload,
    ReverseStockChangeGroupPayload,
    StockReversalResult,
)
from storage import reversals

_UPDATE: Final = Wording(None, {"quantity": "onHand", "expected_quantity": "expectedOnHand"})
_SYNC: Final = Wording("items", _UPDATE.names)
_SET: Final = Wording("lines", {"expected_quantity": "expected"})
_ADJUST: Final = Wording("lines", {"quantity": "delta", "expected_quantity": "expected"})
_TRANSFER: Final = Wording("lines", {"source": "from", "target": "to", "expected_quantity": "expected"})
_REVERSAL: Final = Wording(None, dict.fromkeys(("id", "product", "location", "source", "target", "quantity"), "id"))
_Why: Final = argument(description="What to change, and why.")


@strawberry.type
class InventoryMutations:
    """Part of Mutation."""

    @mutation("Set quantities as they were counted, many at once, in one transaction.")  # type: ignore[untyped-decorator]
    async def inventory_set(
        self,
        info: Info[Context, None],
        input: Annotated[InventorySetInput, _Why],
    ) -> InventorySetPayload:
        """Many lines through the write path."""
        groups.counted(info.context, "lines", input.lines)
        group = groups.group_of(info.context, [line.to_change() for line in input.lines], input)
        result = await groups.apply(info.context, group, _SET, dry_run=input.dry_run)
        return InventorySetPayload(**_told(result, input.dry_run), results=_results(result))

    @mutation("Add or take away units, many lines at once, in one transaction.")  # type: ignore[untyped-decorator]
    async def inventory_adjust(
        self,
        info: Info[Context, None],
        input: Annotated[InventoryAdjustInput, _Why],
    ) -> InventoryAdjustPayload:
        """Many lines through the write path."""
        groups.counted(info.context, "lines", input.lines)
        group = groups.group_of(info.context, [line.to_change() for line in input.lines], input)
        result = await groups.apply(info.context, group, _ADJUST, dry_run=input.dry_run)
        return InventoryAdjustPayload(**_told(result, input.dry_run), results=_results(result))

    @mutation(  # type: ignore[untyped-decorator]
        "Move units from one location to another, many lines at once, in one transaction. The ledger links "
        "the two halves of each line."
    )
    async def inventory_transfer(
        self,
        info: Info[Context, None],
        input: Annotated[InventoryTransferInput, _Why],
    ) -> InventoryTransferPayload:
        """Many transfers through the write path."""
        groups.counted(info.context, "lines", input.lines)
        group = groups.group_of(info.context, [line.to_change() for line in input.lines], input)
        result = await groups.apply(info.context, group, _TRANSFER, dry_run=input.dry_run)
        outcomes = zip(result.applied.outcomes, result.refused, strict=True)
        results = [InventoryTransferResult.of(outcome, error) for outcome, error in outcomes]
        return InventoryTransferPayload(**_told(result, input.dry_run), results=results)

    @mutation("Change the stock, prices or flags of one product at one location.")  # type: ignore[untyped-decorator]
    async def inventory_update(
        self,
        info: Info[Context, None],
        input: Annotated[InventoryUpdateInput, _Why],
    ) -> InventoryUpdatePayload:
        """One line through the write path."""
        group = groups.group_of(info.context, [input.to_change()], input)
        result = await groups.apply(info.context, group, _UPDATE, dry_run=input.dry_run)
        told = _told(result, input.dry_run)
        del told["succeeded"], told["failed"]
        accepted = [line for line in _results(result) if line.accepted]
        return InventoryUpdatePayload(**told, result=accepted[0] if accepted else None)

    @mutation("Change many stock levels in one transaction.")  # type: ignore[untyped-decorator]
    async def inventory_bulk_sync(
        self,
        info: Info[Context, None],
        input: Annotated[InventoryBulkSyncInput, _Why],
    ) -> InventoryBulkSyncPayload:
        """Many lines through the write path."""
        groups.counted(info.context, "items", input.items, least=0)
        group = groups.group_of(info.context, [item.to_change() for item in input.items], input)
        result = await groups.apply(info.context, group, _SYNC, dry_run=input.dry_run)
        return InventoryBulkSyncPayload(**_told(result, input.dry_run), results=_results(result))

    @mutation(  # type: ignore[untyped-decorator]
        "Take back what a change group did to quantities: each level gets the negative of what it got then, "
        "as a change group of its own. Prices and flags stay as they are. A change group can be taken back once, and "
        "not where the units are gone meanwhile and back-orders are not allowed."
    )
    async def reverse_stock_change_group(
        self,
        info: Info[Context, None],
        input: Annotated[ReverseStockChangeGroupInput, argument(description="Which one, and why.")],
    ) -> ReverseStockChangeGroupPayload:
        """Counter-entries through the write path."""
        origin = groups.origin_of(info.context, input)
        reverse = partial(reversals.reverse, idempotency_key=given(input.idempotency_key))
        number = database_id("StockChangeGroup")(input.id)
        result = await groups.run(info.context, _REVERSAL, reverse, number, origin, dry_run=input.dry_run)
        outcomes = zip(result.applied.outcomes, result.refused, strict=True)
        results = [StockReversalResult.of(outcome, error) for outcome, error in outcomes]
        return ReverseStockChangeGroupPayload(**_told(result, input.dry_run), results=results)


def _told(result: Result, dry_run: bool) -> dict[str, Any]:  # noqa: FBT001 (one call reads as another)
    """What all payloads tell of a group of lines."""
    return {
        "applied": result.applied,
        "succeeded": result.succeeded,
        "failed": result.failed,
        "user_errors": result.user_errors,
        "dry_run": dry_run,
        "replayed": result.applied.replayed,
    }


def _results(result: Result) -> list[InventoryItemResult]:
    outcomes = zip(result.applied.outcomes, result.refused, strict=True)
    return [InventoryItemResult.of(outcome, error) for outcome, error in outcomes]
