"""One row of a file, as a row of an import or as why it cannot be one.

Numbers are taken strictly: what could mean two things is refused, not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from storage.changes import ID_MAX, QUANTITY_MAX, Refused, is_storable
from storage.errors import ErrorCode
from storage.import_rows import KEEP, TERMS, Failure, Row, failure

Cells = Mapping[str, str]
"""A row's values by our columns' names; what it says nothing of is not there."""

_ID: Final = re.compile(r"\s*([0-9]{1,19})\s*")
_UNITS: Final = re.compile(r"\s*([+-]?[0-9]{1,10})(?:\.0+)?\s*")
_PRICE: Final = re.compile(r"\s*([0-9]{1,8}(?:\.[0-9]{1,4})?)\s*")
_BACKORDERS: Final = {"no": "no", "notify": "notify", "yes": "yes", "": None}
_DISABLED: Final = {"yes": True, "no": False, "true": True, "false": False, "1": True, "0": False, "": KEEP}
_UNITS_HELP: Final = (
    f"Not a whole number from -{QUANTITY_MAX} to {QUANTITY_MAX}. Write it in digits, without separators: 1000."
)
_PRICE_HELP: Final = (
    "Not a price: digits with a decimal point, at most four places, up to 99999999.9999, "
    "without separators or currency."
)

_EMPTY: Final = Refused(ErrorCode.INVALID_QUANTITY, "Empty: there is no quantity, and nothing else to change.")


class _InvalidError(Exception):
    """A cell that cannot be read."""

    def __init__(self, code: ErrorCode, column: str, message: str) -> None:
        super().__init__(message)
        self.code, self.column, self.message = code, column, message


class Reading(NamedTuple):
    """How rows are read: `location` is that of rows that name none."""

    location: str = ""

    def row(self, line: int, cells: Cells) -> Row | Failure:
        """A list for a row, a dict for why it is none."""
        try:
            item = _item(cells)
            location = _location(cells, self.location)
            units = _units(cells.get("stock", ""))
            terms = _terms_of(cells)
        except _InvalidError as invalid:
            value = cells.get(invalid.column, "")
            return failure(line, invalid.column, value, Refused(invalid.code, invalid.message), cells)
        if units is None and terms is None:
            return failure(line, "stock", "", _EMPTY, cells)
        return [line, item, location, units, terms]


def _item(cells: Cells) -> Any:
    text = cells.get("product_id", "")
    number = _id(text, "product_id", ErrorCode.ITEM_NOT_FOUND)
    sku = cells.get("sku", "")
    if sku and not sku.strip():
        sku = ""
    if sku and not is_storable(sku):
        raise _InvalidError(ErrorCode.ITEM_NOT_FOUND, "sku", "Product not found.")
    if number and sku:
        return [number, sku]
    if number or sku:
        return number or sku
    if gtin := cells.get("gtin", "").strip():
        return {"gtin": gtin}
    raise _InvalidError(ErrorCode.ITEM_REQUIRED, _given(cells, "product_id", "sku", "gtin"), "No product is named.")


def _location(cells: Cells, otherwise: str) -> Any:
    number = _id(cells.get("location_id", ""), "location_id", ErrorCode.LOCATION_NOT_FOUND)
    if number:
        return number
    if slug := cells.get("location_slug", "").strip():
        return slug
    if code := cells.get("location_code", "").strip():
        return {"code": code}
    if otherwise:
        return otherwise
    column = _given(cells, "location_id", "location_slug", "location_code")
    raise _InvalidError(ErrorCode.LOCATION_REQUIRED, column, "No location is named.")


def _given(cells: Cells, *columns: str) -> str:
    return next((column for column in columns if column in cells), columns[0])


def _id(text: str, column: str, code: ErrorCode) -> int:
    """An id; 0 is none."""
    if not text or text.isspace():
        return 0
    match = _ID.fullmatch(text)
    number = int(match[1]) if match else -1
    if not 0 <= number <= ID_MAX:
        raise _InvalidError(code, column, "Not an id: ids are whole numbers.")
    return number


@lru_cache(maxsize=4096)
def _units(text: str) -> int | None:
    if not text or text.isspace():
        return None
    match = _UNITS.fullmatch(text)
    number = int(match[1]) if match and text.isascii() else None
    if number is None or abs(number) > QUANTITY_MAX:
        raise _InvalidError(ErrorCode.INVALID_QUANTITY, "stock", _UNITS_HELP)
    return number


def _terms_of(cells: Cells) -> Any:
    """The four of TERMS; None where the row speaks of none of them."""
    get = cells.get
    return _terms(get("regular_price"), get("sale_price"), get("backorders"), get("disabled"))


@lru_cache(maxsize=4096)
def _terms(regular: str | None, sale: str | None, backorders: str | None, disabled: str | None) -> Any:
    terms = (
        _price(regular, "regular_price"),
        _price(sale, "sale_price"),
        _word(backorders, _BACKORDERS, ErrorCode.INVALID_BACKORDERS, "backorders", "Not one of no, notify and yes."),
        _word(disabled, _DISABLED, ErrorCode.INVALID_DISABLED, "disabled", "Neither yes nor no."),
    )
    return None if terms == (KEEP,) * len(TERMS) else terms


def _price(text: str | None, column: str) -> str | int | None:
    """An empty one clears the location's own price, so that the product's applies."""
    if text is None:
        return KEEP
    if not text or text.isspace():
        return None
    match = _PRICE.fullmatch(text)
    if match is None or not text.isascii():
        raise _InvalidError(ErrorCode.INVALID_PRICE, column, _PRICE_HELP)
    return match[1]


def _word(text: str | None, words: Mapping[str, Any], code: ErrorCode, column: str, message: str) -> Any:
    if text is None:
        return KEEP
    word = text.strip().casefold()
    if word not in words:
        raise _InvalidError(code, column, message)
    return words[word]
