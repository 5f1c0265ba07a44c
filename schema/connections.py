"""Connections as Relay specifies them, paged by keyset cursors.

A cursor is opaque to clients: the hexadecimal JSON of the order it belongs to and the row's values in that order.
https://relay.dev/graphql/connections.htm
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import orjson
import strawberry
from sqlalchemy import BindParameter, ColumnElement, Integer, literal_column, tuple_

from schema.errors import bad_input
from schema.scalars import utc
from schema.selection import Binding, Slot
from schema.sources import PAGE, Argument, Condition, Key, Rows, Through, relation
from storage.changes import ID_MAX, is_storable
from storage.columns import Timestamp
from storage.json_sql import hex_text, json_array, printed

FIRST_DEFAULT: Final = 50
FIRST_MAX: Final = 250

NodeType = TypeVar("NodeType")


@strawberry.type(description="Where a page stands in the whole list.")
class PageInfo:
    """What Relay calls PageInfo."""

    has_next_page: bool = strawberry.field(description="Whether something comes after this page.")
    has_previous_page: bool = strawberry.field(description="Whether something comes before this page.")
    start_cursor: str | None = strawberry.field(
        description="Cursor of the first edge; null on an empty page. Give it as `before` for the previous page."
    )
    end_cursor: str | None = strawberry.field(
        description="Cursor of the last edge: give it as `after` for the next page."
    )


@strawberry.type(description="One item of a page with its cursor.")
class Edge(Generic[NodeType]):
    """What Relay calls an edge."""

    cursor: str = strawberry.field(description="Give it as `after` to go on behind this item, or as `before`.")
    node: NodeType = strawberry.field(description="The item.")


@strawberry.type(description="One page of a list.")
class Connection(Generic[NodeType]):
    """What Relay calls a connection."""

    nodes: list[NodeType] = strawberry.field(description="The items of this page.")
    edges: list[Edge[NodeType]] = strawberry.field(description="The items of this page, each with its cursor.")
    page_info: PageInfo = strawberry.field(description="Whether and how to go on.")
    total_count: int = strawberry.field(description="Items in the whole list. Counted only when selected.")


def page(
    of: Any, *, limited: bool = False, exact: bool = False, admin: bool = False, **arguments: Argument
) -> Callable[[Callable[..., Rows]], Any]:
    """A field that is a connection over rows of another type; decorates as schema.sources.one() does.

    It has the arguments `first`, `after`, `last` and `before` besides, which are the compiler's.
    """
    return relation(PAGE, Connection[of], {**_PAGING, **arguments}, limited=limited, exact=exact, admin=admin)


_PAGING: Final = {
    "first": Argument(int | None, f"So many items from the start, from 0 to {FIRST_MAX}; {FIRST_DEFAULT} by default."),
    "after": Argument(str | None, "Only what comes behind this cursor: `pageInfo.endCursor`."),
    "last": Argument(int | None, f"Instead of `first`: so many items from the end, from 0 to {FIRST_MAX}."),
    "before": Argument(str | None, "Only what comes before this cursor: `pageInfo.startCursor`."),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Which page: `size` items from the start, or from the end, of what lies between two cursors."""

    size: Slot | None
    after: Slot | None
    before: Slot | None
    backwards: bool

    @classmethod
    def of(cls, arguments: dict[str, Any]) -> Asked:
        """The arguments of a connection, taken out of all arguments of its field."""
        first, after, last, before = (arguments.pop(name, None) for name in _PAGING)
        if first is not None and last is not None:
            raise bad_input("Give `first` or `last`, not both.")
        return cls(last or first, after, before, backwards=last is not None)

    def limit(self, bindings: dict[str, Binding], *, more: int = 0) -> BindParameter[int]:
        """How many rows to read: as many as asked for, or the default, and so many more."""
        name = "last" if self.backwards else "first"

        def checked(value: int | None) -> int:
            number = FIRST_DEFAULT if value is None else value
            if not 0 <= number <= FIRST_MAX:
                raise bad_input(f"`{name}` must be from 0 to {FIRST_MAX}, not {number}.")
            return number + more

        return (self.size or Slot(bindings)).bind(checked, type_=Integer())


