"""Where a field's value comes from, declared beside the field: a column, an expression, or rows of another type.

Nothing here runs per row. The compiler calls these declarations once per shape of query, with SQL in place of values.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, ForwardRef, TypeVar

import strawberry
from sqlalchemy import ColumnElement, FromClause, Text
from sqlmodel import SQLModel

from storage.json_rows import member
from storage.upsert import table_of

T = TypeVar("T", bound=type)
Row = Any
"""One row of a table in SQL: its columns are attributes."""
Condition = ColumnElement[bool]
Sees = Callable[[ColumnElement[Any]], Condition]
"""The condition that the caller may see what is at a location, given its id."""
SOURCE: Final = "stockgate.source"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value of the row: `expression(row, **arguments)`.

    A `limited` one counts over locations: `expression(row, sees)`, where `sees(location_id)` is the condition that the
    caller may see what is there. One `of` another table is a value of the row there that this row leads to.
    """

    expression: Callable[..., ColumnElement[Any]]
    limited: bool = False
    of: Of | None = None


@dataclass(frozen=True, slots=True)
class Of:
    """Another table, and which of its rows a row leads to: one for which `on(row, other)`."""

    model: type[SQLModel]
    on: Callable[[Row, Row], Condition]


@dataclass(frozen=True, slots=True)
class Embedded:
    """An object made of columns of the same row; null when `present(row)` is false."""

    present: Callable[[Row], Condition]


@dataclass(frozen=True, slots=True)
class Elements:
    """The objects of a JSON list in a column of the row."""

    column: str


@dataclass(frozen=True, slots=True)
class Through:
    """Sort by a column of another table: of the row there for which `on(row)`."""

    model: type[SQLModel]
    on: Callable[[Row], Condition]
    column: str


@dataclass(frozen=True, slots=True)
class Key:
    """Sort by an expression, which is never NULL. Cursors know it by its name."""

    name: str
    expression: ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """Which rows of a table, in which order. The last columns of the order tell rows apart."""

    where: Sequence[Condition] = ()
    order: Sequence[ColumnElement[Any] | Key | Through] = ()
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Relation:
    """Rows of another type: `rows(row, target, **arguments)`. `kind` says how they are given.

    A `limited` one depends on what is at other locations: it gets `sees`, as a limited Leaf does. What it `inherits`
    are arguments of the list that it is in.
    """

    rows: Callable[..., Rows]
    kind: str
    limited: bool = False
    inherits: tuple[str, ...] = ()
    over: Over | None = None


@dataclass(frozen=True, slots=True)
class Over:
    """The argument whose elements a list follows, and what makes one JSON list of objects of them, numbered by `n`."""

    argument: str
    elements: Callable[[Any], str]


Source = Leaf | Embedded | Elements | Relation
ONE, MANY, PAGE, EACH, NODE, NODES, FEED = "one", "many", "page", "each", "node", "nodes", "feed"


@dataclass(frozen=True, slots=True)
class Stored:
    """The table behind a GraphQL type, and which of its rows a caller limited to some locations may see.

    `keys` are the columns of which its node id is made; none of them is NULL.
    """

    table: FromClause
    seen: Callable[[Row, Sees], Condition] | None = field(default=None)
    keys: tuple[str, ...] = ("id",)


STORED: Final[dict[str, Stored]] = {}
"""By GraphQL type name."""


def stored(
    model: type[SQLModel] | FromClause,
    *,
    location_of: Callable[[Row], ColumnElement[Any]] | None = None,
    seen: Callable[[Row, Sees], Condition] | None = None,
    keys: tuple[str, ...] = ("id",),
) -> Callable[[T], T]:
    """Class decorator: objects of this type are rows of that table. Of those `location_of` tells where they are."""
    if location_of is not None:
        seen = lambda row, sees: sees(location_of(row))  # noqa: E731 (short)
    table = model if isinstance(model, FromClause) else table_of(model)

    def register(cls: T) -> T:
        STORED[cls.__name__] = Stored(table, seen, keys)
        return cls

    return register


def leaf(expression: Callable[..., ColumnElement[Any]], description: str, *, limited: bool = False) -> Any:
    """A field whose value is an expression over the row's columns."""
    return strawberry.field(description=description, metadata={SOURCE: Leaf(expression, limited)})


