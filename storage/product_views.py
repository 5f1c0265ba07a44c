"""Reads of products with all that follows from their rows, their family and their stock, for the dialects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from storage import product_document, product_search
from storage.product_document import ProductColumns, ProductDocument, Row, Stock, Variation
from storage.product_queries import ProductQuery
from storage.product_versions import version_of

Carrier = Literal["own", "parent"]


class Place(NamedTuple):
    """An active location, and how many units it holds. None: it has a price of its own, but was never counted."""

    id: int
    name: str
    slug: str
    on_hand: int | None


@dataclass(frozen=True, slots=True)
class ProductView(ProductColumns):
    """A product or variation as dialects show it: its row, and what follows from it, its family and its stock.

    `carrier` says whose levels are its stock: its own, or its parent's, when it is a variation that does not manage
    stock itself but its parent does. None: nobody's. Then it is not `tracked`, and its `stock_status` is what the shop
    says of it (`stated_stock_status`, its column) or, of a variable product, what its variations make of it.
    `on_hand`, `available` and `locations` are those of the carrier, or else of whatever levels it has; `locations` is
    made of `open_places`, which all views of a page share, and `levels`, units on hand by location id.

    `price` is what it costs now; of a variable product, the least that one of its variations does. `options` are the
    values by which its variations differ, by the name of the attribute.
    """

    stated_stock_status: str
    parent: ProductColumns | None
    variation_ids: tuple[int, ...]
    carrier: Carrier | None
    on_hand: int
    available: int
    open_places: Sequence[tuple[int, str, str]]
    levels: Mapping[int, int | None]
    modified_at: datetime
    on_sale: bool
    price: Decimal | None
    options: Mapping[str, Sequence[str]]
    level_versions: int

    @property
    def tracked(self) -> bool:
        """Whether its stock is tracked."""
        return self.carrier is not None

    @property
    def locations(self) -> tuple[Place, ...]:
        """The active locations where it has a level, in the order of locations."""
        levels = self.levels
        return tuple([Place(*place, levels[place[0]]) for place in self.open_places if place[0] in levels])

    @property
    def version(self) -> str:
        """Another one whenever its row or one of its levels changed, in whatever dialect it is asked for.

        What it has of its family or of the time does not change it.
        """
        return version_of(self.updated_at, self.level_versions)


async def page(
    session: AsyncSession, wanted: ProductQuery, *, offset: int, limit: int
) -> tuple[int, list[ProductView]]:
    """How many products there are in all, and these of them. Two statements, whatever there is."""
    total, ids = await product_search.find(session, wanted, offset=offset, limit=limit)
    return total, (await by_ids(session, ids) if ids else [])


async def open_places(session: AsyncSession) -> Sequence[tuple[int, str, str]]:
    """The `open_places` of views."""
    return [(id_, name, slug) for id_, name, slug in await product_document.OPEN_PLACES.rows(session)]


async def by_ids(session: AsyncSession, ids: Sequence[int]) -> list[ProductView]:
    """These products and variations, in this order, also those in the trash. One statement.

    What is not there, or was deleted for good, is left out.
    """
    found, now = await product_document.read(session, ids), datetime.now(UTC)
    return [_view(found, row, now) for id_ in ids if (row := found.rows.get(id_))]


def _view(found: ProductDocument, row: Row, now: datetime) -> ProductView:
    values, own = row.values, row.stock
    family = found.families.get(values[0], ())  # with what is in its trash: that is a change, too
    parent = found.parents.get(values[1])
    kept = [each for each in family if each.status != "trash"]
    carrier = _carrier(values[_MANAGES], kept, parent)
    stock = parent.stock if parent is not None and carrier == "parent" else own
    listed = [each for each in kept if each.status in _LISTED]
    stated = values[_STATUS]
    status, price = stated, _price_now(now, *values[_PRICED])
    if values[_TYPE] == "variable":
        status, price = _status_of(listed, tracked=values[_MANAGES]), _least([_price_of(each, now) for each in listed])
    if carrier is not None:
        status = stock.status
    seen = [own, *(each.stock for each in family), *((stock,) if carrier == "parent" else ())]
    fields: list[Any] = [
        *values[:_STATUS],
        status,
        *values[_STATUS + 1 :],
        stated,
        None if parent is None else ProductColumns(*parent.values),
        tuple([each.id for each in listed]),
        carrier,
        stock.on_hand,
        stock.available,
        found.places,
        dict(zip(stock.location_ids, stock.quantities, strict=True)),
        _latest(row, family, seen),
        price.on_sale,
        price.amount,
        _options(listed),
        own.versions,
    ]
    return ProductView(*fields)


_LISTED: Final = frozenset({"publish", "private"})  # variations of which a product tells
_TYPE, _MANAGES, _STATUS = (ProductColumns.__slots__.index(name) for name in ("type", "manage_stock", "stock_status"))
_REGULAR_PRICE: Final = ProductColumns.__slots__.index("regular_price")
_PRICED: Final = slice(_REGULAR_PRICE, _REGULAR_PRICE + 4)  # up to the end of the sale


def _carrier(manages: object, family: Sequence[Variation], parent: Row | None) -> Carrier | None:
    """Whose levels are an item's stock: the write path takes that of a product unless a variation has its own."""
    if manages:
        return None if any(each.manage_stock for each in family) else "own"
    if parent is None or not parent.values[_MANAGES]:
        return None
    return "own" if parent.tracked_variations else "parent"


def _status_of(variations: Sequence[Variation], *, tracked: bool) -> str:
    """The best that is said of them. `tracked`: their parent has it that their stock is."""
    said = {each.stock.status if tracked or each.manage_stock else each.stock_status for each in variations}
    return next((status for status in ("instock", "onbackorder") if status in said), "outofstock")


class _PriceNow(NamedTuple):
    """What something costs, and whether that is a reduced price."""

    amount: Decimal | None
    on_sale: bool


def _price_now(
    now: datetime, regular: Decimal | None, sale: Decimal | None, begins: datetime | None, ends: datetime | None
) -> _PriceNow:
    """The rule of storage.prices, without the prices of locations."""
    if regular is None or sale is None or sale >= regular:
        return _PriceNow(regular, on_sale=False)
    on_sale = (begins is None or begins <= now) and (ends is None or ends > now)
    return _PriceNow(sale if on_sale else regular, on_sale)


def _price_of(each: Variation, now: datetime) -> _PriceNow:
    return _price_now(now, each.regular_price, each.sale_price, each.sale_starts_at, each.sale_ends_at)


def _least(prices: Sequence[_PriceNow]) -> _PriceNow:
    amounts = [price.amount for price in prices if price.amount is not None]
    return _PriceNow(min(amounts, default=None), any(price.on_sale for price in prices))


def _options(variations: Sequence[Variation]) -> dict[str, list[str]]:
    options: dict[str, list[str]] = {}
    for each in variations:
        for attribute in each.attributes:
            values = options.setdefault(attribute["name"], [])
            if attribute["value"] not in values:
                values.append(attribute["value"])
    return options


def _latest(row: Row, family: Sequence[Variation], stocks: Sequence[Stock]) -> datetime:
    """When one of them last changed. The texts sort by time."""
    levels = [stock.changed_at for stock in stocks if stock.changed_at is not None]
    return datetime.fromisoformat(max([row.updated_at, *(each.updated_at for each in family), *levels]))
