"""Where a field's value comes from, declared beside the field: a column, an expression, or rows of another type.

Nothing here runs per row. The compiler calls these declarations once per shape of query, with SQL in place of values.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Final, ForwardRef, Protocol, TypeVar

import strawberry
from sqlalchemy import BindParameter, Column, ColumnElement, FromClause, MetaData, Select, Table, Text
from sqlalchemy.types import TypeEngine
from sqlmodel import SQLModel

from storage.access import Visibility
from storage.json_rows import member
from storage.upsert import table_of

T = TypeVar("T", bound=type)
Row = Any
"""One row of a table in SQL: its columns are attributes."""
Condition = ColumnElement[bool]
SOURCE: Final = "stockgate.source"
EXACT: Final = "stockgate.exact"
"""Marks arguments and input fields that tell exact quantities: True, or the set of choices that do."""


class Sees(Protocol):
    """What the caller may see, in the SQL of one statement."""

    @property
    def visibility(self) -> Visibility:
        """How exactly it sees quantities."""

    def __call__(self, location_id: ColumnElement[Any]) -> Condition:
        """Whether it may see what is at a location: the limit of a key that is limited to some."""

    def row(self, type_name: str, row: Row) -> Condition:
        """Whether it may see a row of a type: the limit, and for a public caller what customers may see."""

    @property
    def now(self) -> BindParameter[datetime]:
        """The time of the request."""

    @property
    def cap(self) -> BindParameter[int]:
        """The highest quantity that it is shown, when its visibility is CAPPED."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value of the row: `expression(row, **arguments)`.

    A `limited` one depends on the caller: `expression(row, sees)`. An `exact` one is null to callers who do not see
    quantities as they are. One `of` another table is a value of the row there to which this row leads.
    """

    expression: Callable[..., ColumnElement[Any]]
    limited: bool = False
    exact: bool = False
    of: Of | None = None


@dataclass(frozen=True, slots=True)
class Of:
    """Another table, and which of its rows a row leads to: the one for which `on(row, other)`."""

    model: type[SQLModel]
    on: Callable[[Row, Row], Condition]


@dataclass(frozen=True, slots=True)
class Embedded:
    """An object made of columns of the same row; null when `present(row)` is false.

    Its fields also see what it `carries`, as columns: expressions, or functions of the row that make them.
    """

    present: Callable[[Row], Condition] | None
    carries: Mapping[str, Any] = field(default_factory=dict)


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
    """Which rows of a table, in which order. The last columns of the order tell rows apart.

    Rows of a derived type, and others that have to, come `of` a FROM of their own, which may name the `shared` selects:
    those are computed once, for these rows and for all below them. What the rows `carry` is there for their fields as
    if it were columns: values as they are, and for an Outer() the column of the row that the relation hangs on.
    """

    where: Sequence[Condition] = ()
    order: Sequence[ColumnElement[Any] | Key | Through] = ()
    descending: bool = False
    of: FromClause | Select[Any] | None = None
    shared: Mapping[str, Select[Any]] = field(default_factory=dict)
    carries: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outer:
    """A column of the row that a relation hangs on, by name."""

    column: str


@dataclass(frozen=True, slots=True)
class Relation:
    """Rows of another type: `rows(row, target, **arguments)`. `kind` says how they are given.

    A `limited` one depends on the caller: it gets `sees`, as a limited Leaf does. One that `derives` makes rows of its
    own, and gets `new_name` to name its parts by. An `exact` one is refused to those who do not see quantities as they
    are, and to public callers; one for an `admin` to all without that scope. What it `inherits` are arguments of the
    list that it is in, which may be `over` another argument.
    """

    rows: Callable[..., Rows]
    kind: str
    limited: bool = False
    derives: bool = False
    exact: bool = False
    inherits: tuple[str, ...] = ()
    over: Over | None = None
    admin: bool = False


@dataclass(frozen=True, slots=True)
class Over:
    """The argument whose elements a list follows, and what makes one JSON list of objects of them, numbered by `n`."""

    argument: str
    elements: Callable[[Any], str]


Source = Leaf | Embedded | Elements | Relation
ONE, MANY, PAGE, EACH, NODE, NODES, FEED = "one", "many", "page", "each", "node", "nodes", "feed"


@dataclass(frozen=True, slots=True)
class Stored:
    """The table behind a GraphQL type, and which of its rows one may see.

    A caller limited to some locations sees the rows that are `near`; a public one those that are `shown`. `exact` rows
    are only for those who see quantities as they are, and not for the public. `keys` are the columns of which node ids
    are made. Rows of a derived type are made by relations: of its table only the columns are real.
    """

    table: Table
    near: Callable[[Row, Sees], Condition] | None = None
    shown: Callable[[Row], Condition] | None = None
    exact: bool = False
    keys: tuple[str, ...] = ("id",)
    is_derived: bool = False


STORED: Final[dict[str, Stored]] = {}
"""By GraphQL type name."""


def stored(
    model: type[SQLModel],
    *,
    location_of: Callable[[Row], ColumnElement[Any]] | None = None,
    near: Callable[[Row, Sees], Condition] | None = None,
    shown: Callable[[Row], Condition] | None = None,
    exact: bool = False,
    keys: tuple[str, ...] = ("id",),
) -> Callable[[T], T]:
    """Class decorator: objects of this type are rows of that table. Those with a `location_of` are near that."""

    def at_location(row: Row, sees: Sees) -> Condition:
        assert location_of is not None  # noqa: S101 (asked just below)
        return sees(location_of(row))

    def register(cls: T) -> T:
        near_ = near if location_of is None else at_location
        STORED[cls.__name__] = Stored(table_of(model), near_, shown, exact, keys)
        return cls

    return register


def derived(**columns: TypeEngine[Any]) -> Callable[[T], T]:
    """Class decorator: objects of this type are rows with these columns, made by the relations that lead to them."""

    def register(cls: T) -> T:
        table = Table(cls.__name__, MetaData(), *(Column(name, type_) for name, type_ in columns.items()))
        STORED[cls.__name__] = Stored(table, is_derived=True)
        return cls

    return register


def leaf(
    expression: Callable[..., ColumnElement[Any]], description: str, *, limited: bool = False, exact: bool = False
) -> Any:
    """A field whose value is an expression over the row's columns."""
    return strawberry.field(description=description, metadata={SOURCE: Leaf(expression, limited, exact)})


