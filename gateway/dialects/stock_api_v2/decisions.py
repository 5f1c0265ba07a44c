"""What a PATCH makes of a product, in the core's words. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from gateway.dialects.failures import FailedError
from gateway.dialects.stock_api_v2.prices import Priced, Values, rate_of, repriced
from gateway.dialects.stock_api_v2.requests import InventoryPatch, Warehouse
from storage.changes import UNSET, AdjustQuantity, LocationKey, Refused, SetQuantity
from storage.errors import ErrorCode
from storage.product_edits import Edited, Stored

Place = tuple[int, str, str]
"""Id, name and slug of an active location."""

_DISABLED: Final = Refused(
    ErrorCode.STOCK_NOT_TRACKED,
    'The stock of this product is not tracked: send "inventory_enabled": "on" with it.',
    "stock",
)
_IS_PARENTS: Final = Refused(
    ErrorCode.INVALID_VALUE, "This variant shares the stock of its product: switch it off there.", "inventory_enabled"
)
_HAS_VARIANTS: Final = Refused(
    ErrorCode.ITEM_HAS_VARIATIONS, "The variants of this product have stock and prices, not the product: change theirs."
)


@dataclass(frozen=True, slots=True)
class StockLine:
    """One quantity of a request: where, how much, and what the client called it."""

    location: LocationKey
    quantity: SetQuantity | AdjustQuantity
    field: str


def stock_lines(patch: InventoryPatch, places: Sequence[Place]) -> list[StockLine]:
    """The quantities of a request, at these active locations. Raises FailedError (422)."""
    lines = []
    if patch.stock is not None:
        lines.append(StockLine(_only(places), patch.stock, "stock"))
    for index, warehouse in enumerate(patch.warehouses):
        field = f"warehouses[{index}]"
        key = LocationKey("id", _warehouse(warehouse, places, field))
        if key in {line.location for line in lines}:
            raise FailedError(422, "duplicate_warehouse", "The same warehouse is there twice.", field)
        lines.append(StockLine(key, warehouse.stock, f"{field}.stock"))
    return lines


def _only(places: Sequence[Place]) -> LocationKey:
    """Where `stock` goes."""
    if len(places) > 1:
        message = f"There are {len(places)} warehouses: change the stock of each through `warehouses`."
        raise FailedError(422, "use_warehouses", message)
    if not places:
        raise FailedError(422, "warehouse_not_found", "There is no active warehouse that could hold stock.", "stock")
    return LocationKey("id", places[0][0])


def _warehouse(warehouse: Warehouse, places: Sequence[Place], field: str) -> int:
    """The id of a location; the id decides when there is a name, too."""
    if warehouse.id is not None:
        return warehouse.id  # the write path tells whether it is there
    exactly = [id_ for id_, name, _ in places if name == warehouse.name]
    folded = (warehouse.name or "").casefold()
    found = exactly or [id_ for id_, name, _ in places if name.strip().casefold() == folded]
    if not found:
        raise FailedError(422, "warehouse_not_found", f"There is no warehouse {warehouse.name!r}.", f"{field}.name")
    if len(found) > 1:
        ids = ", ".join(map(str, found))
        message = f"Several warehouses are called {warehouse.name!r}: use the id, one of {ids}."
        raise FailedError(422, "ambiguous_warehouse", message, f"{field}.name")
    return found[0]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a request makes of its product. `lines` is its stock, if the product carries it itself."""

    patch: InventoryPatch
    lines: Sequence[StockLine]
    default_rate: Decimal
    now: datetime

    def __call__(self, stored: Stored | None) -> Edited | Refused:
        assert stored is not None  # noqa: S101 (no request creates a product)
        switched = self._switched(stored)
        if isinstance(switched, Refused):
            return switched
        prices = self._prices(stored)
        if isinstance(prices, Refused):
            return prices
        is_on = stored.carrier is not None or bool(switched.get("manage_stock"))
        if self.lines and not (is_on and self.patch.inventory_enabled != "off"):
            return replace(_HAS_VARIANTS if stored.has_variations else _DISABLED, field=self.lines[0].field)
        return Edited({**switched, **prices}, _stock(self.lines))

    def _switched(self, stored: Stored) -> Values | Refused:
        """A variant that shares its product's stock has it tracked already; it cannot switch that off."""
        manages = stored.values["manage_stock"]
        match self.patch.inventory_enabled:
            case "on" if stored.carrier is None:
                is_variants = stored.has_variations
                return replace(_HAS_VARIANTS, field="inventory_enabled") if is_variants else {"manage_stock": True}
            case "off" if stored.carrier == "parent" or (manages and stored.parent and stored.parent["manage_stock"]):
                return _IS_PARENTS
            case "off" if manages:
                return {"manage_stock": False}
        return {}

    def _prices(self, stored: Stored) -> Values | Refused:
        rate = rate_of(stored.values, stored.parent, self.default_rate)
        asked: list[Any] = []
        for price in (self.patch.current, self.patch.unreduced):
            amount = price.in_gross(rate)
            if isinstance(amount, Refused):
                return amount
            asked.append(amount)
        if asked == [UNSET, UNSET]:
            return {}
        is_variable = stored.values["type"] == "variable"
        values = _HAS_VARIANTS if is_variable else repriced(Priced.of(stored.values, self.now), *asked)
        if isinstance(values, Refused):
            wanted = self.patch.current if asked[1] is UNSET else self.patch.unreduced
            return replace(values, field=wanted.field)
        return values


def only_stock(lines: Sequence[StockLine]) -> Callable[[Stored | None], Edited | Refused]:
    """What a request makes of the product whose stock a variant shares."""

    def decide(stored: Stored | None) -> Edited | Refused:
        if lines and (stored is None or stored.carrier is None):  # since it was looked at
            return replace(_DISABLED, field=lines[0].field)
        return Edited(stock=_stock(lines))

    return decide


def _stock(lines: Sequence[StockLine]) -> list[tuple[LocationKey, SetQuantity | AdjustQuantity]]:
    return [(line.location, line.quantity) for line in lines]
