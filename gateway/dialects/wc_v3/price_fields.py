"""Prices as clients send them: read as the reference reads them, and kept as they were written."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from gateway.dialects.wc_v3.draft import Draft
from storage.changes import PRICE_MAX, Refused
from storage.columns import price_text
from storage.errors import ErrorCode

PRICES: Final = ("regular_price", "sale_price")
UNPRICED_TYPES: Final = frozenset({"variable", "grouped"})
_NO_DIGIT: Final = re.compile(r"\.(?![^.]+$)|[^0-9.-]")  # every dot but the last goes, too
_NUMERIC: Final = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)")
_EXPONENT: Final = re.compile(r"[0-9][eE][+-]?[0-9]")
_FOUR_PLACES: Final = Decimal("0.0001")
_LENGTH_MAX: Final = 100


def take_prices(draft: Draft) -> Refused | None:
    """What the body says of prices. A sale price that is not below the regular one is dropped without a word."""
    sent = [name for name in PRICES if name in draft.fields]
    if not sent or draft.type in UNPRICED_TYPES:
        return None
    for name in sent:
        price = read_price(draft.fields[name], name)
        if isinstance(price, Refused):
            return price
        draft.values[name], text = price
        draft.keep(name, text)
    regular, sale = draft.value("regular_price"), draft.value("sale_price")
    if sale is not None and (regular is None or sale >= regular):
        draft.values["sale_price"] = None
        draft.keep("sale_price", None)
    return None


def read_price(sent: str | float, name: str) -> tuple[Decimal | None, str | None] | Refused:
    """A price, and its text where that is to be kept: our own form of it needs no keeping.

    `12,50` is 1250 and `12 EUR` is 12, as on the reference; text without a number is no price.
    """
    text = sent if isinstance(sent, str) else number_text(sent)
    if len(text) > _LENGTH_MAX or _EXPONENT.search(text):
        return _refused(name)
    text = _NO_DIGIT.sub("", text)
    if not _NUMERIC.fullmatch(text):
        return None, None
    price = Decimal(text)
    if not 0 <= price <= PRICE_MAX:
        return _refused(name)
    rounded = price.quantize(_FOUR_PLACES, ROUND_HALF_UP)
    is_ours = rounded != price or text == price_text(rounded)
    return rounded, None if is_ours else text


def number_text(number: float) -> str:
    """A number of JSON as PHP writes it: `12.0` is `12`."""
    text = format(Decimal(repr(number)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _refused(name: str) -> Refused:
    message = f"{name} must be a decimal number from 0 to {PRICE_MAX}, such as 19.99."
    return Refused(ErrorCode.INVALID_PRICE, message, name)
