"""ImportJob: a file of stock that is brought in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry

from schema.errors import QUANTITIES_HIDDEN
from schema.types.choices import ImportMode, ImportPolicy, ImportState
from storage.imports import Job


@strawberry.type(description="A row of an import's preview that fails.")
class ImportFailure:
    """A storage.import_rows.Failure."""

    line: int = strawberry.field(description="On which line of the file it begins.")
    column: str = strawberry.field(description="What is wrong there; empty when it is the row as a whole.")
    value: str = strawberry.field(description="What it says, shortened.")
    code: str = strawberry.field(description="Why, for programs.")
    message: str = strawberry.field(description="Why, for people.")


@strawberry.type(description="A row of an import's preview that changes a stock level.")
class ImportChange:
    """A part of a job's sample."""

    line: int = strawberry.field(description="On which line of the file it begins.")
    product_id: int = strawberry.field(description="The databaseId of the product or variation.")
    sku: str | None = strawberry.field(description="Its SKU.")
    location_id: int = strawberry.field(description="The databaseId of the location.")
    fields: list[str] = strawberry.field(description="What of the level it changes, such as `stock`.")
    stock_before: int | None = strawberry.field(description="Units before it, when it changes them; null when hidden.")
    stock_after: int | None = strawberry.field(description="Units after it, when it changes them; null when hidden.")


@strawberry.type(
    description="A file of stock that is brought in, by `stockgate import inventory` or `POST /api/imports`."
)
class ImportJob:
    """A storage.imports.Job."""

    database_id: int = strawberry.field(description="Its number, by which REST and the command line know it.")
    state: ImportState = strawberry.field(description="How far it is.")
    name: str = strawberry.field(description="What the file is called.")
    mode: ImportMode = strawberry.field(description="What its quantities are.")
    policy: ImportPolicy = strawberry.field(description="What becomes of good rows beside bad ones.")
    rows: int = strawberry.field(description="How many rows it has, as far as it was read.")
    to_change: int = strawberry.field(description="How many of them would change something, by the preview.")
    unchanged: int = strawberry.field(description="How many say what is so already, by the preview.")
    failed: int = strawberry.field(description="How many fail, by the preview.")
    sample_changes: list[ImportChange] = strawberry.field(description="The first rows that would change something.")
    sample_failures: list[ImportFailure] = strawberry.field(
        description="The first rows that fail; all are at `GET /api/imports/{id}/failures`."
    )
    changed: int = strawberry.field(description="How many rows have changed something so far.")
    refused: int = strawberry.field(description="How many rows failed when it was applied, so far.")
    chunks: int = strawberry.field(description="How many chunks of 1,000 rows it has.")
    previewed_chunks: int = strawberry.field(description="How many of them were previewed.")
    applied_chunks: int = strawberry.field(description="How many of them were applied.")
    notes: list[str] = strawberry.field(description="What a person should know of how the file was read.")
    error: str | None = strawberry.field(description="Why it failed; null when it did not.")
    created_at: datetime = strawberry.field(description="When it began.")
    updated_at: datetime = strawberry.field(description="When it last got further.")
    finished_at: datetime | None = strawberry.field(description="When it ended; null as long as it has not.")

    @classmethod
    def of(cls, job: Job, *, exactly: bool) -> ImportJob:
        """A job as it is told: `exactly` to who sees quantities as they are."""
        asked = job.asked
        same = {name: getattr(job, name) for name in _SAME}
        return cls(
            database_id=job.id,
            state=ImportState[job.state.name],
            mode=ImportMode[asked.mode.name],
            policy=ImportPolicy[asked.policy.name],
            sample_changes=[_change(each, exactly=exactly) for each in job.sample if "changes" in each],
            sample_failures=[_failure(each, exactly=exactly) for each in job.sample if "message" in each],
            notes=list(job.notes),
            **same,
        )


_SAME = (
    "name", "rows", "to_change", "unchanged", "failed", "changed", "refused", "chunks", "previewed_chunks",
    "applied_chunks", "error", "created_at", "updated_at", "finished_at",
)  # fmt: skip


def _failure(shown: Any, *, exactly: bool) -> ImportFailure:
    message = None if exactly else QUANTITIES_HIDDEN.get(shown["code"])
    return ImportFailure(**{**shown, "message": message or shown["message"]})


def _change(shown: Any, *, exactly: bool) -> ImportChange:
    stock = shown["changes"].get("stock", {}) if exactly else {}
    named = {name: shown[name] for name in ("line", "product_id", "sku", "location_id")}
    return ImportChange(
        **named, fields=list(shown["changes"]), stock_before=stock.get("before"), stock_after=stock.get("after")
    )