def column(name: str, description: str) -> Any:
    """A field whose value is a column."""
    return leaf(lambda row: getattr(row, name), description)


def column_of(of: Of, name: str, description: str) -> Any:
    """A field whose value is a column of the row of another table to which this row leads."""
    return leaf_of(of, lambda row: getattr(row, name), description)


def leaf_of(of: Of, expression: Callable[[Row], ColumnElement[Any]], description: str) -> Any:
    """A field whose value is an expression over the columns of the row of another table to which this row leads."""
    return strawberry.field(description=description, metadata={SOURCE: Leaf(expression, of=of)})


def embedded(present: Callable[[Row], Condition], description: str) -> Any:
    """A field whose value is an object made of columns of the same row."""
    return strawberry.field(description=description, metadata={SOURCE: Embedded(present)})


def elements(name: str, description: str) -> Any:
    """A field that is a JSON list of objects in a column; its type's fields are declared with element()."""
    return strawberry.field(description=description, metadata={SOURCE: Elements(name)})


def element(key: str, description: str) -> Any:
    """A text member of an object in a JSON list."""
    return leaf(lambda row: member(row.value, key, Text()), description)


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a field: its GraphQL type as Strawberry reads it, and its default."""

    hint: Any
    description: str
    default: Any = strawberry.UNSET


def one(returns: Any, **arguments: Argument) -> Callable[[Callable[..., Rows]], Any]:
    """A field that is one row of another type, or null.

    Decorates the function that says which: of the row it hangs on, the row it leads to, and its arguments as slots.
    Its docstring is the field's description.
    """
    return relation(ONE, returns, arguments)


def many(of: Any, *, inherits: tuple[str, ...] = (), **arguments: Argument) -> Callable[[Callable[..., Rows]], Any]:
    """A field that is a list of rows of another type; decorates as one() does."""
    return relation(MANY, list[of], arguments, inherits=inherits)


def each(of: Any, over: Over, **arguments: Argument) -> Callable[[Callable[..., Rows]], Any]:
    """A field that is a list of rows of another type: one, or null, for each element of an argument, in its order.

    Decorates the function that says which: of nothing, the row, and the `element` with the JSON object in its `value`.
    """
    return relation(EACH, list[of | None], arguments, over=over)


def value(returns: Any, **arguments: Argument) -> Callable[[Callable[..., ColumnElement[Any]]], Any]:
    """A field whose value is an expression over the row's columns and arguments, given as slots; decorates as one()."""

    def decorate(expression: Callable[..., ColumnElement[Any]]) -> Any:
        return _declared(expression, returns, arguments, Leaf(expression))

    return decorate


def elsewhere(type_name: str, module: str) -> Any:
    """A type of a module that imports this one."""
    return Annotated[ForwardRef(type_name), strawberry.lazy(module)]


def relation(
    kind: str,
    returns: Any,
    arguments: Mapping[str, Argument],
    *,
    limited: bool = False,
    inherits: tuple[str, ...] = (),
    over: Over | None = None,
) -> Callable[[Callable[..., Rows]], Any]:
    """What one(), many() and page() have in common."""

    def decorate(rows: Callable[..., Rows]) -> Any:
        return _declared(rows, returns, arguments, Relation(rows, kind, limited, inherits, over))

    return decorate


def _declared(function: Callable[..., Any], returns: Any, arguments: Mapping[str, Argument], source: Source) -> Any:
    """A field that takes arguments, as Strawberry declares it: named and described as the function is."""
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=argument.default,
            annotation=Annotated[argument.hint, strawberry.argument(description=argument.description)],
        )
        for name, argument in arguments.items()
    ]

    def resolver(*_args: Any, **_kwargs: Any) -> Any:
        raise AssertionError("compiled into SQL, never resolved")

    resolver.__signature__ = inspect.Signature(parameters, return_annotation=returns)  # type: ignore[attr-defined]
    resolver.__module__, resolver.__name__ = function.__module__, function.__name__
    resolver.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    resolver.__annotations__["return"] = returns
    description = inspect.cleandoc(function.__doc__ or "")
    return strawberry.field(resolver, description=description, metadata={SOURCE: source})
