"""Slugs of products: kept with what a dialect's clients keep of them, unique within that dialect."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from secrets import token_hex
from typing import Any, Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.catalog_lock import hold
from storage.json_rows import among, json_text
from storage.slugs import slug_of
from storage.tables import Product
from storage.upsert import table_of

_LENGTH_MAX: Final = 200
_NUMBERED_MAX: Final = 50
_product: Final = table_of(Product).c


@dataclass(frozen=True, slots=True)
class WantedSlug:
    """The slug that a product shall get; without `text` one made of its name. `product_id` None: a new product."""

    name: str
    text: str = ""
    product_id: int | None = None

    @property
    def slug(self) -> str:
        """What it gets if nobody else has it; '' when there is neither a letter nor a digit."""
        return slug_of(self.text or self.name)[:_LENGTH_MAX]


async def unique(session: AsyncSession, dialect: str, wanted: Sequence[WantedSlug]) -> list[str | None]:
    """For each the slug it gets, with a number behind it if others have it; None where it keeps the one it has.

    Nobody else writes products until the transaction ends, unless all keep theirs. A slug that is asked for is looked
    for in all products, one that is made of a name only in those of the same name: that is what an index finds.
    """
    kept = await _slugs(session, dialect, _product.id, [each.product_id for each in wanted if each.product_id])
    changing = [each for each in wanted if each.slug and each.slug != kept.get(each.product_id or 0)]
    if not changing:
        return [None] * len(wanted)
    await hold(session, Product)
    names = [each.name.casefold() for each in changing]
    asked = [slug for each in changing if each.text for slug in islice(_numbered(each.slug), _NUMBERED_MAX)]
    taken = {
        *(await _slugs(session, dialect, _product.name_key, names)).values(),
        *(await _slugs(session, dialect, _kept(dialect), asked)).values(),
    }
    return [_take(each.slug, taken) if each in changing else None for each in wanted]


async def _slugs(session: AsyncSession, dialect: str, column: Any, values: Collection[Any]) -> dict[int, str]:
    """The slugs of the products that have one of these values in a column, by their ids."""
    if not values:
        return {}
    found = select(_product.id, _product.name, _kept(dialect)).where(
        _product.deleted_at.is_(None), _product.parent_id.is_(None), among(column, "values")
    )
    rows = (await session.execute(found, {"values": json_text(list(values))})).all()
    return {id_: slug or slug_of(name)[:_LENGTH_MAX] for id_, name, slug in rows}


def _kept(dialect: str) -> ColumnElement[str]:
    kept: ColumnElement[str] = _product.extra[(dialect, "slug")].as_string()
    return kept


def _numbered(slug: str) -> Iterator[str]:
    """The slug, and what it becomes when others have it."""
    yield slug
    yield from (f"{slug}-{number}" for number in range(2, _NUMBERED_MAX))
    while True:
        yield f"{slug}-{token_hex(4)}"


def _take(slug: str, taken: set[str]) -> str:
    free = next(each for each in _numbered(slug) if each not in taken)
    taken.add(free)
    return free
