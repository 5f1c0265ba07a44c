"""Root fields for files of stock that are brought in."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry import Info, argument

from schema.context import Context
from schema.errors import bad_input, forbidden
from schema.ids import database_id
from schema.types.import_job import ImportJob
from storage import imports
from storage.access import Scope
from storage.changes import ID_MAX
from storage.imports import Job

FIRST_MAX = 100


def is_visible(context: Context, job: Job) -> bool:
    """Whether a job is this caller's to see: its own, and everybody's for an admin."""
    return context.may(Scope.ADMIN) or job.api_key_id == context.credential.id


@strawberry.type
class ImportQueries:
    """Part of Query."""

    @strawberry.field(description="Imports, the newest first: those of this API key, and everybody's for an admin.")  # type: ignore[untyped-decorator]
    async def import_jobs(
        self,
        info: Info[Context, None],
        first: Annotated[int, argument(description=f"At most so many, up to {FIRST_MAX}.")] = 20,
        before: Annotated[strawberry.ID | None, argument(description="Only older ones than this databaseId.")] = None,
    ) -> list[ImportJob]:
        """Few, and read as they are."""
        if not 0 <= first <= FIRST_MAX:
            raise bad_input(f"`first` must be from 0 to {FIRST_MAX}, not {first}.")
        _check(info.context)
        key_id = None if info.context.may(Scope.ADMIN) else info.context.credential.id
        older_than = ID_MAX if before is None else _number(before)
        found = await info.context.database.read(imports.page, first=first, before=older_than, api_key_id=key_id)
        return [ImportJob.of(job, exactly=info.context.sees_exactly) for job in found]

    @strawberry.field(description="One import; null when there is none, or it is another API key's.")  # type: ignore[untyped-decorator]
    async def import_job(
        self,
        info: Info[Context, None],
        id: Annotated[strawberry.ID, argument(description="Its databaseId.")],
    ) -> ImportJob | None:
        """One row, read as it is."""
        _check(info.context)
        job = await info.context.database.read(imports.by_id, _number(id))
        if job is None or not is_visible(info.context, job):
            return None
        return ImportJob.of(job, exactly=info.context.sees_exactly)


_number = database_id("ImportJob")


def _check(context: Context) -> None:
    if context.credential.is_public:
        raise forbidden("Imports are not for keys that are only for storefronts.")
