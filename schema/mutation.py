"""Mutation: the root fields that call an operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import strawberry
from strawberry import Info, argument

from schema.context import Context
from schema.errors import UserError, bad_input, of_error, of_outcome
from schema.inputs import InventoryBulkSyncInput, InventoryItemInput, InventoryUpdateInput, given
from schema.payloads import InventoryBulkSyncPayload, InventoryItemResult, InventoryUpdatePayload
from storage import inventory
from storage.changes import Applied, ChangeGroup, GroupRejectedError, Policy, Reason, is_storable
from storage.errors import InventoryError

Update = Annotated[InventoryUpdateInput, argument(description="What to change.")]
BulkSync = Annotated[InventoryBulkSyncInput, argument(description="What to change.")]


@strawberry.type(description="What can be changed. A refusal is in `userErrors`, and then nothing was half-written.")
class Mutation:
    """The root of all writes."""

    @strawberry.mutation(description="Change the stock, prices or flags of one product at one location.")  # type: ignore[untyped-decorator]
    async def inventory_update(self, info: Info[Context, None], input: Update) -> InventoryUpdatePayload:  # noqa: A002 (the name clients write)
        """One line through the write path."""
        group = _group(info.context, [input], input, Policy.REJECT_ALL)
        applied, errors = await _apply(info.context, group, dry_run=input.dry_run)
        results = [InventoryItemResult.of(outcome, None) for outcome in applied.outcomes if outcome.error is None]
        return InventoryUpdatePayload(
            applied=applied,
            result=results[0] if results else None,
            user_errors=errors,
            dry_run=input.dry_run,
            replayed=applied.replayed,
        )

    @strawberry.mutation(description="Change many stock levels in one transaction.")  # type: ignore[untyped-decorator]
    async def inventory_bulk_sync(self, info: Info[Context, None], input: BulkSync) -> InventoryBulkSyncPayload:  # noqa: A002 (the name clients write)
        """Many lines through the write path."""
        if len(input.items) > info.context.bulk_items_max:
            raise bad_input(f"Too many items: {len(input.items)}. Send at most {info.context.bulk_items_max} at once.")
        group = _group(info.context, input.items, input, Policy(str(input.policy.value)))
        group = replace(group, failures_max=_number("failuresMax", given(input.failures_max)))
        applied, errors = await _apply(info.context, group, dry_run=input.dry_run)
        results = [InventoryItemResult.of(outcome, of_outcome(outcome)) for outcome in applied.outcomes]
        failed = sum(not result.accepted for result in results)
        return InventoryBulkSyncPayload(
            applied=applied,
            succeeded=0 if _rejected(errors) else len(results) - failed,
            failed=failed,
            results=results,
            user_errors=errors,
            dry_run=input.dry_run,
            replayed=applied.replayed,
        )


def _group(
    context: Context,
    items: Sequence[InventoryItemInput],
    asked: InventoryUpdateInput | InventoryBulkSyncInput,
    policy: Policy,
) -> ChangeGroup:
    note, reference = _storable("note", asked.note), _storable("reference", asked.reference)
    origin = replace(context.make_origin(), reason=Reason(str(asked.reason.value)), note=note, reference=reference)
    changes = [item.to_change() for item in items]
    return ChangeGroup(changes, origin, policy, idempotency_key=given(asked.idempotency_key))


def _storable(field: str, text: str) -> str:
    if not is_storable(text):
        raise bad_input(f"`{field}` must not contain NUL.")
    return text


def _number(field: str, value: int | None) -> int | None:
    if value is not None and value < 0:
        raise bad_input(f"`{field}` must be 0 or more, not {value}.")
    return value


async def _apply(context: Context, group: ChangeGroup, *, dry_run: bool) -> tuple[Applied, list[UserError]]:
    """The outcomes, with every refusal. Of a rejected group the outcomes tell what each line would have come to."""
    run = context.database.rehearse if dry_run else context.database.transact
    try:
        applied = await run(inventory.apply, group)
    except GroupRejectedError as error:
        refused = [of_outcome(outcome) for outcome in error.outcomes]
        many = len(error.outcomes) > 1
        return Applied(error.outcomes), [*([of_error(error)] if many else []), *(e for e in refused if e is not None)]
    except InventoryError as error:
        return Applied([]), [of_error(error)]
    if dry_run and not applied.replayed:
        applied = replace(applied, group_id=None)  # rolled back: another request may have this id by now
    return applied, [error for error in map(of_outcome, applied.outcomes) if error is not None]


def _rejected(errors: Sequence[UserError]) -> bool:
    return any(error.index is None for error in errors)
