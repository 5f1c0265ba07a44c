"""Outcomes and rows to this dialect's JSON. Key order is the plugin's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from gateway.dialects.mulopimfwc_v1.errors import sentence
from storage.changes import Outcome
from storage.locations import ListedLocation
from storage.products import ListedProduct
from storage.stock_levels import ShownLevel, StockedItem

Yes = Literal[True]
Count = Annotated[int, Field(ge=0)]
Stock = Annotated[str, Field(pattern="^(-?[0-9]+)?$", description='Units; `""` where it was never stocked.')]
Price = Annotated[str, Field(pattern=r"^([0-9]+\.[0-9]{2,4})?$", description='`""` where the product\'s own applies.')]


class UpdatedData(TypedDict):
    """What was updated; `ignored` when something was not, because a rule says that another API key owns it."""

    product_id: int | None
    location_id: int | None
    sku: str
    ignored: NotRequired[list[str]]


class Updated(TypedDict):
    """An accepted update or webhook."""

    success: Yes
    message: str
    data: UpdatedData


class BulkResults(TypedDict):
    """What became of the items; `errors` has one sentence for each that failed: `Item 3: Product not found.`, and
    `ignored`, when there is any, one for each of which something was not written: `Item 4: stock, prices.`"""

    success: Count
    failed: Count
    errors: list[str]
    ignored: NotRequired[list[str]]


class BulkSynced(TypedDict):
    """A bulk-sync that was done, with what was not."""

    success: Yes
    message: str
    results: BulkResults


class Location(TypedDict):
    """A location; only an inactive one says so."""

    id: int
    slug: str
    name: str
    description: str
    active: NotRequired[Literal[False]]


class Locations(TypedDict):
    """All locations."""

    success: Yes
    count: Count
    data: list[Location]


class Shown(TypedDict):
    """Stock and prices are strings, '' where they were never set: a client tells that from "0"."""

    stock: Stock
    regular_price: Price
    sale_price: Price
    backorders: Annotated[str, Field(pattern="^(no|notify|yes)?$")]
    disabled: bool


class InventoryRow(Shown):
    """One location of a product."""

    location_id: int
    location_slug: str


class ExportRow(Shown):
    """One item at one location."""

    product_id: int
    sku: str
    product_name: str
    location_id: int
    location_slug: str
    location_name: str


class Product(TypedDict):
    """One entry of /products."""

    id: int
    sku: str
    name: str
    type: str
    inventory: NotRequired[list[InventoryRow]]


class Products(TypedDict):
    """A page of products. `page` and `per_page` are as they were sent."""

    success: Yes
    count: Count
    page: int | str
    per_page: int | str
    data: list[Product]


class Exported(TypedDict):
    """A page of the export."""

    success: Yes
    count: Count
    total: Count
    total_pages: Count
    current_page: Count
    per_page: Count
    has_more: bool
    data: list[ExportRow]


def updated(outcome: Outcome, message: str) -> Updated:
    """An accepted update or webhook."""
    data: UpdatedData = {
        "product_id": outcome.product_id,
        "location_id": outcome.location_id,
        "sku": outcome.sku or "",
    }
    if outcome.ignored:
        data["ignored"] = list(outcome.ignored)
    return {"success": True, "message": message, "data": data}


def bulk_sync(outcomes: Sequence[Outcome]) -> BulkSynced:
    """What became of each item: how many succeeded, and one sentence for each that did not."""
    results = bulk_results(outcomes)
    counts = f"{results['success']} succeeded, {results['failed']} failed."
    return {"success": True, "message": f"Processed {len(outcomes)} items. {counts}", "results": results}


def bulk_results(outcomes: Sequence[Outcome]) -> BulkResults:
    """Items are counted from 1 in the sentences."""
    errors = [f"Item {o.index + 1}: {sentence(o.error)}" for o in outcomes if o.error is not None]
    results: BulkResults = {"success": len(outcomes) - len(errors), "failed": len(errors), "errors": errors}
    if ignored := [f"Item {o.index + 1}: {', '.join(o.ignored)}." for o in outcomes if o.ignored]:
        results["ignored"] = ignored
    return results


def locations(found: Iterable[ListedLocation]) -> Locations:
    """Only inactive locations say what they are: the plugin knows no such thing."""
    data = [_location(each) for each in found]
    return {"success": True, "count": len(data), "data": data}


def _location(found: ListedLocation) -> Location:
    shown: Location = {"id": found.id, "slug": found.slug, "name": found.name, "description": found.description}
    if not found.active:
        shown["active"] = False
    return shown


def product(found: ListedProduct) -> Product:
    """One entry of /products."""
    return {"id": found.id, "sku": found.sku or "", "name": found.name, "type": found.type}


def export_row(item: StockedItem, location: ListedLocation, level: ShownLevel) -> ExportRow:
    """One row of the export."""
    return {
        "product_id": item.id,
        "sku": item.sku or "",
        "product_name": item.name,
        "location_id": location.id,
        "location_slug": location.slug,
        "location_name": location.name,
        **_shown(level),
    }


def inventory_row(location: ListedLocation, level: ShownLevel) -> InventoryRow:
    """One row of a product's inventory in /products."""
    return {"location_id": location.id, "location_slug": location.slug, **_shown(level)}


def _shown(level: ShownLevel) -> Shown:
    return {
        "stock": "" if level.on_hand is None else str(level.on_hand),
        "regular_price": level.regular_price or "",
        "sale_price": level.sale_price or "",
        "backorders": level.backorders or "",
        "disabled": level.disabled,
    }
