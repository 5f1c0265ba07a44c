"""One transaction for all products that a request creates, changes and deletes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncSession

from gateway.dialects.wc_v3 import responses
from gateway.dialects.wc_v3.draft import NAME
from gateway.dialects.wc_v3.product_edit import UNNAMED, Deletion, ProductBody
from gateway.dialects.wc_v3.refusals import Item, explained
from gateway.dialects.wordpress import RestError
from storage import product_edits, product_slugs, product_views
from storage.changes import ItemKey, Origin, Policy
from storage.product_edits import ProductEdit
from storage.product_slugs import WantedSlug
from storage.product_views import ProductView


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of it: as it was before it was deleted, as it is now, or why it was refused."""

    product_id: int | None
    view: ProductView | None = None
    error: RestError | None = None


@dataclass(frozen=True, slots=True)
class Saving:
    """What became of all of them. `group_id` is the change group of their stock, `ignored` are the fields that were not
    written because they have another owner."""

    saved: list[Saved]
    group_id: int | None = None
    replayed: bool = False
    ignored: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf products are written, and what makes a retry the same request. `parent_id` is the product whose
    variations they are, `expected` the version of the one that there is."""

    origin: Origin
    parent_id: int | None = None
    expected: str | None = None
    idempotency_key: str | None = None
    fingerprint: str = ""

    @property
    def told(self) -> dict[str, bool]:
        """How refusals are told to it."""
        return {"is_variation": self.parent_id is not None, "with_stock": self.origin.locations is None}


async def save(
    session: AsyncSession, items: Sequence[Item], caller: Caller, *, policy: Policy = Policy.REJECT_ALL
) -> Saving:
    """Write them in order. The number of statements does not depend on how many there are.

    Refuses as product_edits.edit() does.
    """
    items = await _with_slugs(session, await _with_parent(session, await _with_attributes(session, items), caller))
    views = await _views(session, [item.id for item in items if isinstance(item, Deletion)])
    edits = await product_edits.edit(
        session,
        [_edit(item, caller) for item in items],
        caller.origin,
        policy=policy,
        idempotency_key=caller.idempotency_key,
        asked=caller.fingerprint,
    )
    both = list(zip(items, edits.outcomes, strict=True))
    kept = [outcome.product_id for item, outcome in both if outcome.error is None and not isinstance(item, Deletion)]
    views |= await _views(session, kept)
    refused = [(item, outcome) for item, outcome in both if outcome.error is not None]
    told = iter(await explained(session, refused, **caller.told) if refused else ())
    saved = [
        Saved(outcome.product_id, views.get(outcome.product_id or 0))
        if outcome.error is None
        else Saved(item.id, error=next(told))
        for item, outcome in both
    ]
    ignored = frozenset(field for outcome in edits.outcomes for field in outcome.ignored)
    return Saving(saved, edits.group_id, edits.replayed, ignored)


def _edit(item: Item, caller: Caller) -> ProductEdit:
    return ProductEdit(
        item.decide,
        None if item.id is None else ItemKey("id", item.id),
        None if caller.parent_id is None else ItemKey("id", caller.parent_id),
        caller.expected,
        in_trash=True,
    )


async def _views(session: AsyncSession, ids: Collection[int | None]) -> dict[int, ProductView]:
    named = [id_ for id_ in ids if id_ is not None]
    return {view.id: view for view in await product_views.by_ids(session, named)} if named else {}


async def _with_attributes(session: AsyncSession, items: Sequence[Item]) -> Sequence[Item]:
    """Products whose attributes are sent are told which ones they show: what is made of variations shall not become
    their own when it is sent back."""
    named = [item.id for item in items if isinstance(item, ProductBody) and _names_attributes(item)]
    if not named:
        return items
    shown = {id_: responses.attributes(view) for id_, view in (await _views(session, named)).items()}
    return [
        replace(item, shown_attributes=shown.get(item.id or 0)) if isinstance(item, ProductBody) else item
        for item in items
    ]


def _names_attributes(item: ProductBody) -> bool:
    return not _is_new(item) and not item.is_variation and "attributes" in item.fields


async def _with_parent(session: AsyncSession, items: Sequence[Item], caller: Caller) -> Sequence[Item]:
    """New variations are told of their parent."""
    if caller.parent_id is None or not any(_is_new(item) for item in items):
        return items
    parent = (await _views(session, [caller.parent_id])).get(caller.parent_id)
    if parent is None:
        return items
    row = {"sku": parent.sku, "manage_stock": parent.carrier == "own", "extra": parent.extra}
    return [replace(item, parent=row) if isinstance(item, ProductBody) and _is_new(item) else item for item in items]


async def _with_slugs(session: AsyncSession, items: Sequence[Item]) -> Sequence[Item]:
    """Those that ask for a slug, or are new, are told which one they get."""
    wanted = {place: slug for place, item in enumerate(items) if (slug := _wanted_slug(item)) is not None}
    if not wanted:
        return items
    slugs = dict(zip(wanted, await product_slugs.unique(session, NAME, list(wanted.values())), strict=True))
    return [
        replace(item, slug=slugs.get(place)) if isinstance(item, ProductBody) else item
        for place, item in enumerate(items)
    ]


def _is_new(item: Item) -> bool:
    return item.id is None


def _wanted_slug(item: Item) -> WantedSlug | None:
    if isinstance(item, Deletion) or item.is_variation:
        return None
    text = item.fields.get("slug", "").strip()
    if _is_new(item):
        return WantedSlug(item.fields.get("name", "").strip() or UNNAMED, text)
    return WantedSlug("", text, item.id) if text else None
