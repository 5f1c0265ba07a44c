"""What the change feed tells: that stock, a product or a location changed, by ids. Pages in the order of sequences."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Select, bindparam, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from storage.change_feed import is_of_feed
from storage.json_rows import among, json_text
from storage.openings import check_kept
from storage.tables import CatalogChange, LedgerEntry, Product
from storage.upsert import table_of

PAGE: Final = 500
_entry: Final = table_of(LedgerEntry).c
_change: Final = table_of(CatalogChange).c
_product: Final = table_of(Product).c


class FeedEntry(NamedTuple):
    """One change. Of a level it has both ids; of a product or of a location one. `parent_id` is the product's."""

    sequence: int
    product_id: int | None
    parent_id: int | None
    location_id: int | None

    @property
    def is_of_stock(self) -> bool:
        """Whether a level changed, so that the ledger has an entry with this sequence."""
        return self.product_id is not None and self.location_id is not None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which changes of levels: of these products and their variations, at these locations; None is all of them."""

    products: frozenset[int] | None = None
    locations: frozenset[int] | None = None

    def matches(self, entry: FeedEntry) -> bool:
        """Whether it is one of them."""
        products, locations = self.products, self.locations
        if entry.location_id is None or entry.product_id is None:
            return False
        return (locations is None or entry.location_id in locations) and (
            products is None or entry.product_id in products or entry.parent_id in products
        )


def _between(found: Select[Any], sequence: Any) -> Select[Any]:
    after, up_to = bindparam("after", type_=BigInteger()), bindparam("up_to", type_=BigInteger())
    return found.where(sequence > after, sequence <= up_to).order_by(sequence).limit(PAGE)


def _first(columns: Any, *conditions: Any) -> Select[Any]:
    found = select(columns.sequence, columns.product_id, columns.location_id).where(*conditions)
    return select(_between(found, columns.sequence).subquery())


_first_of_both: Final = union_all(_first(_entry), _first(_change, is_of_feed(_change.kind))).subquery()
_PAGE: Final = (
    select(_first_of_both.c.sequence, _first_of_both.c.product_id, _product.parent_id, _first_of_both.c.location_id)
    .outerjoin_from(_first_of_both, table_of(Product), _product.id == _first_of_both.c.product_id)
    .order_by(_first_of_both.c.sequence)
    .limit(PAGE)
)


async def page(session: AsyncSession, after: int, up_to: int) -> Sequence[FeedEntry]:
    """The first changes of any kind with sequences from after `after` up to `up_to`."""
    rows = (await session.execute(_PAGE, {"after": after, "up_to": up_to})).all()
    return [FeedEntry(*row) for row in rows]


async def stock_page(session: AsyncSession, wanted: Wanted, after: int, up_to: int) -> list[int]:
    """The sequences of the first wanted changes of levels from after `after` up to `up_to`.

    Raises SequencePrunedError when some of them are not there any more.
    """
    await check_kept(session, after)
    values: dict[str, Any] = {"after": after, "up_to": up_to}
    found = _between(select(_entry.sequence), _entry.sequence)
    if wanted.products is not None:
        of_products = or_(among(_entry.product_id, "products"), among(_product.parent_id, "products"))
        found = found.join(table_of(Product), _product.id == _entry.product_id).where(of_products)
        values["products"] = _listed(wanted.products)
    if wanted.locations is not None:
        found = found.where(among(_entry.location_id, "locations"))
        values["locations"] = _listed(wanted.locations)
    return list((await session.execute(found, values)).scalars())


def _listed(ids: Collection[int]) -> str:
    return json_text(sorted(ids))