def column(name: str, description: str, *, exact: bool = False) -> Any:
    """A field whose value is a column."""
    return leaf(lambda row: getattr(row, name), description, exact=exact)


def column_of(of: Of, name: str, description: str) -> Any:
    """A field whose value is a column of the row of another table to which this row leads."""
    return leaf_of(of, lambda row: getattr(row, name), description)


def leaf_of(of: Of, expression: Callable[[Row], ColumnElement[Any]], description: str) -> Any:
    """A field whose value is an expression over the columns of the row of another table to which this row leads."""
    return strawberry.field(description=description, metadata={SOURCE: Leaf(expression, of=of)})


def embedded(present: Callable[[Row], Condition] | None, description: str, **carries: Any) -> Any:
    """A field whose value is an object made of columns of the same row, and of what it carries."""
    return strawberry.field(description=description, metadata={SOURCE: Embedded(present, carries)})


def elements(name: str, description: str) -> Any:
    """A field that is a JSON list of objects in a column; its type's fields are declared with element()."""
    return strawberry.field(description=description, metadata={SOURCE: Elements(name)})


def element(key: str, description: str) -> Any:
    """A text member of an object in a JSON list."""
    return leaf(lambda row: member(row.value, key, Text()), description)


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a field: its GraphQL type as Strawberry reads it, and its default.

    `exact` when it tells exact quantities, or the choices of it that do: for callers who do not see them it is refused.
    Fields of input types say so by `metadata={EXACT: True}`.
    """

    hint: Any
    description: str
    default: Any = strawberry.UNSET
    exact: bool | frozenset[Enum] = False


def one(
    returns: Any,
    *,
    limited: bool = False,
    derives: bool = False,
    exact: bool = False,
    admin: bool = False,
    **arguments: Argument,
) -> Callable[[Callable[..., Rows]], Any]:
    """A field that is one row of another type, or null.

    Decorates the function that says which: of the row it hangs on, the row it leads to, and its arguments as slots.
    Its docstring is the field's description.
    """
    return relation(ONE, returns, arguments, limited=limited, derives=derives, exact=exact, admin=admin)


def many(
    of: Any,
    *,
    nullable: bool = False,
    limited: bool = False,
    derives: bool = False,
    exact: bool = False,
    inherits: tuple[str, ...] = (),
    **arguments: Argument,
) -> Callable[[Callable[..., Rows]], Any]:
    """A field that is a list of rows of another type; decorates as one() does."""
    returns = list[of] | None if nullable else list[of]
    options = {"limited": limited, "derives": derives, "exact": exact, "inherits": inherits}
    return relation(MANY, returns, arguments, **options)


def each(of: Any, over: Over, **arguments: Argument) -> Callable[[Callable[..., Rows]], Any]:
    """A field that is a list of rows of another type: one, or null, for each element of an argument, in its order.

    Decorates the function that says which: of nothing, the row, and the `element` with the JSON object in its `value`.
    """
    return relation(EACH, list[of | None], arguments, over=over)


def value(
    returns: Any, *, exact: bool = False, **arguments: Argument
) -> Callable[[Callable[..., ColumnElement[Any]]], Any]:
    """A field whose value is an expression over the row's columns and arguments, given as slots; decorates as one()."""

    def decorate(expression: Callable[..., ColumnElement[Any]]) -> Any:
        return _declared(expression, returns, arguments, Leaf(expression, exact=exact))

    return decorate


def elsewhere(type_name: str, module: str) -> Any:
    """A type of a module that imports this one."""
    return Annotated[ForwardRef(type_name), strawberry.lazy(module)]


def relation(
    kind: str, returns: Any, arguments: Mapping[str, Argument], **options: Any
) -> Callable[[Callable[..., Rows]], Any]:
    """What one(), many() and page() have in common; the options are those of a Relation."""

    def decorate(rows: Callable[..., Rows]) -> Any:
        return _declared(rows, returns, arguments, Relation(rows, kind, **options))

    return decorate


def _declared(function: Callable[..., Any], returns: Any, arguments: Mapping[str, Argument], source: Source) -> Any:
    """A field that takes arguments, as Strawberry declares it: named and described as the function is."""
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=argument.default,
            annotation=Annotated[
                argument.hint, strawberry.argument(description=argument.description, metadata={EXACT: argument.exact})
            ],
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
