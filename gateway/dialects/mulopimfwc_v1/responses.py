"""Outcomes and rows to this dialect's JSON. Key order is the plugin's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gateway.dialects.mulopimfwc_v1.errors import sentence
from storage.changes import Outcome
from storage.locations import ListedLocation
from storage.products import ListedProduct
from storage.stock_levels import ShownLevel, StockedItem


def updated(outcome: Outcome, message: str) -> dict[str, Any]:
    """An accepted update or webhook."""
    data = {"product_id": outcome.product_id, "location_id": outcome.location_id, "sku": outcome.sku or ""}
    return {"success": True, "message": message, "data": data}


def bulk_sync(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What became of each item: how many succeeded, and one sentence for each that did not."""
    results = bulk_results(outcomes)
    counts = f"{results['success']} succeeded, {results['failed']} failed."
    return {"success": True, "message": f"Processed {len(outcomes)} items. {counts}", "results": results}


def bulk_results(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Items are counted from 1 in the sentences."""
    errors = [f"Item {o.index + 1}: {sentence(o.error)}" for o in outcomes if o.error is not None]
    return {"success": len(outcomes) - len(errors), "failed": len(errors), "errors": errors}


def locations(found: Iterable[ListedLocation]) -> dict[str, Any]:
    """Only inactive locations say what they are: the plugin knows no such thing."""
    data: list[dict[str, Any]] = [
        {"id": each.id, "slug": each.slug, "name": each.name, "description": each.description}
        | ({} if each.active else {"active": False})
        for each in found
    ]
    return {"success": True, "count": len(data), "data": data}


def product(found: ListedProduct) -> dict[str, Any]:
    """One entry of /products."""
    return {"id": found.id, "sku": found.sku or "", "name": found.name, "type": found.type}


def export_row(item: StockedItem, location: ListedLocation, level: ShownLevel) -> dict[str, Any]:
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


def inventory_row(location: ListedLocation, level: ShownLevel) -> dict[str, Any]:
    """One row of a product's inventory in /products."""
    return {"location_id": location.id, "location_slug": location.slug, **_shown(level)}


def _shown(level: ShownLevel) -> dict[str, Any]:
    """Stock and prices are strings, '' where they were never set: a client tells that from "0"."""
    return {
        "stock": "" if level.on_hand is None else str(level.on_hand),
        "regular_price": level.regular_price or "",
        "sale_price": level.sale_price or "",
        "backorders": level.backorders or "",
        "disabled": level.disabled,
    }
