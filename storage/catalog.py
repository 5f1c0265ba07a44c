"""Write operations on locations, products and variations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import and_, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, col

from storage import change_feed, inventory, ownership
from storage.catalog_document import CatalogError, Problem, Reading, read
from storage.catalog_lock import count_on, hold, largest_id
from storage.catalog_planning import CatalogPlan, Planned, Values, plan_catalog
from storage.catalog_stock import StockLine, counted, refusals, rehearse, stock_group, stock_lines
from storage.change_feed import CatalogRow, Kind
from storage.changes import GroupRejectedError, Origin, Outcome, gtin14, sku_key
from storage.json_rows import among, json_text
from storage.json_sql import text_of
from storage.lines import LevelKey
from storage.planning import Level
from storage.source_rules import Governing
from storage.tables import Location, Product, StockLevel
from storage.upsert import table_of, upsert_rows

ORIGIN: Final = Origin("catalog-import", principal="catalog-import")


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the rows of one list. Unchanged rows were not written; `ignored` are those of which something was
    not done because others own it."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    ignored: int = 0


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. Products that changed because their parent did are counted with those updated."""

    locations: Counts
    products: Counts
    stock: Counts


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one row of a document: `became` is created, updated or unchanged. `ignored` are the fields that it
    would have changed if they had no other owner."""

    id: int
    became: str
    ignored: tuple[str, ...] = ()


Check = Callable[[CatalogPlan], Iterable[Problem]]


async def import_catalog(
    session: AsyncSession, document: object, *, origin: Origin = ORIGIN, check: Check | None = None
) -> Imported:
    """Make the catalogue say what the document says of it; what the document does not mention stays as it is.

    `document` is JSON as storage.catalog_document.load() reads it. Stock goes through the write path. The number of
    statements does not depend on the size of the document, and running it twice changes nothing. `check` may find more
    problems.
    Raises CatalogError with everything that is wrong with the document; then nothing was written.
    """
    reading = read(document)
    plan = await _plan(session, reading, origin)
    lines = stock_lines(reading, plan)
    if check is not None:
        plan.problems += check(plan)
    if plan.problems:
        raise CatalogError([*plan.problems, *rehearse(lines, plan, await _levels(session, lines))])
    await write_plan(session, plan)
    try:
        applied = await inventory.apply(session, stock_group(lines, origin))
    except GroupRejectedError as error:
        raise CatalogError(refusals(lines, error.outcomes)) from None
    return Imported(
        _counts(map(_became, plan.locations), plan.locations),
        _counts(map(_became, plan.products), plan.products),
        _counts(counted(applied), applied.outcomes),
    )


async def write_rows(
    session: AsyncSession, document: Mapping[str, Any], origin: Origin, *, check: Check | None = None
) -> dict[str, Row]:
    """Write the locations and products of a document, and say what became of its rows, by their places.

    `check` may find more problems. Raises CatalogError with everything that is wrong; then nothing was written.
    """
    plan = await _plan(session, read(document), origin)
    if check is not None:
        plan.problems += check(plan)
    if plan.problems:
        raise CatalogError(plan.problems)
    await write_plan(session, plan)
    named = [item for item in (*plan.locations, *plan.products) if item.row is not None]
    return {item.place: Row(item.id or 0, _became(item), item.ignored) for item in named}


async def plan_products(session: AsyncSession, reading: Reading) -> CatalogPlan:
    """What rows of products make of those there are, for a caller who holds them (catalog_lock.hold)."""
    return plan_catalog(reading, (), await _products(session, reading))


async def _plan(session: AsyncSession, reading: Reading, origin: Origin) -> CatalogPlan:
    await hold(session, Location, Product)
    governing = Governing(await ownership.read(session), origin.api_key_id)
    return plan_catalog(reading, await _locations(session), await _products(session, reading), governing)


async def write_plan(session: AsyncSession, plan: CatalogPlan) -> None:
    """Write what is planned, if there is no problem, and tell the change feed."""
    now = datetime.now(UTC)
    await _write_locations(session, plan.locations, now)
    await _write_products(session, plan.products, now)
    await change_feed.record(session, _told(plan))
    numbered = ((Location, plan.locations), (Product, plan.products))
    await count_on(session, *(model for model, planned in numbered if any(item.before is None for item in planned)))


async def _locations(session: AsyncSession) -> list[Values]:
    """All of them: there are few, and slugs and the default are to be unique among them."""
    return await _values(session, select(table_of(Location)))


async def _products(session: AsyncSession, reading: Reading) -> list[Values]:
    """Those the document names, by id, SKU or GTIN; their variations and parents, whose names hang together; and who
    has the SKUs and GTINs of those in the trash, which may come back."""
    rows = [placed.row for placed in reading.products]
    own = {sku_key(row.sku) for row in rows if row.sku}
    others = {row.parent_sku for row in rows} | {placed.row.sku for placed in reading.stock}
    table = table_of(Product).c
    named = await _values(
        session,
        select(table_of(Product)).where(
            or_(among(table.id, "ids"), among(table.sku_key, "skus"), among(table.gtin, "gtins"))
        ),
        ids={row.id for row in rows}
        | {row.parent_id for row in rows}
        | {line.row.product_id for line in reading.stock},
        skus=own | {sku_key(sku) for sku in others if sku},
        gtins={gtin14(row.gtin) for row in rows if row.gtin},
    )
    touched = {row.id for row in rows} | {values["id"] for values in named if values["sku_key"] in own}
    in_trash = [values for values in named if values["id"] in touched and values["status"] == "trash"]
    is_kept = table.status != "trash"
    beside = await _values(
        session,
        select(table_of(Product)).where(
            or_(
                among(table.parent_id, "ids"),
                among(table.id, "parents"),
                and_(among(table.sku_key, "skus"), is_kept),
                and_(among(table.gtin, "gtins"), is_kept),
            )
        ),
        ids=touched,
        parents={values["parent_id"] for values in named if values["id"] in touched},
        skus={values["sku_key"] for values in in_trash if values["sku_key"]},
        gtins={values["gtin"] for values in in_trash},
    )
    return list({values["id"]: values for values in (*named, *beside)}.values())


async def _levels(session: AsyncSession, lines: Sequence[StockLine]) -> dict[LevelKey, Level]:
    query = select(table_of(StockLevel)).where(among(col(StockLevel.product_id), "ids"))
    rows = await _values(session, query, ids={line.product.id for line in lines})
    return {(row["product_id"], row["location_id"]): Level(*(row[column] for column in Level._fields)) for row in rows}


async def _values(session: AsyncSession, query: Any, **lists: Iterable[object]) -> list[Values]:
    found = await session.execute(
        query, {name: json_text(list(set(values) - {None})) for name, values in lists.items()}
    )
    return [dict(row) for row in found.mappings()]


async def _write_locations(session: AsyncSession, planned: Sequence[Planned], now: datetime) -> None:
    changed = [item for item in planned if item.changed]
    await _number(session, Location, changed)
    slug = literal("~") + text_of(table_of(Location).c.id)  # of no other location: nothing else has a tilde
    await _park(session, Location, changed, {"slug": slug, "code": None, "is_default": False})
    await _write(session, Location, changed, now)


async def _write_products(session: AsyncSession, planned: Sequence[Planned], now: datetime) -> None:
    changed = [item for item in planned if item.changed]
    await _number(session, Product, changed)
    for item in changed:
        if item.parent is not None:
            item.after["parent_id"] = item.parent.id
    await _park(session, Product, changed, {"sku_key": "", "gtin": None}, unique_by=("status",))
    await _write(session, Product, [item for item in changed if item.parent is None], now)
    await _write(session, Product, [item for item in changed if item.parent is not None], now)


async def _number(session: AsyncSession, model: type[SQLModel], changed: Sequence[Planned]) -> None:
    """Give ids to those without: none that the database or the document has already."""
    new = [item for item in changed if item.id is None]
    if new:
        taken = max([await largest_id(session, model), *(item.id for item in changed if item.id is not None)])
        for number, item in enumerate(new, start=taken + 1):
            item.after["id"] = number


async def _park(
    session: AsyncSession,
    model: type[SQLModel],
    changed: Sequence[Planned],
    blank: Mapping[str, Any],
    *,
    unique_by: Sequence[str] = (),
) -> None:
    """Take from rows what is to be unique, so that they can be written in any order, whoever gets it.

    `unique_by`: columns by which it is unique or not.
    """
    moved = (*blank, *unique_by)
    moving = [
        item.id for item in changed if item.before and any(item.before[name] != item.after[name] for name in moved)
    ]
    if moving:
        table = table_of(model)
        await session.execute(update(table).where(among(table.c.id, "ids")).values(blank), {"ids": json_text(moving)})


async def _write(session: AsyncSession, model: type[SQLModel], changed: Sequence[Planned], now: datetime) -> None:
    columns = [column.name for column in table_of(model).columns if column.name != "updated_at"]
    for item in changed:
        item.after = {"created_at": now, **item.after, "updated_at": now}
    rows = [{name: item.after.get(name) for name in columns} for item in changed]  # new ones are not archived
    await upsert_rows(session, model, rows, key=("id",), shared={"updated_at": now})


def _told(plan: CatalogPlan) -> Iterator[CatalogRow]:
    """What the change feed tells of what was written."""
    for item in plan.products:
        if item.changed:
            yield CatalogRow(_kind(item, lambda values: values["status"] == "trash"), product_id=item.after["id"])
    for item in plan.locations:
        if item.changed:
            yield CatalogRow(_kind(item, lambda values: bool(values.get("archived_at"))), location_id=item.after["id"])


def _kind(item: Planned, is_archived: Callable[[Values], bool]) -> Kind:
    if is_archived(item.after):
        return Kind.DELETED
    if item.before is None:
        return Kind.CREATED
    return Kind.RESTORED if is_archived(item.before) else Kind.UPDATED


def _became(item: Planned) -> str:
    if item.before is None:
        return "created"
    if item.before["updated_at"] != item.after["updated_at"]:
        return "updated"
    return "unchanged" if item.row is not None else ""


def _counts(became: Iterable[str], judged: Iterable[Planned] | Iterable[Outcome]) -> Counts:
    counts = Counter(became)
    return Counts(counts["created"], counts["updated"], counts["unchanged"], sum(bool(each.ignored) for each in judged))