@dataclass(frozen=True, slots=True)
class Keyset:
    """The order of a connection: its columns, which tell rows apart, their names and its direction."""

    columns: tuple[ColumnElement[Any], ...]
    named: tuple[str, ...]
    descending: bool

    @classmethod
    def of(cls, rows: Rows) -> Keyset:
        """The order of these rows: columns of their own, which the page carries."""
        keys = [_key(column) for column in rows.order if not isinstance(column, Through)]
        return cls(tuple(key.expression for key in keys), tuple(key.name for key in keys), rows.descending)

    @property
    def names(self) -> tuple[str, ...]:
        """The names under which a page carries its order's columns."""
        return tuple(f"k{n}" for n in range(len(self.columns)))

    def labelled(self) -> list[ColumnElement[Any]]:
        """The order's columns, for the page to carry."""
        return [column.label(name) for name, column in zip(self.names, self.columns, strict=True)]

    def sorted(self, *, prefix: str | None = None, backwards: bool = False) -> list[ColumnElement[Any]]:
        """ORDER BY, on what labelled() selects, so that expressions are computed once, or on what a page carries."""
        columns = [literal_column(name) for name in self.names] if prefix is None else self._carried(prefix)
        return [column.desc() if self.descending != backwards else column.asc() for column in columns]

    def cursor(self, prefix: str) -> ColumnElement[Any]:
        """The cursor of a row of the page of that name."""
        tag: ColumnElement[str] = literal_column(f"'{self._tag}'")
        return hex_text(json_array(tag, *(printed(column) for column in self._carried(prefix))))

    def between(self, asked: Asked) -> list[Condition]:
        """The conditions that a row comes behind the cursor `after` and before `before`, where they are given."""
        conditions: list[Condition] = []
        if asked.after is not None:
            row, last = self._row(), self._at(asked.after, "after")
            conditions.append(row < last if self.descending else row > last)
        if asked.before is not None:
            row, first = self._row(), self._at(asked.before, "before")
            conditions.append(row > first if self.descending else row < first)
        return conditions

    def up_to(self, after: Slot) -> Condition:
        """The condition that a row comes not behind a cursor."""
        row, last = self._row(), self._at(after, "after")
        condition: Condition = row >= last if self.descending else row <= last
        return condition

    def since(self, before: Slot) -> Condition:
        """The condition that a row comes not before a cursor."""
        row, first = self._row(), self._at(before, "before")
        condition: Condition = row <= first if self.descending else row >= first
        return condition

    def _row(self) -> Any:
        return tuple_(*self.columns)

    def _at(self, cursor: Slot, name: str) -> Any:
        parts = [cursor.bind(self._part(n, name), type_=column.type) for n, column in enumerate(self.columns)]
        return tuple_(*parts)

    def _carried(self, prefix: str) -> list[ColumnElement[Any]]:
        return [literal_column(f"{prefix}.{n}", c.type) for n, c in zip(self.names, self.columns, strict=True)]

    @property
    def _tag(self) -> str:
        """Names the order, so that a cursor of another one is refused."""
        return ",".join(self.named) + (" desc" if self.descending else "")

    def _part(self, n: int, name: str) -> Any:
        return lambda cursor: self._parts(cursor, name)[n]

    def _parts(self, cursor: str, name: str) -> list[Any]:
        try:
            return self._read(orjson.loads(bytes.fromhex(cursor)))
        except (ValueError, TypeError):
            message = f"`{name}` is no cursor of this list in this order. Take it from `pageInfo` or an edge."
            raise bad_input(message) from None

    def _read(self, cursor: Any) -> list[Any]:
        """The values in a decoded cursor. Raises ValueError or TypeError when it is none of this order."""
        values = list(cursor)
        if values[:1] != [self._tag]:
            raise ValueError(cursor)
        return [_typed(value, column) for value, column in zip(values[1:], self.columns, strict=True)]


def _key(column: ColumnElement[Any] | Key) -> Key:
    """A column sorts under its own name."""
    return column if isinstance(column, Key) else Key(str(column).partition(".")[2].strip('"'), column)


def _typed(value: Any, column: ColumnElement[Any]) -> Any:
    if isinstance(column.type, Timestamp):
        return utc(value)
    if column.type.python_type is int:
        fits = type(value) is int and abs(value) <= ID_MAX
    else:
        fits = isinstance(value, str) and is_storable(value)
    if not fits:
        raise ValueError(value)
    return value
