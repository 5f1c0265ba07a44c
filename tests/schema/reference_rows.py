"""What every part of the naive executor is made of: rows as records, lists as pages of them, and what names one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from graphql import GraphQLError


class Cursor(str):
    """The text of a cursor: a place in an order. Engines may space its JSON differently."""

    __slots__ = ()

    @classmethod
    def at(cls, order: str, *values: Any) -> Self:
        """The cursor of a row with these values in this order."""
        return cls(json.dumps([order, *values], ensure_ascii=False).encode().hex())

    def parts(self) -> list[Any]:
        """The order and the values."""
        parts: list[Any] = json.loads(bytes.fromhex(self))
        return parts


@dataclass(frozen=True)
class Record:
    """A row. What is not a method of its type is a column."""

    shop: Any
    row: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        if name not in self.row:
            raise AttributeError(f"{type(self).__name__}.{name} is no column: give it a method here")
        return self.row[name]

    @property
    def number(self) -> int:
        number: int = self.row["id"]
        return number

    def id(self) -> str:
        return f"gid://stockgate/{type(self).__name__}/{self.number}"

    def database_id(self) -> int:
        return self.number


def page_of(
    records: list[Any],
    order: str,
    key: Callable[[Any], tuple[Any, ...]],
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
    descending: bool = False,
) -> dict[str, Any]:
    """A connection: the records between two cursors in this order, at most so many of them from one of the ends."""
    if first is not None and last is not None:
        raise GraphQLError("first and last")
    size = last if last is not None else 50 if first is None else first
    if not 0 <= size <= 250:
        raise GraphQLError("out of range")
    order += " desc" if descending else ""
    records = sorted(records, key=key, reverse=descending)
    start = 0 if after is None else _count(records, key, _place(after, order), descending=descending, itself=True)
    end = (
        len(records)
        if before is None
        else _count(records, key, _place(before, order), descending=descending, itself=False)
    )
    between = records[start : max(start, end)]
    page = between[:size] if last is None else between[max(len(between) - size, 0) :]
    edges = [{"node": record, "cursor": Cursor.at(order, *key(record))} for record in page]
    cut = len(between) > size
    return {
        "nodes": page,
        "edges": edges,
        "total_count": len(records),
        "page_info": {
            "has_next_page": cut if last is None else end < len(records),
            "has_previous_page": cut if last is not None else start > 0,
            "start_cursor": edges[0]["cursor"] if edges else None,
            "end_cursor": edges[-1]["cursor"] if edges else None,
        },
    }


def _count(
    records: list[Any],
    key: Callable[[Any], Any],
    place: tuple[Any, ...],
    *,
    descending: bool,
    itself: bool,
) -> int:
    """How many of the records come before a place, or at it."""
    if itself:
        return sum(key(record) >= place if descending else key(record) <= place for record in records)
    return sum(key(record) > place if descending else key(record) < place for record in records)


def _place(after: str, order: str) -> tuple[Any, ...]:
    try:
        named, *values = Cursor(after).parts()
    except ValueError:
        raise GraphQLError("no cursor") from None
    if named != order:
        raise GraphQLError("a cursor of another order")
    return tuple(values)


def first_of(records: Iterable[Any]) -> Any:
    return next(iter(records), None)


def only_of(keys: Mapping[str, Any]) -> tuple[str, Any]:
    given = [(name, value) for name, value in keys.items() if value is not None]
    if len(given) != 1:
        raise GraphQLError("not exactly one key")
    return given[0]


def number_of(type_name: str, text: str) -> int:
    digits = text.removeprefix(f"gid://stockgate/{type_name}/")
    if not re.fullmatch("[0-9]+", digits) or int(digits) >= 2**63:
        raise GraphQLError("no id")
    return int(digits)


def is_named(location: Any, keys: Sequence[Mapping[str, Any]]) -> bool:
    for key in keys:
        [(kind, value)] = key.items()
        if kind == "id" and location.number == number_of("Location", value):
            return True
        if kind == "slug" and location.slug == value.lower():
            return True
        if kind == "code" and location.code == value:
            return True
    return False


def is_after(time: datetime, text: str) -> bool:
    bound = datetime.fromisoformat(text)
    return time > (bound if bound.tzinfo else bound.replace(tzinfo=UTC))


def is_before(time: datetime, text: str) -> bool:
    bound = datetime.fromisoformat(text)
    return time < (bound if bound.tzinfo else bound.replace(tzinfo=UTC))
