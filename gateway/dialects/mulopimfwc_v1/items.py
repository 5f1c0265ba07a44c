"""One inventory item of a request body, as a Change or as why it cannot be one.

Hand-written rather than a pydantic model: the accepted forms are PHP's (`"177"` is an id, `0` is none at all), each
refusal has its own code, and 1,000 items have to be read in a few milliseconds.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from urllib.parse import unquote

from storage.changes import (
    ID_MAX,
    QUANTITY_MAX,
    UNSET,
    Backorders,
    Change,
    ItemKey,
    LocationKey,
    Refused,
    SetQuantity,
    Unset,
    is_price,
)
from storage.errors import ErrorCode

ITEM_REQUIRED: Final = Refused(ErrorCode.ITEM_REQUIRED, "Product ID or SKU is required.", "product_id")
LOCATION_REQUIRED: Final = Refused(ErrorCode.LOCATION_REQUIRED, "Location ID or slug is required.", "location_id")
INVALID_ITEM: Final = Refused(ErrorCode.INVALID_LINE, "Invalid data format.")
_ITEM_NOT_FOUND: Final = Refused(ErrorCode.ITEM_NOT_FOUND, "Product not found.", "product_id")
_LOCATION_NOT_FOUND: Final = Refused(ErrorCode.LOCATION_NOT_FOUND, "Location not found.", "location_id")
_INVALID_STOCK: Final = Refused(ErrorCode.INVALID_QUANTITY, "Invalid stock value.", "stock")
_INVALID_BACKORDERS: Final = Refused(
    ErrorCode.INVALID_BACKORDERS, "Invalid backorders value. Use no, notify or yes.", "backorders"
)
_INVALID_DISABLED: Final = Refused(ErrorCode.INVALID_DISABLED, "Invalid disabled value.", "disabled")
_INVALID_PRICE: Final = {
    field: Refused(ErrorCode.INVALID_PRICE, "Invalid price value.", field) for field in ("regular_price", "sale_price")
}

_ABSENT: Final = (None, "", 0, "0")
_BACKORDERS: Final = {value.value: value for value in Backorders}
_DISABLED: Final = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False, 1: True, 0: False}
_INTEGER: Final = re.compile(r"-?[0-9]{1,10}")
_PRICE: Final = re.compile(r"[0-9]{1,8}(\.[0-9]{1,4})?")
_SLUG: Final = re.compile(r"[\w.-]+")
_PLAIN_SLUG: Final = re.compile(r"[a-z0-9_.-]+")


def read_item(item: object, *, stock_required: bool = True) -> Change | Refused:
    """What one item asks for. Unknown fields are ignored; null is the same as a field left out."""
    if not isinstance(item, dict):
        return INVALID_ITEM
    keys = _item_keys(item)
    if isinstance(keys, Refused):
        return keys
    location = _location_key(item)
    if isinstance(location, Refused):
        return location
    quantity = _quantity(item.get("stock"), required=stock_required)
    if isinstance(quantity, Refused):
        return quantity
    if item.keys() <= _QUANTITY_ONLY:
        return Change(keys, location, quantity)
    return _with_terms(item, keys, location, quantity)


_QUANTITY_ONLY: Final = frozenset({"product_id", "sku", "location_id", "location_slug", "stock"})


def _with_terms(
    item: Mapping[str, Any], keys: tuple[ItemKey, ...], location: LocationKey, quantity: SetQuantity | None
) -> Change | Refused:
    """The change with the fields that say on which terms the stock is sold."""
    regular_price = _price(item, "regular_price")
    if isinstance(regular_price, Refused):
        return regular_price
    sale_price = _price(item, "sale_price")
    if isinstance(sale_price, Refused):
        return sale_price
    backorders: Backorders | Unset = UNSET
    if (given := item.get("backorders")) is not None:
        if not isinstance(given, str) or given not in _BACKORDERS:
            return _INVALID_BACKORDERS
        backorders = _BACKORDERS[given]
    disabled: bool | Unset = UNSET
    if (given := item.get("disabled")) is not None:
        if not isinstance(given, str | int | float) or given not in _DISABLED:
            return _INVALID_DISABLED
        disabled = _DISABLED[given]
    return Change(keys, location, quantity, regular_price, sale_price, backorders, disabled)


def _item_keys(item: Mapping[str, Any]) -> tuple[ItemKey, ...] | Refused:
    """product_id decides when both are sent; the write path refuses a SKU that names another product."""
    product_id, sku = item.get("product_id"), item.get("sku")
    has_id, has_sku = product_id not in _ABSENT, sku not in _ABSENT
    if not has_id and not has_sku:
        return ITEM_REQUIRED
    keys = []
    if has_id:
        if (number := _id(product_id)) is None:
            return _ITEM_NOT_FOUND
        keys.append(ItemKey("id", number))
    if has_sku:
        if isinstance(sku, str) and "\0" not in sku:
            keys.append(ItemKey("sku", sku))
        elif isinstance(sku, int) and not isinstance(sku, bool):
            keys.append(ItemKey("sku", str(sku)))
        elif not has_id:
            return _ITEM_NOT_FOUND
    return tuple(keys)


def _location_key(item: Mapping[str, Any]) -> LocationKey | Refused:
    location_id, slug = item.get("location_id"), item.get("location_slug")
    if location_id not in _ABSENT:
        number = _id(location_id)
        return _LOCATION_NOT_FOUND if number is None else LocationKey("id", number)
    if isinstance(slug, str) and "\0" not in slug:
        text = slug.strip()
        if not text:
            return LOCATION_REQUIRED
        return LocationKey("slug", text if _PLAIN_SLUG.fullmatch(text) else slug_of(text))
    return LOCATION_REQUIRED if slug in _ABSENT else _LOCATION_NOT_FOUND


def _id(value: object) -> int | None:
    """An id as a number or a numeric string; None for what can be no id."""
    if isinstance(value, str):
        if not (value.isascii() and value.isdecimal() and len(value) <= 19):
            return None
        number = int(value)
    elif isinstance(value, float):
        if not value.is_integer() or abs(value) > 2**53:
            return None
        number = int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        return None
    return number if 1 <= number <= ID_MAX else None


def slug_of(text: str) -> str:
    """The slug that a slug in any spelling, or a location's name, stands for.

    `KYIV-CENTRAL`, `Kyiv Central` and percent-encoded UTF-8 are understood. Latin accents are dropped from names only:
    what has the form of a slug already is taken at its word.
    """
    slug = unquote(text, errors="replace").strip().lower()
    if _SLUG.fullmatch(slug):
        return slug
    slug = "".join(_without_accent(character) for character in slug)
    return re.sub(r"-+", "-", re.sub(r"[^\w.-]", "", re.sub(r"\s+", "-", slug))).strip("-")


def _without_accent(character: str) -> str:
    base = unicodedata.normalize("NFKD", character)[:1]
    return base if base.isascii() else character


def _quantity(stock: object, *, required: bool) -> SetQuantity | Refused | None:
    """An integer in any of its JSON forms; true, 1.5 and "abc" are none."""
    if stock is None:
        return _INVALID_STOCK if required else None
    if (isinstance(stock, str) and _INTEGER.fullmatch(stock)) or (isinstance(stock, float) and stock.is_integer()):
        stock = int(stock)
    if not isinstance(stock, int) or isinstance(stock, bool) or not -QUANTITY_MAX <= stock <= QUANTITY_MAX:
        return _INVALID_STOCK
    return SetQuantity(stock)


def _price(item: Mapping[str, Any], field: str) -> Decimal | Unset | Refused | None:
    """A decimal as a JSON string or number; "" clears the location's own price, so that the product's applies."""
    value = item.get(field)
    if value is None:
        return UNSET
    if value == "" and isinstance(value, str):
        return None
    if isinstance(value, str) and _PRICE.fullmatch(value):
        return Decimal(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 10**9:
        price = Decimal(repr(value))  # the shortest text of a float is the one that was sent
        return price if is_price(price) else _INVALID_PRICE[field]
    return _INVALID_PRICE[field]
