"""Values with sensible defaults: a test states only what matters to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from storage.changes import Change, ChangeGroup, ItemKey, LocationKey, Origin, SetQuantity, Transfer, sku_key
from storage.tables import LedgerOpening, Location, Product

EPOCH = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def a_location(id: int = 1, **values: Any) -> Location:  # noqa: A002 (the column's name)
    """A store; slug and name follow from the id."""
    names = {"slug": f"location-{id}", "name": f"Location {id}", "position": id}
    return Location(**{"id": id, "created_at": EPOCH, "updated_at": EPOCH, **names, **values})


def a_product(id: int = 1, **values: Any) -> Product:  # noqa: A002 (the column's name)
    """A simple product; SKU and name follow from the id."""
    values = {"sku": f"SKU-{id}", "name": f"Product {id}", "created_at": EPOCH, "updated_at": EPOCH, **values}
    keys = {"sku_key": sku_key(values["sku"] or ""), "name_key": values["name"].casefold()}
    return Product(**{"id": id, **keys, **values})


def an_opening(sequence: int, **values: Any) -> LedgerOpening:
    """What pruning leaves of one entry with this sequence: 10 units of a product that is not there any more."""
    state = {"on_hand": 10, "version": 1, "created_at": EPOCH}
    defaults = {"product_id": 999, "location_id": 1, "entries": 1, "delta": 10, **state}
    return LedgerOpening(**{"sequence": sequence, **defaults, **values})


def a_change(item: int | str = 1, location: int | str | LocationKey = 1, **values: Any) -> Change:
    """Set 10 units. Strings are a SKU and a slug, numbers are ids."""
    item_key = ItemKey("sku" if isinstance(item, str) else "id", item)
    location_key = location
    if not isinstance(location_key, LocationKey):
        location_key = LocationKey("slug" if isinstance(location_key, str) else "id", location_key)
    return Change(**{"items": (item_key,), "location": location_key, "quantity": SetQuantity(10), **values})


def a_transfer(item: int = 1, source: int = 1, target: int = 2, **values: Any) -> Transfer:
    """One unit, from location 1 to location 2."""
    ends = {"source": LocationKey("id", source), "target": LocationKey("id", target)}
    return Transfer(**{"items": (ItemKey("id", item),), **ends, "quantity": 1, **values})


def a_group(*changes: Any, **values: Any) -> ChangeGroup:
    """These changes, from a test."""
    return ChangeGroup(**{"changes": changes, "origin": Origin("test", principal="tests"), **values})
