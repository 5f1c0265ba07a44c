"""What the lines of a group name: keys to items and places, or why they may not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from storage.changes import DEFAULT_LOCATION, Change, ChangeGroup, ItemKey, LocationKey, Refused, SetTotal, Transfer
from storage.errors import ErrorCode
from storage.source_rules import NO_RULES, Rules

LevelKey = tuple[int, int]
"""Product id and location id."""


class Item(NamedTuple):
    """What the rules need to know of a product or variation."""

    id: int
    sku: str | None
    backorders: str
    regular_price: Decimal | None
    has_variations: bool = False


class Place(NamedTuple):
    """What the rules need to know of a location. `rules` say who may write there."""

    id: int
    active: bool = True
    rules: Rules = NO_RULES


class Line(NamedTuple):
    """A change, and what its keys name."""

    change: Change
    item: Item
    place: Place

    @property
    def keys(self) -> tuple[LevelKey, ...]:
        """The level it is about."""
        return ((self.item.id, self.place.id),)

    @property
    def rules(self) -> Rules:
        """Who may write there."""
        return self.place.rules


class TransferLine(NamedTuple):
    """A transfer, and what its keys name."""

    transfer: Transfer
    item: Item
    source: Place
    target: Place

    @property
    def keys(self) -> tuple[LevelKey, ...]:
        """The levels it is about: where the units leave, and where they arrive."""
        return (self.item.id, self.source.id), (self.item.id, self.target.id)

    @property
    def rules(self) -> Rules:
        """Who may write at one of its ends, if there are rules at any."""
        return self.source.rules or self.target.rules


Planned = Line | TransferLine | Refused
"""A requested line with what it names, or why it is refused already."""


def lines_of(
    group: ChangeGroup, items: Mapping[ItemKey, Item | Refused], places: Mapping[LocationKey, Place]
) -> list[Planned]:
    """The group's changes with their items and locations, or why they may not write there."""
    named = Named(items, places, group.origin.locations)
    return [change if isinstance(change, Refused) else named.line(change) for change in group.changes]


def total_keys(lines: Iterable[Planned]) -> list[LevelKey]:
    """The levels that shall absorb what is missing to a total."""
    totals = (line for line in lines if isinstance(line, Line) and isinstance(line.change.quantity, SetTotal))
    return sorted({key for line in totals for key in line.keys})


def level_keys(lines: Iterable[Planned]) -> list[LevelKey]:
    """The levels that these lines may write, in the one order in which everybody locks them."""
    return sorted({key for line in lines if not isinstance(line, Refused) for key in line.keys})


class Named(NamedTuple):
    """What the keys of a group's lines name, and the locations at which its caller may write; None is everywhere."""

    items: Mapping[ItemKey, Item | Refused]
    places: Mapping[LocationKey, Place]
    allowed: frozenset[int] | None

    def line(self, change: Change | Transfer) -> Planned:
        """The line with its item and locations, or why it may not write there."""
        item = self._item(change.items)
        if isinstance(item, Refused):
            return item
        if isinstance(change, Change):
            place = self._place(change.location, "location")
            return place if isinstance(place, Refused) else Line(change, item, place)
        source, target = self._place(change.source, "source"), self._place(change.target, "target")
        if isinstance(source, Refused):
            return source
        if isinstance(target, Refused):
            return target
        if source.id == target.id:
            return Refused(ErrorCode.SAME_LOCATION, "A transfer goes from one location to another.", "target")
        return TransferLine(change, item, source, target)

    def _item(self, keys: Sequence[ItemKey]) -> Item | Refused:
        first, *others = keys
        item = self.items[first]
        if isinstance(item, Refused):
            return item
        for key in others:
            other = self.items[key]
            if isinstance(other, Item) and other.id != item.id:
                message = "The product's id, SKU or GTIN name different products."
                return Refused(ErrorCode.ITEM_MISMATCH, message, key.kind)
        if item.has_variations:
            message = "This product has variations. Update a variation instead."
            return Refused(ErrorCode.ITEM_HAS_VARIATIONS, message, first.kind)
        return item

    def _place(self, key: LocationKey, field: str) -> Place | Refused:
        place = self.places.get(key)
        if place is None and key == DEFAULT_LOCATION:
            message = "No location is the default one, which would take this: name a location, or give one is_default."
            return Refused(ErrorCode.LOCATION_REQUIRED, message, field)
        if place is None:
            return Refused(ErrorCode.LOCATION_NOT_FOUND, "Location not found.", field)
        if self.allowed is not None and place.id not in self.allowed:
            message = "This API key may not change stock at this location."
            return Refused(ErrorCode.LOCATION_FORBIDDEN, message, field)
        if not place.active:
            return Refused(ErrorCode.LOCATION_INACTIVE, "Location is not active.", field)
        return place
