"""The root fields that change locations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Any, Final

import strawberry
from sqlalchemy import Text
from strawberry import Info, argument

from schema.authorization import mutation
from schema.context import Context
from schema.errors import UserError, Wording, of_error, without_quantities
from schema.inputs import given
from schema.mutations import groups
from schema.mutations.catalog_errors import Input
from schema.mutations.catalog_inputs import (
    LocationArchiveInput,
    LocationCreateInput,
    LocationUpdateInput,
    columns_of,
)
from schema.mutations.inventory_payloads import ignored_of
from schema.sources import Rows, many, one
from schema.types.choices import OwnedField
from schema.types.location import Location
from schema.types.stock_change_group import StockChangeGroup
from storage import location_writes
from storage.access import Scope
from storage.catalog import Row
from storage.catalog_document import CatalogError
from storage.changes import GroupRejectedError, Reason
from storage.errors import InventoryError
from storage.json_rows import among, json_text
from storage.location_writes import Archived

_INPUT: Final = Input(None)


@strawberry.type
class LocationWritten:
    """What every payload has that tells of one location."""

    location_id: strawberry.Private[int | None]
    user_errors: list[UserError] = strawberry.field(description="Every refusal; empty when there was none.")
    dry_run: bool = strawberry.field(description="Whether it was only tried: nothing was written.")

    def given(self) -> dict[str, Any]:
        """What the compiled fields hang on."""
        return {"location_id": self.location_id}

    @one(Location | None)
    def location(row: Any, location: Any) -> Rows:
        """The location as it is now; null when it was refused. After a dry run, as it was."""
        return Rows([location.id == row.location_id.bind()])


@strawberry.type(description="What became of a new location.")
class LocationCreatePayload(LocationWritten):
    """A row that was written."""


@strawberry.type(description="What became of other values of a location.")
class LocationUpdatePayload(LocationWritten):
    """A row that was written."""

    ignored: list[OwnedField] = strawberry.field(
        description="What was not written, because a source rule says that others own it."
    )


@strawberry.type(description="What became of a location that was to be archived.")
class LocationArchivePayload(LocationWritten):
    """An Archived."""

    archived: strawberry.Private[Archived | None]
    moved: int = strawberry.field(description="Of how many products stock was moved.")

    def given(self) -> dict[str, Any]:
        """What the compiled fields hang on."""
        groups = self.archived.moved if self.archived and not self.dry_run else ()
        return {"location_id": self.location_id, "groups": [applied.group_id for applied in groups]}

    @many(StockChangeGroup)
    def change_groups(row: Any, group: Any) -> Rows:
        """What moved its stock: one group for every 5,000 products."""
        return Rows([among(group.id, row.groups.bind(json_text, type_=Text()))], [group.id])


@strawberry.type
class LocationMutations:
    """Part of Mutation."""

    @mutation("Create a location.", scope=Scope.ADMIN)  # type: ignore[untyped-decorator]
    async def location_create(
        self, info: Info[Context, None], input: Annotated[LocationCreateInput, argument(description="What it is.")]
    ) -> LocationCreatePayload:
        """A row of the catalogue."""
        columns = columns_of(input)
        del columns["dry_run"]
        written = await _write(info.context, input.dry_run, location_writes.create, columns)
        del written["ignored"]  # what is new is refused where it has owners
        return LocationCreatePayload(**written, dry_run=input.dry_run)

    @mutation("Give a location other values.", scope=Scope.ADMIN)  # type: ignore[untyped-decorator]
    async def location_update(
        self,
        info: Info[Context, None],
        input: Annotated[LocationUpdateInput, argument(description="Which one, and what shall be otherwise.")],
    ) -> LocationUpdatePayload:
        """A row of the catalogue."""
        columns = columns_of(replace(input, location=strawberry.UNSET))
        del columns["dry_run"]
        key = input.location.to_key()
        written = await _write(info.context, input.dry_run, location_writes.change, key, columns)
        return LocationUpdatePayload(**written, dry_run=input.dry_run)

    @mutation(  # type: ignore[untyped-decorator]
        "Close a location for good: it takes no changes any more, and its history stays. Stock that is left moves to "
        "`transferTo`, in the same transaction; without that, a location with stock is refused. Stock of products in "
        "the trash stays where it is.",
        scope=Scope.ADMIN,
    )
    async def location_archive(
        self,
        info: Info[Context, None],
        input: Annotated[LocationArchiveInput, argument(description="Which one, and where its stock moves.")],
    ) -> LocationArchivePayload:
        """Through the write path, then a row of the catalogue."""
        context, target = info.context, given(input.transfer_to)
        note, reference = groups.storable("note", input.note), groups.storable("reference", input.reference)
        origin = replace(context.make_origin(), reason=Reason.TRANSFER, note=note, reference=reference)
        run = context.database.rehearse if input.dry_run else context.database.transact
        archived: Archived | None = None
        errors: list[UserError] = []
        try:
            archived = await run(
                location_writes.archive,
                input.location.to_key(),
                origin,
                transfer_to=None if target is None else target.to_key(),
            )
        except GroupRejectedError as error:
            wording = Wording(None, dict.fromkeys(("id", "location", "source", "target", "quantity"), "transferTo"))
            errors = groups.rejected(error, wording).user_errors
        except InventoryError as error:
            errors = [of_error(error)]
        return LocationArchivePayload(
            location_id=None if archived is None else archived.location_id,
            archived=archived,
            moved=sum(len(applied.outcomes) for applied in archived.moved) if archived else 0,
            user_errors=errors if context.sees_exactly else [without_quantities(error) for error in errors],
            dry_run=input.dry_run,
        )


async def _write(
    context: Context,
    dry_run: bool,  # noqa: FBT001 (one call reads as another)
    operation: Callable[..., Awaitable[Row]],
    *args: Any,
) -> dict[str, Any]:
    """The location that was written, or why it was not."""
    try:
        row = await (context.database.rehearse if dry_run else context.database.transact)(
            operation, *args, context.make_origin()
        )
    except CatalogError as error:
        return {"location_id": None, "user_errors": _INPUT.refusals(error.problems), "ignored": []}
    except InventoryError as error:
        return {"location_id": None, "user_errors": [of_error(error)], "ignored": []}
    is_there = not dry_run or row.became != "created"  # rolled back: another location may have this id by now
    return {"location_id": row.id if is_there else None, "user_errors": [], "ignored": ignored_of(row)}
