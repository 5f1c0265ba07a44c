"""From inputs to a change group, through the write path, to what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from schema.context import Context
from schema.errors import UserError, Wording, bad_input, of_error, of_outcome, without_quantities
from schema.inputs import given
from schema.mutations.inventory_inputs import LinesInput, WhyInput
from storage import inventory, turnstile
from storage.changes import (
    Applied,
    ChangeGroup,
    GroupRejectedError,
    Origin,
    Outcome,
    Policy,
    Reason,
    Requested,
    is_storable,
)
from storage.errors import InventoryError


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a group, with every refusal. `refused` has that of each line, None for one that was accepted."""

    applied: Applied
    refused: Sequence[UserError | None]
    user_errors: list[UserError]
    is_written: bool = True

    @property
    def failed(self) -> int:
        """How many lines were refused."""
        return sum(error is not None for error in self.refused)

    @property
    def succeeded(self) -> int:
        """How many lines were accepted, if the group was."""
        return len(self.refused) - self.failed if self.is_written else 0


def origin_of(context: Context, asked: WhyInput) -> Origin:
    """Who asks, and why."""
    note, reference = storable("note", asked.note), storable("reference", asked.reference)
    return replace(context.make_origin(), reason=Reason(str(asked.reason.value)), note=note, reference=reference)


def group_of(context: Context, lines: Sequence[Requested], asked: WhyInput) -> ChangeGroup:
    """The lines as one group."""
    group = ChangeGroup(lines, origin_of(context, asked), idempotency_key=given(asked.idempotency_key))
    if not isinstance(asked, LinesInput):
        return group
    failures_max = given(asked.failures_max)
    if failures_max is not None and failures_max < 0:
        raise bad_input(f"`failuresMax` must be 0 or more, not {failures_max}.")
    return replace(group, policy=Policy(str(asked.policy.value)), failures_max=failures_max)


def counted(context: Context, name: str, lines: Sequence[object], *, least: int = 1) -> None:
    """What comes of so many lines may be a bulk. Raises GraphQLError for too many lines, and for too few."""
    if len(lines) > context.bulk_items_max:
        raise bad_input(f"Too many {name}: {len(lines)}. Send at most {context.bulk_items_max} at once.")
    if len(lines) < least:
        raise bad_input(f"`{name}` is empty: send at least one.")
    turnstile.rank_by_lines(len(lines))


async def apply(context: Context, group: ChangeGroup, wording: Wording, *, dry_run: bool) -> Result:
    """What became of the group."""
    return await run(context, wording, inventory.apply, group, dry_run=dry_run)


async def run(
    context: Context, wording: Wording, operation: Callable[..., Awaitable[Applied]], *args: Any, dry_run: bool
) -> Result:
    """What became of an operation that applies a group. Of a rejected one the outcomes tell what each line would have
    come to."""
    database = context.database
    try:
        applied = await (database.rehearse if dry_run else database.transact)(operation, *args)
    except GroupRejectedError as error:
        return _as_seen(context, rejected(error, wording))
    except InventoryError as error:
        return Result(Applied([]), [], [of_error(error, wording)], is_written=False)
    return _as_seen(context, accepted(applied, wording, dry_run=dry_run))


def accepted(applied: Applied, wording: Wording, *, dry_run: bool) -> Result:
    """A group that was written, if it was no dry run."""
    if dry_run and not applied.replayed:
        applied = replace(applied, group_id=None)  # rolled back: another request may have this id by now
    refused = [of_outcome(outcome, wording) for outcome in applied.outcomes]
    return Result(applied, refused, [error for error in refused if error is not None])


def rejected(error: GroupRejectedError, wording: Wording) -> Result:
    """A group of which nothing was written."""
    refused = [of_outcome(outcome, wording) for outcome in error.outcomes]
    whole = [of_error(error, wording)] if len(refused) > 1 else []
    errors = [*whole, *(error for error in refused if error is not None)]
    return Result(Applied(error.outcomes), refused, errors, is_written=False)


def _as_seen(context: Context, result: Result) -> Result:
    """The result for a caller who may write, but perhaps not see quantities as they are."""
    if context.sees_exactly:
        return result
    outcomes = [_without_quantities(outcome) for outcome in result.applied.outcomes]
    return replace(
        result,
        applied=replace(result.applied, outcomes=outcomes),
        refused=[error and without_quantities(error) for error in result.refused],
        user_errors=[without_quantities(error) for error in result.user_errors],
    )


def _without_quantities(outcome: Outcome) -> Outcome:
    arrival = outcome.arrival and replace(outcome.arrival, before=None, after=None)
    return replace(outcome, before=None, after=None, arrival=arrival)


def storable(field: str, text: str) -> str:
    if not is_storable(text):
        raise bad_input(f"`{field}` must not contain NUL.")
    return text
