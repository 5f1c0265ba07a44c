"""What is brought in from another shop: its products with their ids and stock, page after page.

A page is one transaction, together with how far the import has got, so that it can go on after any interruption.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import catalog
from storage.catalog import Imported
from storage.catalog_document import Problem
from storage.catalog_planning import CatalogPlan, Planned, Values
from storage.changes import Origin, sku_key
from storage.errors import ErrorCode
from storage.imports import Options, State
from storage.slugs import slug_of
from storage.tables import ImportJob, Location
from storage.upsert import table_of

KIND: Final = "woocommerce"
DIALECT: Final = "woocommerce-import"
_MARK: Final = KIND
_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""Until when such a job is leased: only the command that began it can go on with it, for it has the store's key."""
_SAMPLE_MAX: Final = 100
_job: Final = table_of(ImportJob)


class ImportCancelledError(Exception):
    """Somebody cancelled the import, or began it anew. What was written before stays."""


@dataclass(frozen=True, slots=True)
class StoreImport:
    """An import that is under way: `page` is the last one that was written."""

    id: int
    page: int
    begun_at: datetime


@dataclass(slots=True)
class Progress:
    """What one page came to, for the job."""

    page: int
    pages: int
    rows: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: list[Mapping[str, Any]] = field(default_factory=list)


async def unfinished(session: AsyncSession, fingerprint: str) -> StoreImport | None:
    """The last import of this store with these options, if it is not finished."""
    query = (
        select(_job.c.id, _job.c.applied_chunks, _job.c.created_at, _job.c.state)
        .where(_job.c.fingerprint == fingerprint, _job.c.kind == KIND)
        .order_by(_job.c.id.desc())
        .limit(1)
    )
    found = (await session.execute(query)).first()
    return None if found is None or found.state != State.APPLYING.value else StoreImport(*found[:3])


async def begin(session: AsyncSession, store: str, fingerprint: str, options: Mapping[str, Any]) -> StoreImport:
    """Begin a new one; what was begun before with the same options is given up."""
    now = datetime.now(UTC)
    await session.execute(
        update(_job)
        .where(_job.c.fingerprint == fingerprint, _job.c.kind == KIND, _job.c.state == State.APPLYING.value)
        .values(state=State.CANCELLED.value, updated_at=now, finished_at=now)
    )
    row = {
        "kind": KIND, "state": State.APPLYING.value, "name": store, "fingerprint": fingerprint,
        "options": {**Options().stored(), **options}, "principal": store, "sample": [],
        "leased_by": DIALECT, "leased_until": _NEVER, "created_at": now, "updated_at": now,
    }  # fmt: skip
    number = (await session.execute(insert(_job).values(row).returning(_job.c.id))).scalar_one()
    return StoreImport(number, 0, now)


async def finish(session: AsyncSession, job_id: int) -> None:
    """All pages were written."""
    now = datetime.now(UTC)
    done = {"state": State.FINISHED.value, "leased_until": None, "updated_at": now, "finished_at": now}
    await session.execute(update(_job).where(_job.c.id == job_id).values(done))


async def import_page(
    session: AsyncSession, document: Mapping[str, Any], origin: Origin, job_id: int | None, progress: Progress
) -> Imported:
    """Write the products of one page with their stock, and how far the import has got with it.

    Rows of products are marked with the store that they are from: the origin's reference. Raises CatalogError with
    everything that is wrong, and ImportCancelledError; then nothing was written.
    """
    store = origin.reference
    rows = [{**row, "extra": {**row.get("extra", {}), _MARK: {"store": store}}} for row in document["products"]]
    done = await catalog.import_catalog(
        session, {**document, "products": rows}, origin=origin, check=partial(_others, store)
    )
    if job_id is not None:
        counts = (done.products, done.stock)
        progress.changed = sum(each.created + each.updated for each in counts)
        progress.unchanged = sum(each.unchanged for each in counts)
        await _record(session, job_id, progress)
    return done


async def _record(session: AsyncSession, job_id: int, progress: Progress) -> None:
    is_under_way = (_job.c.id == job_id, _job.c.state == State.APPLYING.value)
    sample = (await session.execute(select(_job.c.sample).where(*is_under_way))).scalar()
    if sample is None:
        raise ImportCancelledError
    await session.execute(
        update(_job)
        .where(*is_under_way)
        .values(
            applied_chunks=progress.page,
            chunks=progress.pages,
            rows=_job.c.rows + progress.rows,
            changed=_job.c.changed + progress.changed,
            unchanged=_job.c.unchanged + progress.unchanged,
            refused=_job.c.refused + len(progress.refused),
            sample=[*sample, *progress.refused][:_SAMPLE_MAX],
            updated_at=datetime.now(UTC),
        )
    )


def origin_of(store: str) -> Origin:
    """Of what comes from a store, where no API key is named."""
    return Origin(DIALECT, principal=store, reference=store)


async def location_id(session: AsyncSession, slug: str | None) -> int | None:
    """Where the stock shall be: the location of this slug, or the default one."""
    location = table_of(Location).c
    wanted = location.is_default if slug is None else location.slug == slug_of(slug)
    query = select(location.id).where(wanted, location.archived_at.is_(None))
    found: int | None = (await session.execute(query)).scalar()
    return found


def _others(store: str, plan: CatalogPlan) -> Iterator[Problem]:
    """Ids that another product has here already: one that is not from this store, and has another SKU, or name."""
    for item in plan.products:
        if item.row is not None and item.before is not None and not _is_same(item, item.before, store):
            named = f" (SKU {item.before['sku']})" if item.before["sku"] else ""
            yield Problem(
                f"{item.place}.id", f"is that of another product here, {item.before['name']}{named}",
                ErrorCode.NOT_UNIQUE, (item.before["id"],),
            )  # fmt: skip


def _is_same(item: Planned, before: Values, store: str) -> bool:
    mark = before["extra"].get(_MARK)
    if isinstance(mark, dict) and mark.get("store") == store:
        return True
    sku = sku_key(item.row.sku or "")
    if sku or before["sku_key"]:
        return bool(sku == before["sku_key"])
    if item.row.parent_id is not None or before["parent_id"] is not None:
        return bool(item.row.parent_id == before["parent_id"] and item.after["attributes"] == before["attributes"])
    return bool(item.row.name.strip().casefold() == before["name_key"])
