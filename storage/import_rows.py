"""The rows of an import: compact JSON in its chunks, a Change each for the write path.

A row is `[line, item, location, quantity, terms]`. `item` is an id, a SKU, both as a list, or `{"gtin": …}`; `location`
is an id, a slug or `{"code": …}`; `quantity` is units or null. `terms` are null, or the four of TERMS, each KEEP where
the row says nothing of it and null where it clears what the level has of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import orjson

from storage.changes import (
    UNSET,
    AdjustQuantity,
    Backorders,
    Change,
    ItemKey,
    LocationKey,
    Quantity,
    Refused,
    SetQuantity,
    Unset,
    storable,
)

TERMS: Final = ("regular_price", "sale_price", "backorders", "disabled")
KEEP: Final = -1
"""In place of one of the terms: it stays as it is."""
SHOWN_MAX: Final = 60
"""Characters of a value that are told in a failure."""
_COLUMNS: Final = {
    "product": "product_id",
    "id": "product_id",
    "location": "location_id",
    "source": "location_id",
    "quantity": "stock",
    "expected_quantity": "stock",
}

Row = Sequence[Any]
Failure = dict[str, Any]
"""`line`, `column`, `value`, `code`, `message`, and the `row` as it can be written into a file again."""


class Mode(StrEnum):
    """What a row's quantity is."""

    SET = "set"
    ADJUST = "adjust"


class Policy(StrEnum):
    """What becomes of the good rows of a file that has bad ones."""

    PARTIAL = "partial"
    """They are written."""
    ATOMIC = "atomic"
    """Nothing is begun; and applying stops at the first chunk that has a row refused which the preview accepted."""


def rows_text(rows: Sequence[Row]) -> str:
    """Rows as a chunk keeps them."""
    return orjson.dumps(rows).decode()


def rows_of(text: str) -> list[Row]:
    """The rows of a chunk."""
    rows: list[Row] = orjson.loads(text)
    return rows


def change_of(row: Row, mode: Mode) -> Change:
    """What a row asks for."""
    item, location, amount, terms = row[1], row[2], row[3], row[4]
    keys = _both(*item) if item.__class__ is list else _item_keys(item)
    quantity = None if amount is None else _quantity(amount, mode)
    place = LocationKey("code", location["code"]) if location.__class__ is dict else _location_key(location)
    return Change(keys, place, quantity) if terms is None else Change(keys, place, quantity, *_terms(*terms))


def _item_keys(item: Any) -> tuple[ItemKey, ...]:
    if item.__class__ is dict:
        return (ItemKey("gtin", item["gtin"]),)
    return (ItemKey("id" if item.__class__ is int else "sku", item),)


@lru_cache(maxsize=4096)
def _both(number: int, sku: str) -> tuple[ItemKey, ...]:
    return ItemKey("id", number), ItemKey("sku", sku)


@lru_cache(maxsize=4096)
def _location_key(location: int | str) -> LocationKey:
    return LocationKey("id" if isinstance(location, int) else "slug", location)


@lru_cache(maxsize=4096)
def _quantity(amount: int, mode: Mode) -> Quantity:
    return SetQuantity(amount) if mode is Mode.SET else AdjustQuantity(amount)


@lru_cache(maxsize=4096)
def _terms(
    regular: str | int | None, sale: str | int | None, backorders: str | int | None, disabled: int
) -> tuple[Decimal | Unset | None, Decimal | Unset | None, Backorders | Unset | None, bool | Unset]:
    return (
        _price(regular),
        _price(sale),
        UNSET if backorders == KEEP else None if backorders is None else Backorders(str(backorders)),
        UNSET if disabled == KEEP else bool(disabled),
    )


def _price(text: str | int | None) -> Decimal | Unset | None:
    return UNSET if text == KEEP else None if text is None else Decimal(text)


def cells_of(row: Row) -> dict[str, str]:
    """A row by the names of its columns, as a file has it."""
    _, item, location, amount, terms = row
    cells: dict[str, str] = {}
    match item:
        case [number, sku]:
            cells |= {"product_id": str(number), "sku": sku}
        case {"gtin": gtin}:
            cells["gtin"] = gtin
        case int():
            cells["product_id"] = str(item)
        case _:
            cells["sku"] = item
    match location:
        case {"code": code}:
            cells["location_code"] = code
        case int():
            cells["location_id"] = str(location)
        case _:
            cells["location_slug"] = location
    cells["stock"] = "" if amount is None else str(amount)
    for name, value in zip(TERMS, terms or (), strict=False):
        if value != KEEP:
            cells[name] = "" if value is None else ("no", "yes")[value] if isinstance(value, bool) else str(value)
    return cells


def failure_of(row: Row, refused: Refused) -> Failure:
    """Why the inventory refuses a row."""
    cells = cells_of(row)
    column = _COLUMNS.get(refused.field or "", refused.field or "")
    if column not in cells:
        column = _present(column, cells)
    return failure(row[0], column, cells.get(column, ""), refused, cells)


def _present(column: str, cells: Mapping[str, str]) -> str:
    """The column by which this row names what is wrong."""
    kind = column.partition("_")[0]
    names = ("sku", "gtin") if kind in {"product", "sku", "gtin"} else ("location_slug", "location_code")
    return next((name for name in names if name in cells), column)


def failure(line: int, column: str, value: str, why: Refused, cells: Mapping[str, str]) -> Failure:
    """One failed row; its values may be anything."""
    shown = value if len(value) <= SHOWN_MAX else f"{value[: SHOWN_MAX - 1]}…"
    return {
        "line": line, "column": column, "value": storable(shown), "code": why.code.value, "message": why.message,
        "row": {name: storable(text) for name, text in cells.items() if name},
    }  # fmt: skip
