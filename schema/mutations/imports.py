"""The root fields that go on with an import, or stop it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

import strawberry
from sqlalchemy.ext.asyncio import AsyncSession
from strawberry import Info, argument

from schema.authorization import mutation
from schema.context import Context
from schema.errors import of_error
from schema.ids import database_id
from schema.mutations.access_payloads import Refusable
from schema.queries.imports import is_visible
from schema.types.import_job import ImportJob
from storage import imports
from storage.errors import ErrorCode, InventoryError
from storage.imports import Job, State

_number: Final = database_id("ImportJob")
_Move = Callable[[AsyncSession, int], Awaitable[Job | None]]


@strawberry.input(description="Names an import.")
class ImportJobInput:
    """The id of a job."""

    id: strawberry.ID = strawberry.field(description="Its databaseId.")


@strawberry.type(description="What became of an import.")
class ImportJobPayload(Refusable):
    """A Job."""

    import_job: ImportJob | None = strawberry.field(default=None, description="As it is now; null when it was refused.")


@strawberry.type
class ImportMutations:
    """Part of Mutation."""

    @mutation("Write what was previewed. A worker begins within seconds. Asking twice is harmless.")  # type: ignore[untyped-decorator]
    async def import_job_apply(
        self, info: Info[Context, None], input: Annotated[ImportJobInput, argument(description="Which one.")]
    ) -> ImportJobPayload:
        """From previewed to applying."""
        done = {State.APPLYING, State.FINISHED}
        return await _moved(info.context, input, imports.begin_applying, done, "only one that is previewed is applied")

    @mutation("Write no further row. What was written stays. Asking twice is harmless.")  # type: ignore[untyped-decorator]
    async def import_job_cancel(
        self, info: Info[Context, None], input: Annotated[ImportJobInput, argument(description="Which one.")]
    ) -> ImportJobPayload:
        """The end of a job."""
        return await _moved(info.context, input, imports.cancel, {State.CANCELLED}, "there is nothing left to cancel")


async def _moved(
    context: Context, asked: ImportJobInput, move: _Move, done: set[State], otherwise: str
) -> ImportJobPayload:
    """The job in its next state, if it is not there already."""

    async def write(session: AsyncSession) -> Job:
        job = await imports.by_id(session, _number(asked.id))
        if job is None or not is_visible(context, job):
            raise InventoryError(ErrorCode.INVALID_VALUE, "There is no such import, or none of this API key.", "id")
        moved = await move(session, job.id)
        if moved is None and job.state not in done:
            raise InventoryError(ErrorCode.INVALID_VALUE, f"This import is {job.state}: {otherwise}.", "id")
        return moved or job

    try:
        job = await context.database.transact(write)
    except InventoryError as error:
        return ImportJobPayload(user_errors=[of_error(error)])
    return ImportJobPayload(import_job=ImportJob.of(job, exactly=context.sees_exactly))
