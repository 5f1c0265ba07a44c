"""Which columns of a file are which of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.csv_files import FileError
from storage.import_rows import TERMS, Mode

ITEM: Final = ("product_id", "sku", "gtin")
LOCATION: Final = ("location_id", "location_slug", "location_code")
COLUMNS: Final = (*ITEM, *LOCATION, "stock", *TERMS)
_SYNONYMS: Final[dict[str, tuple[str, ...]]] = {
    "product_id": ("id", "variation_id", "variant_id"),
    "sku": ("product_sku", "variant_sku", "item_number", "item_no", "article_number", "article_no", "part_number"),
    "gtin": ("ean", "ean13", "upc", "barcode"),
    "location_id": ("warehouse_id", "store_id"),
    "location_slug": ("location", "warehouse", "store"),
    "location_code": ("warehouse_code", "store_code"),
    "stock": ("quantity", "qty", "on_hand", "stock_quantity", "stock_level"),
    "regular_price": ("price",),
    "backorders": ("backorder", "allow_backorders"),
}
_DELTAS: Final = ("delta", "adjustment", "change")
_SILENTLY_IGNORED: Final = frozenset({"", "product_name", "location_name", "line", "column", "reason"})


def normal(name: str) -> str:
    """A column's name as names compare: `Stock Quantity`, `stock-quantity` and `STOCK_QUANTITY` are one."""
    return re.sub(r"[\s_-]+", "_", name.strip().casefold())


def mapping_of(pairs: Sequence[str]) -> dict[str, str]:
    """What `Qty=stock` says, any number of times; `Price=` says that a column is not to be looked at."""
    mapping: dict[str, str] = {}
    for pair in pairs:
        name, equals, ours = pair.rpartition("=")
        ours = normal(ours)
        if not equals or not name.strip():
            raise FileError(f"{pair!r} maps nothing: write it as NAME=COLUMN, such as Qty=stock.")
        if ours and ours not in COLUMNS:
            raise FileError(f"{pair!r}: there is no column {ours!r}. There are {', '.join(COLUMNS)}.")
        mapping[normal(name)] = ours
    return mapping


class Columns:
    """Ours for the names of a file's, by the caller's mapping, by our own names, and by what others call them."""

    def __init__(self, mapping: Mapping[str, str], mode: Mode) -> None:
        self._ours: dict[str, str] = {name: name for name in COLUMNS}
        for ours, others in _SYNONYMS.items():
            self._ours |= dict.fromkeys(others, ours)
        if mode is Mode.ADJUST:
            self._ours |= dict.fromkeys(_DELTAS, "stock")
        given = {ours for ours in mapping.values() if ours}
        self._ours = {name: ours for name, ours in self._ours.items() if ours not in given} | dict(mapping)
        self._mapping = mapping

    def of(self, name: str) -> str:
        """Which of ours it is; '' for none."""
        return self._ours.get(normal(name), "")

    def of_header(self, header: Sequence[str], *, location: str) -> tuple[list[str], list[str]]:
        """Which of ours each column is, and the names of those that mean nothing to us.

        Raises FileError when the columns do not say what is where.
        """
        ours = [self.of(name) for name in header]
        names = {normal(name) for name in header}
        if missing := [name for name in self._mapping if name not in names]:
            raise FileError(f"There is no column {missing[0]!r} to map: the file has {_listed(header)}.", 1)
        for column in COLUMNS:
            same = [name for name, own in zip(header, ours, strict=True) if own == column]
            if len(same) > 1:
                hint = f"Leave one out by mapping it to nothing: {same[1]}="
                raise FileError(f"The columns {_listed(same)} are all {column}. {hint}", 1)
        self._check(ours, header, location)
        ignored = [
            name
            for name, own in zip(header, ours, strict=True)
            if not own and normal(name) not in _SILENTLY_IGNORED and normal(name) not in self._mapping
        ]
        return ours, ignored

    def _check(self, ours: Sequence[str], header: Sequence[str], location: str) -> None:
        has = f"The file has {_listed(header)}; name one by mapping it, such as NAME="
        if not set(ours) & set(ITEM):
            raise FileError(f"No column says which product a row is about: {', '.join(ITEM)}. {has}sku.", 1)
        if not location and not set(ours) & set(LOCATION):
            wanted = ", ".join(LOCATION)
            raise FileError(f"No column says where: {wanted}. {has}location_slug, or give one location for all.", 1)
        if not set(ours) & {"stock", *TERMS}:
            raise FileError(f"No column says what to change: stock, {', '.join(TERMS)}. {has}stock.", 1)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names[:20]) + (" …" if len(names) > 20 else "")
