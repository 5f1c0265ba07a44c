"""One row of a file, as a row of a catalogue document. What cannot be read stays as it is: the document's rules say
what is wrong with it, and where."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from gateway.catalog_import.columns import LISTS, PARENT, PUBLISHED, STOCK, ListName

_INTEGERS: Final = frozenset(
    {"id", "parent_id", "product_id", "location_id", "position", "low_stock_threshold"}
    | {"on_hand", "reserved", "safety_stock"}
)
_FLAGS: Final = frozenset({"active", "is_default", "pickup", "manage_stock", "disabled"})
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "status": {"published": "publish"},
    "backorders": {"1": "yes", "0": "no", "true": "yes", "false": "no"},
    "stock_status": {"1": "instock", "0": "outofstock", "backorder": "onbackorder"},
    "kind": {},
}
_TRIMMED: Final = frozenset(
    {"regular_price", "sale_price", "tax_rate", "sale_starts_at", "sale_ends_at", "created_at", "latitude", "longitude"}
)
_DOCUMENTS: Final = frozenset({"attributes", "extra"})
_YES: Final = frozenset({"yes", "true", "1"})
_NO: Final = frozenset({"no", "false", "0"})
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}(?:\.0+)?")
_PUBLISHED: Final = {"1": "publish", "0": "private", "-1": "draft", "true": "publish", "false": "draft"}
_ATTRIBUTE: Final = "attribute_"


def row_of(cells: Mapping[str, str], of: ListName) -> dict[str, Any]:
    """A row of text by our columns. An empty cell is no value; where a column needs one, it says nothing."""
    model = LISTS[of].model_fields
    row: dict[str, Any] = {}
    for column, text in cells.items():
        if column not in model:
            continue
        if text.strip():
            row[column] = _value(column, text)
        elif model[column].default is None:
            row[column] = None
        elif column == "description":
            row[column] = ""
    if of == "products":
        _take_parent(row, cells.get(PARENT))
        _take_status(row, cells)
        _take_attributes(row, cells)
        _take_stock(row, cells.get(STOCK))
    return row


def units_of(cells: Mapping[str, str]) -> Any:
    """The units that a product's row tells; None where it tells none."""
    text = (cells.get(STOCK) or "").strip()
    return None if text in {"", "parent"} else _whole(text)


def _value(column: str, text: str) -> Any:
    if column in _INTEGERS:
        return _whole(text.strip())
    if column in _FLAGS:
        word = text.strip().casefold()
        return True if word in _YES else False if word in _NO else text
    if column in _DOCUMENTS:
        return _document(text)
    if column == "type":
        return text.split(",", maxsplit=1)[0].strip().casefold()  # WooCommerce: `simple, virtual`
    if (words := _WORDS.get(column)) is not None:
        word = text.strip().casefold()
        return words.get(word, word)
    return text.strip() if column in _TRIMMED else text


def _whole(text: str) -> int | str:
    return int(text.partition(".")[0]) if _WHOLE.fullmatch(text) else text


def _document(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        return text


def _take_parent(row: dict[str, Any], text: str | None) -> None:
    """WooCommerce names it by SKU, or by `id:12`."""
    if not text or not text.strip():
        return
    named = text.strip()
    if named[:3].casefold() == "id:":
        row["parent_id"] = _whole(named[3:].strip())
    else:
        row["parent_sku"] = named


def _take_status(row: dict[str, Any], cells: Mapping[str, str]) -> None:
    text = (cells.get(PUBLISHED) or "").strip().casefold()
    if text and "status" not in row:
        row["status"] = _PUBLISHED.get(text, text)


def _take_attributes(row: dict[str, Any], cells: Mapping[str, str]) -> None:
    """`Attribute 1 name` and `Attribute 1 value(s)`, of variations: other products have those of theirs."""
    if row.get("type") != "variation":
        return
    numbers = [column.split("_")[1] for column in cells if column.startswith(_ATTRIBUTE) and column.endswith("_name")]
    if not numbers or "attributes" in row:
        return
    halves = ((cells[f"{_ATTRIBUTE}{each}_name"], cells.get(f"{_ATTRIBUTE}{each}_value_s", "")) for each in numbers)
    row["attributes"] = [
        {"name": name.strip(), "value": value.strip()} for name, value in halves if name.strip() and value.strip()
    ]


def _take_stock(row: dict[str, Any], text: str | None) -> None:
    """Where it has a quantity its stock is managed; `parent`: with its parent's."""
    if text is not None and "manage_stock" not in row:
        row["manage_stock"] = text.strip() not in {"", "parent"}
