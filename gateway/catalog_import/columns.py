"""Which columns of a file are which of a catalogue document, by our names and by those of WooCommerce's CSV export."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from gateway.csv_files import FileError
from storage.catalog_rows import LocationRow, ProductRow, Row, StockRow

ListName = Literal["products", "locations", "stock"]
LISTS: Final[Mapping[str, type[Row]]] = {"products": ProductRow, "locations": LocationRow, "stock": StockRow}

PUBLISHED, PARENT, STOCK = "published", "parent", "units"
"""Columns that are none of ours, and say something about several of ours."""

_SYNONYMS: Final[Mapping[str, Mapping[str, str]]] = {
    "products": {
        "product_id": "id",
        "product_sku": "sku",
        "product_name": "name",
        "title": "name",
        "gtin_upc_ean_or_isbn": "gtin",
        "ean": "gtin",
        "upc": "gtin",
        "barcode": "gtin",
        "global_unique_id": "gtin",
        "published": PUBLISHED,
        "parent": PARENT,
        "stock": STOCK,
        "stock_quantity": STOCK,
        "price": "regular_price",
        "date_sale_price_starts": "sale_starts_at",
        "date_sale_price_ends": "sale_ends_at",
        "low_stock_amount": "low_stock_threshold",
        "backorders_allowed": "backorders",
        "in_stock": "stock_status",
    },
    "locations": {
        "location_id": "id",
        "location_slug": "slug",
        "location_code": "code",
        "location_name": "name",
        "default": "is_default",
        "address": "address1",
        "address_1": "address1",
        "address_2": "address2",
        "state": "region",
        "zip": "postcode",
    },
    "stock": {"id": "product_id", "stock": "on_hand", "quantity": "on_hand", "qty": "on_hand"},
}
_ATTRIBUTE: Final = re.compile(r"attribute_([0-9]{1,3})_(name|value_s)")
_TOLD_ELSEWHERE: Final[Mapping[str, frozenset[str]]] = {
    "products": frozenset(),
    "locations": frozenset(),
    "stock": frozenset({"product_name", "location_name", "updated_at"}),
}
"""Columns of our own exports that only say more about what others name."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What a file is about: `ours` says, by their names in the file, which of our columns its columns are."""

    of: ListName
    ours: Mapping[str, str]
    ignored: Sequence[str]


def normal(name: str) -> str:
    """A column's name as names compare: `Regular price`, `regular-price` and `REGULAR_PRICE` are one."""
    return re.sub(r"[^0-9a-z]+", "_", name.strip().casefold()).strip("_")


def mapping_of(pairs: Sequence[str]) -> dict[str, str]:
    """What `Art.-Nr.=sku` says, any number of times; `Price=` says that a column is not to be looked at."""
    mapping: dict[str, str] = {}
    for pair in pairs:
        name, equals, ours = pair.rpartition("=")
        if not equals or not normal(name):
            raise FileError(f"{pair!r} maps nothing: write it as NAME=COLUMN, such as Art.-Nr.=sku.")
        mapping[normal(name)] = normal(ours)
    return mapping


def columns_of(names: Sequence[str], mapping: Mapping[str, str], wanted: ListName | None) -> Columns:
    """Ours for the names in a file, of the list that most of them are of.

    Raises FileError when that cannot be told, or two columns are the same one.
    """
    if missing := set(mapping) - {normal(name) for name in names}:
        raise FileError(f"There is no column {min(missing)!r} to map: the file has {_shown(names)}.", 1)
    lists: tuple[ListName, ...] = get_args(ListName)
    known = {each: _known(each, names, mapping) for each in lists}
    best = max(lists, key=lambda each: len(known[each])) if wanted is None else wanted
    ours = known[best]
    if not ours:
        raise FileError(f"No column is one of {', '.join(LISTS[best].model_fields)}: the file has {_shown(names)}.", 1)
    if wanted is None and sum(len(each) == len(ours) for each in known.values()) > 1:
        raise FileError(f"The columns {_shown(names)} may be of several lists: say with --list which one it is.", 1)
    taken: dict[str, str] = {}
    for name, column in ours.items():
        if (earlier := taken.setdefault(column, name)) != name:
            hint = f"Leave one out by mapping it to nothing: --map {name!r}="
            raise FileError(f"The columns {earlier!r} and {name!r} are both {column}. {hint}", 1)
    quiet = _TOLD_ELSEWHERE[best] | {each for each, column in mapping.items() if not column}
    ignored = [name for name in names if name not in ours and normal(name) and normal(name) not in quiet]
    return Columns(best, ours, ignored)


def _known(of: ListName, names: Iterable[str], mapping: Mapping[str, str]) -> dict[str, str]:
    own = {column: column for column in LISTS[of].model_fields}
    known = {**_SYNONYMS[of], **own}
    found: dict[str, str] = {}
    for name in names:
        plain = mapping.get(normal(name), normal(name))
        column = plain if of == "products" and _ATTRIBUTE.fullmatch(plain) else known.get(plain)
        if column is not None:
            found[name] = column
    return found


def _shown(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names[:20]) + (" …" if len(names) > 20 else "")
