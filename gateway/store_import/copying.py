"""Copies a store page by page: read, translate, write in one transaction. What cannot be written is told by product."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from gateway.dialects.wc_v3.store_products import StoreFamily, UnreadableProductError, column_name, family
from gateway.store_import.client import PER_PAGE, Page, Store, StoreError
from storage import store_imports
from storage.catalog import Counts, Imported
from storage.catalog_document import CatalogError, Problem
from storage.changes import Origin
from storage.database import Database
from storage.store_imports import ImportCancelledError, Progress, StoreImport

_AT_ONCE: Final = 4
_PLACE: Final = re.compile(r"(products|stock)\[([0-9]+)\](?:\.([a-z_]+).*)?")
_VARIABLE: Final = "variable"


@dataclass(frozen=True, slots=True)
class Copying:
    """How it is done. `location` is a slug, None the default location. `origin` is of whoever writes, None the command.
    `zone` is the store's, for times that it tells without UTC's."""

    location: str | None = None
    stock: bool = True
    dry_run: bool = False
    restart: bool = False
    origin: Origin | None = None
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))


@dataclass(frozen=True, slots=True)
class Told:
    """Something about one product: why it was refused, or what could not be taken as it was."""

    product: str
    reasons: Sequence[str]

    def __str__(self) -> str:
        return f"{self.product}: {'; '.join(self.reasons)}"


@dataclass(slots=True)
class Copied:
    """What came of it."""

    products: Counts = field(default_factory=Counts)
    stock: Counts = field(default_factory=Counts)
    refused: list[Told] = field(default_factory=list)
    notes: list[Told] = field(default_factory=list)
    resumed_after: int = 0

    def add(self, done: Imported) -> None:
        """Count what a page came to."""
        self.products, self.stock = _sum(self.products, done.products), _sum(self.stock, done.stock)


class _Family(NamedTuple):
    """A product of the store with its variations, as it was sent and as it was read."""

    sent: Mapping[str, Any]
    read: StoreFamily


Advance = Callable[[int, int | None], None]
"""Told how many products are done, and how many there are, if the store says so."""


async def copy(database: Database, store: Store, how: Copying, advance: Advance = lambda _done, _total: None) -> Copied:
    """Copy all products of a store. Each product with its variations and stock is written wholly or not at all.

    What an earlier run with the same options did not finish is gone on with. Raises StoreError; what was written until
    then stays, and the same call goes on after it.
    """
    location_id = await database.read(store_imports.location_id, how.location)
    if location_id is None and how.stock:
        raise StoreError(_NO_LOCATION if how.location is None else f"There is no location {how.location!r}.")
    copier = _Copier(database, store, how, location_id if how.stock else None)
    await copier.run(advance)
    return copier.copied


_NO_LOCATION: Final = (
    "There is no default location for the stock: give --location, or import one first, such as "
    '{"locations": [{"name": "Main Street", "is_default": true}]}.'
)


@dataclass(slots=True)
class _Copier:
    """One run: how far it is, and what came of it. Without a job it is a dry run."""

    database: Database
    store: Store
    how: Copying
    location_id: int | None
    copied: Copied = field(default_factory=Copied)
    job: StoreImport | None = None

    async def run(self, advance: Advance) -> None:
        number = await self._first_page()
        page = await self.store.page("products", number)
        if not self.how.dry_run and self.job is None:  # a store that cannot be read leaves no job
            self.job = await self.database.transact(store_imports.begin, self.store.url, *self._options())
        while True:
            await self._copy(page, number)
            advance((number - 1) * PER_PAGE + len(page.items), page.total)
            if not page.has_more:
                break
            before, page = page, await self.store.page("products", number + 1)
            if None not in {page.total, before.total} and (page.total or 0) < (before.total or 0):
                page = await self.store.page("products", number)  # some have gone, and others moved up to it
            else:
                number += 1
        if self.job is not None:
            await self.database.transact(store_imports.finish, self.job.id)

    async def _first_page(self) -> int:
        """The page to begin with: where an earlier run was interrupted, its last one, for products may have gone since,
        and others moved up to it."""
        if not (self.how.dry_run or self.how.restart):
            fingerprint, _ = self._options()
            self.job = await self.database.read(store_imports.unfinished, fingerprint)
        if self.job is None or not self.job.page:
            return 1
        self.copied.resumed_after = self.job.page
        return self.job.page

    def _options(self) -> tuple[str, Mapping[str, Any]]:
        """What makes it the same import, as one text and as it is kept."""
        options = {"url": self.store.url, "location_id": self.location_id}
        return hashlib.sha256(orjson.dumps([store_imports.KIND, options])).hexdigest(), options

    async def _copy(self, page: Page, number: int) -> None:
        """Write a page. Families that are refused are left out, and the rest is tried again without them."""
        progress = Progress(number, page.pages or number, rows=len(page.items))
        left = await self._read(page, progress)
        run = self.database.rehearse if self.job is None else self.database.transact
        job_id = None if self.job is None else self.job.id
        origin = replace(self.how.origin or store_imports.origin_of(self.store.url), reference=self.store.url)
        while True:
            document, owners = _document(left, self.location_id)
            try:
                done = await run(store_imports.import_page, document, origin, job_id, progress)
            except ImportCancelledError:
                raise StoreError("The import was cancelled. What was written before stays.") from None
            except CatalogError as error:
                blamed = _blamed(error.problems, owners)
                if not blamed:
                    raise
                for index, reasons in blamed.items():
                    self._refuse(left[index].sent, reasons, progress)
                left = [each for index, each in enumerate(left) if index not in blamed]
            else:
                return self.copied.add(done)

    async def _read(self, page: Page, progress: Progress) -> list[_Family]:
        """The products of a page with their variations, as far as they can be read."""
        turns = asyncio.Semaphore(_AT_ONCE)

        async def variations_of(sent: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
            if sent.get("type") != _VARIABLE and not sent.get("variations"):
                return ()
            async with turns:
                return await self.store.every(f"products/{sent.get('id')}/variations")

        families = []
        try:
            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(variations_of(sent)) for sent in page.items]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        for sent, variations in zip(page.items, asked, strict=True):
            try:
                read = family(sent, variations.result(), self.how.zone)
            except UnreadableProductError as error:
                self._refuse(sent, [str(error)], progress)
                continue
            families.append(_Family(sent, read))
            if read.notes:
                self.copied.notes.append(Told(_named(sent), read.notes))
        return families

    def _refuse(self, sent: Mapping[str, Any], reasons: Sequence[str], progress: Progress) -> None:
        self.copied.refused.append(Told(_named(sent), reasons))
        progress.refused.append({"id": sent.get("id"), "sku": sent.get("sku"), "reasons": list(reasons)[:5]})


def _named(sent: Mapping[str, Any]) -> str:
    sku = f" (SKU {sent['sku']})" if sent.get("sku") else ""
    return f"product {sent.get('id')} {sent.get('name') or ''}".rstrip() + sku


def _document(
    families: Sequence[_Family], location_id: int | None
) -> tuple[dict[str, Any], Mapping[str, Sequence[tuple[int, Any]]]]:
    """The document of some families, and for each of its rows which one it is of, and of which variation, if of any."""
    products: list[Mapping[str, Any]] = []
    stock: list[Mapping[str, Any]] = []
    owners: dict[str, list[tuple[int, Any]]] = {"products": [], "stock": []}
    for index, each in enumerate(families):
        for one in each.read.products:
            owner = (index, one.row["id"] if one.row["type"] == "variation" else None)
            products.append(one.row)
            owners["products"].append(owner)
            if one.units is not None and location_id is not None:
                stock.append({"product_id": one.row["id"], "location_id": location_id, "on_hand": one.units})
                owners["stock"].append(owner)
    return {"products": products, "stock": stock}, owners


def _blamed(problems: Sequence[Problem], owners: Mapping[str, Sequence[tuple[int, Any]]]) -> dict[int, list[str]]:
    """What is wrong with each family, by its index; {} when a problem is none of theirs."""
    blamed: dict[int, list[str]] = {}
    for problem in problems:
        found = _PLACE.fullmatch(problem.place)
        if found is None:
            return {}
        index, variation = owners[found[1]][int(found[2])]
        of_variation = "" if variation is None else f"variation {variation}: "
        message = _PLACE.sub("another product of the store", problem.message)
        column = f"{column_name(found[3])} " if found[3] else ""
        blamed.setdefault(index, []).append(f"{of_variation}{column}{message}")
    return blamed


def _sum(one: Counts, other: Counts) -> Counts:
    return Counts(*(mine + others for mine, others in zip(astuple(one), astuple(other), strict=True)))
