"""Export rows as CSV text, which a text comparison with the plugin's file holds against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.csv_files import BOM, cell
from storage.locations import ListedLocation
from storage.stock_levels import NEVER_STOCKED, StockedItem

COLUMNS: Final = (
    "product_id", "sku", "product_name", "location_id", "location_slug", "location_name",
    "stock", "regular_price", "sale_price", "backorders", "disabled",
)  # fmt: skip
HEADER: Final = f"{BOM}{','.join(COLUMNS)}\n"


def lines(
    products: Sequence[Sequence[StockedItem]], locations: Sequence[ListedLocation], *, never_stocked: bool
) -> str:
    """The rows of some products: location after location, and within each the product's items.

    Without `never_stocked` there are rows only where there is a level.
    """
    places = [(each.id, f"{each.id},{cell(each.slug)},{cell(each.name)},") for each in locations]
    written: list[str] = []
    for items in products:
        prefixed = [(item.levels, f"{item.id},{cell(item.sku or '')},{cell(item.name)},") for item in items]
        for location_id, place in places:
            for levels, prefix in prefixed:
                level = levels.get(location_id)
                if level is None:
                    if not never_stocked:
                        continue
                    level = NEVER_STOCKED
                stock, regular, sale, backorders, disabled = level
                written.append(
                    f"{prefix}{place}{'' if stock is None else stock},{regular or ''},{sale or ''},{backorders or ''},"
                    f"{'yes' if disabled else 'no'}\n"
                )
    return "".join(written)
