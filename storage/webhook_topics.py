"""What webhooks tell of, and what an endpoint wants of it. Pure functions, no I/O, no SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

from storage.change_feed import Kind
from storage.changes import Refused
from storage.errors import ErrorCode


class Topic(StrEnum):
    """What an event is about."""

    STOCK_CHANGED = "stock.changed"
    STOCK_OUT = "stock.out"
    STOCK_BACK = "stock.back"
    STOCK_LOW = "stock.low"
    STOCK_RECOVERED = "stock.recovered"
    LOW_STOCK_DIGEST = "low_stock.digest"
    LOCATION_CREATED = "location.created"
    LOCATION_UPDATED = "location.updated"
    LOCATION_DELETED = "location.deleted"
    LOCATION_RESTORED = "location.restored"
    PRODUCT_CREATED = "product.created"
    PRODUCT_UPDATED = "product.updated"
    PRODUCT_DELETED = "product.deleted"
    PRODUCT_RESTORED = "product.restored"
    IMPORT_FINISHED = "import.finished"


ALL: Final = "*"
TEST: Final = "webhook.test"
"""The type of what an endpoint is sent to try it; nobody subscribes to it."""

DESCRIBED: Final[Mapping[Topic, str]] = {
    Topic.STOCK_CHANGED: "Quantities, prices or flags of an item at a location changed: one event per ledger entry.",
    Topic.STOCK_OUT: "Nothing is available any more of an item at a location.",
    Topic.STOCK_BACK: "Some of it is available again.",
    Topic.STOCK_LOW: "What is available fell to its threshold or below.",
    Topic.STOCK_RECOVERED: "It is above the threshold again.",
    Topic.LOW_STOCK_DIGEST: "All that is low or out, together, at the times that the server is set to.",
    Topic.LOCATION_CREATED: "A new location.",
    Topic.LOCATION_UPDATED: "A location has other values.",
    Topic.LOCATION_DELETED: "A location was closed for good.",
    Topic.LOCATION_RESTORED: "A location that was closed is open again.",
    Topic.PRODUCT_CREATED: "A new product or variation.",
    Topic.PRODUCT_UPDATED: "A product or variation has other values.",
    Topic.PRODUCT_DELETED: "A product or variation was put in the trash, or deleted for good.",
    Topic.PRODUCT_RESTORED: "A product or variation is back from the trash.",
    Topic.IMPORT_FINISHED: "An import is done, was cancelled, or failed.",
}
_NOTICES: Final = {Kind.IMPORT_FINISHED: Topic.IMPORT_FINISHED, Kind.LOW_STOCK_DIGEST: Topic.LOW_STOCK_DIGEST}
_EDGES: Final = ("out", "back", "low", "recovered")


def of_product(kind: str) -> Topic:
    """The topic of a catalogue change of a product."""
    return Topic(f"product.{kind}")


def of_location(kind: str) -> Topic:
    """The topic of a catalogue change of a location."""
    return Topic(f"location.{kind}")


def of_notice(kind: str) -> Topic:
    """The topic of a catalogue change of no product and no location."""
    return _NOTICES[Kind(kind)]


def of_alert(kind: str) -> Topic:
    """The topic of an alert: out, back, low or recovered."""
    return Topic(f"stock.{kind}")


def expanded(patterns: Iterable[str]) -> frozenset[Topic]:
    """The topics that are meant. What means none, such as a dialect's own, is left out."""
    return frozenset(topic for pattern in patterns for topic in Topic if covers(pattern, topic))


def covers(pattern: str, topic: str) -> bool:
    """Whether a topic is meant by a pattern: itself, `stock.*`, or `*` for all."""
    if pattern == ALL:
        return True
    return topic.startswith(pattern[:-1]) if pattern.endswith(".*") else topic == pattern


def problems(patterns: Sequence[str]) -> list[Refused]:
    """All that is wrong with a list of topics."""
    if not patterns:
        return [_invalid("topics", f"Name at least one topic: {ALL} for all, stock.*, or any of {', '.join(Topic)}.")]
    return [
        _invalid(f"topics[{number}]", f"{pattern!r} is no topic. There are {', '.join(Topic)}, and stock.* or {ALL}.")
        for number, pattern in enumerate(patterns)
        if not expanded([pattern])
    ]


def _invalid(field: str, message: str) -> Refused:
    return Refused(ErrorCode.INVALID_VALUE, message, field)


class Kinds:
    """The kinds of rows that some topics come from, for each of the tables that events are read from."""

    def __init__(self, topics: frozenset[Topic]) -> None:
        self.entries = Topic.STOCK_CHANGED in topics
        self.products = [kind.value for kind in _OF_ONE if of_product(kind) in topics]
        self.locations = [kind.value for kind in _OF_ONE if of_location(kind) in topics]
        self.notices = [kind.value for kind, topic in _NOTICES.items() if topic in topics]
        self.alerts = [kind for kind in _EDGES if of_alert(kind) in topics]


_OF_ONE: Final = (Kind.CREATED, Kind.UPDATED, Kind.DELETED, Kind.RESTORED)
