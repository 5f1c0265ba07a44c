"""A product as it is stored, and as a body would have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from storage.changes import AdjustQuantity, LocationKey, SetQuantity

NAME: Final = "wc/v3"
"""The name of the dialect in the ledger, and of its part of `product.extra`."""

NEW: Final[Mapping[str, Any]] = {
    "type": "simple",
    "status": "publish",
    "name": "",
    "sku": None,
    "gtin": None,
    "attributes": [],
    "manage_stock": False,
    "stock_status": "instock",
    "backorders": "no",
    "low_stock_threshold": None,
    "regular_price": None,
    "sale_price": None,
    "sale_starts_at": None,
    "sale_ends_at": None,
    "created_at": None,
    "extra": {},
}
"""What a product is that is about to be created, before its body says more."""

_AS_GIVEN: Final = {"gtin": "gtin_text"}
"""Columns that are written as they are given, and stored so in another."""


@dataclass(slots=True)
class Draft:
    """`fields` are those of the body that clients may write, each of its type. `values` (columns), `kept` (what we have
    no column for) and `stock` collect what they make of the product."""

    fields: Mapping[str, Any]
    row: Mapping[str, Any]
    parent: Mapping[str, Any] | None
    is_new: bool
    is_variation: bool
    zone: ZoneInfo
    now: datetime
    shown_attributes: Sequence[Mapping[str, Any]] | None = None
    on_hand: int = 0
    has_variations: bool = False  # of which stock is tracked
    parent_has_variations: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    kept: dict[str, Any] = field(init=False)
    stock: list[tuple[LocationKey | None, SetQuantity | AdjustQuantity]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.kept = dict(kept_of(self.row))

    @property
    def type(self) -> str:
        """What kind of product it will be."""
        return str(self.value("type"))

    def value(self, column: str) -> Any:
        """A column as the body leaves it so far."""
        return self.values[column] if column in self.values else self.row[column]

    def keep(self, name: str, value: Any, default: Any = None) -> None:
        """Keep what clients shall get back; what they get anyway is not kept."""
        if value == default and type(value) is type(default):
            self.kept.pop(name, None)
        else:
            self.kept[name] = value

    def changes(self) -> dict[str, Any]:
        """The columns that will differ; all that is said of a product that is new."""
        values = dict(self.values)
        if self.kept != kept_of(self.row):
            values["extra"] = {**self.row["extra"], NAME: self.kept}
        if self.is_new:
            return {name: value for name, value in {**self.row, **values}.items() if value is not None}
        return {column: value for column, value in values.items() if self.row[_AS_GIVEN.get(column, column)] != value}


def kept_of(row: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """What this dialect keeps of a product."""
    kept: Mapping[str, Any] = (row["extra"].get(NAME) or {}) if row is not None else {}
    return kept
