"""EffectiveThreshold: at which quantity stock is low, and who says so."""

from __future__ import annotations

from typing import Any, Final

import strawberry
from sqlalchemy import func

from schema.sources import column, embedded, leaf
from schema.types.choices import ThresholdSource
from storage import thresholds

_DESCRIPTION: Final = "So many units or fewer are low stock, and who says so."


@strawberry.type(description="At which quantity stock is low, and who says so.")
class EffectiveThreshold:
    """A storage.thresholds.Effective: the row carries both."""

    value: int = column("threshold_value", "So many units or fewer are low stock.")
    source: ThresholdSource = leaf(lambda row: func.upper(row.threshold_source), "Who says so.")


def of_product() -> Any:
    """The field of a product or variation as a whole."""
    return embedded(
        None,
        f"{_DESCRIPTION} Of the product as a whole: at a location another one may apply, see StockLevel.",
        threshold_value=thresholds.of_product,
        threshold_source=thresholds.source_of_product,
    )


def of_level() -> Any:
    """The field of a level."""
    return embedded(
        None,
        _DESCRIPTION,
        threshold_value=thresholds.of_level,
        threshold_source=thresholds.source_of_level,
    )
