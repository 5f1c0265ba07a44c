"""JSON into SQL: lists and rows travel into a statement as one JSON parameter.

So its text does not depend on how many there are, and no engine limit on parameters is ever met. This and json_sql are
where the engines' JSON functions differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, FromClause, SelectBase, Text, bindparam, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.visitors import InternalTraversal
from sqlalchemy.types import NullType, TypeEngine

from storage import sqlite_library
from storage.columns import scaled, timestamp_text


def json_text(value: Any) -> str:
    """A value as the text of a JSON parameter: prices as they are stored, times in their one text form."""
    return orjson.dumps(value, default=_stored, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()


def _stored(value: object) -> int | str | None:
    if isinstance(value, Decimal):
        return scaled(value)
    if isinstance(value, datetime):
        return timestamp_text(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _cast_type(compiler: SQLCompiler, as_type: TypeEngine[Any]) -> str:
    return compiler.dialect.type_compiler_instance.process(as_type).partition(" COLLATE ")[0]  # CAST takes no collation


class Construct(FunctionElement[Any]):
    """Base of the constructs below: each is compiled by the functions registered for its engines."""

    type: TypeEngine[Any] = NullType()


class _Rows(Construct):
    name = "json_rows"
    inherit_cache = True


@compiles(_Rows, "sqlite")
def _rows_sqlite(element: _Rows, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **kw)})"


@compiles(_Rows, "postgresql")
def _rows_postgresql(element: _Rows, compiler: SQLCompiler, **kw: Any) -> str:
    return f"jsonb_array_elements(CAST({compiler.process(element.clauses, **kw)} AS jsonb))"


class _Lists(Construct):
    name = "json_lists"
    inherit_cache = True


_EACH_LIST: Final = "jsonb_each" if sqlite_library.dbapi.sqlite_version_info >= (3, 51) else "json_each"
"""Gives each list as it was parsed, where the other writes it as text again, which is parsed for its values."""


@compiles(_Lists, "sqlite")
def _lists_sqlite(element: _Lists, compiler: SQLCompiler, **kw: Any) -> str:
    return f"{_EACH_LIST}({compiler.process(element.clauses, **kw)})"


@compiles(_Lists, "postgresql")
def _lists_postgresql(element: _Lists, compiler: SQLCompiler, **kw: Any) -> str:
    return f"jsonb_array_elements(CAST({compiler.process(element.clauses, **kw)} AS jsonb))"


class _Member(Construct):
    name = "json_member"
    inherit_cache = True


@compiles(_Member, "sqlite")
def _member_sqlite(element: _Member, compiler: SQLCompiler, **kw: Any) -> str:
    document, key = element.clauses
    path = compiler.process(key, **kw).replace("'", "'$.", 1)
    return f"json_extract({compiler.process(document, **kw)}, {path})"


@compiles(_Member, "postgresql")
def _member_postgresql(element: _Member, compiler: SQLCompiler, **kw: Any) -> str:
    document, key = element.clauses
    return f"({compiler.process(document, **kw)} ->> {compiler.process(key, **kw)})"


def member(document: ColumnElement[Any], key: str, as_type: TypeEngine[Any]) -> ColumnElement[Any]:
    """One member of a JSON object, as a column type. The key is ours, never a caller's."""
    extracted = _Member(document, literal_column(f"'{key}'"))
    return _Typed(extracted, type_=as_type)


class _Element(Construct):
    name = "json_element"
    inherit_cache = True


@compiles(_Element, "sqlite")
def _element_sqlite(element: _Element, compiler: SQLCompiler, **kw: Any) -> str:
    document, position = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"json_extract({document}, '$[{position}]')"


@compiles(_Element, "postgresql")
def _element_postgresql(element: _Element, compiler: SQLCompiler, **kw: Any) -> str:
    document, position = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"({document} ->> {position})"


class _Typed(Construct):
    name = "json_typed"
    inherit_cache = True
    _traverse_internals = [*FunctionElement._traverse_internals, ("type", InternalTraversal.dp_type)]  # noqa: RUF012, SLF001 (SQLAlchemy's form)

    def __init__(self, value: ColumnElement[Any], *, type_: TypeEngine[Any]) -> None:
        super().__init__(value)
        self.type = type_


@compiles(_Typed, "sqlite")
def _typed_sqlite(element: _Typed, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)  # json_extract gives SQLite's own types


@compiles(_Typed, "postgresql")
def _typed_postgresql(element: _Typed, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **kw)} AS {_cast_type(compiler, element.type)})"


def rows_from(parameter: str, types: Mapping[str, TypeEngine[Any]]) -> Mapping[str, ColumnElement[Any]]:
    """Columns over the bind parameter of that name: a JSON list of lists, one row a list, its values in this order.

    Lists, because SQLite reads the whole text of a row for each of its values: names would double it.
    """
    rows = _Lists(bindparam(parameter, type_=Text())).table_valued("value")
    return {
        name: _Typed(_Element(rows.c.value, literal_column(str(position))), type_=as_type).label(name)
        for position, (name, as_type) in enumerate(types.items())
    }


def rows_of(document: ColumnElement[Any], name: str | None = None) -> FromClause:
    """A JSON list as a table with one column, `value`."""
    return _Rows(document).table_valued("value", name=name)


def members_of(source: FromClause, types: Mapping[str, TypeEngine[Any]]) -> Mapping[str, ColumnElement[Any]]:
    """The members of each row's JSON object as columns."""
    return {key: member(source.c.value, key, as_type).label(key) for key, as_type in types.items()}


class _Among(Construct):
    name = "among"  # no Boolean: SQLAlchemy would write `… = 1` behind it for SQLite, and no index would be used
    inherit_cache = True


@compiles(_Among, "sqlite")
def _among_sqlite(element: _Among, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 (compiled SQL, no text of a caller)


@compiles(_Among, "postgresql")
def _among_postgresql(element: _Among, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(clause, **kw) for clause in element.clauses)
    as_type = _cast_type(compiler, element.clauses.clauses[0].type)
    # An array, not a subquery: the planner then looks each value up in the index instead of joining
    items = f"SELECT CAST(v AS {as_type}) FROM jsonb_array_elements_text(CAST({values} AS jsonb)) v"  # noqa: S608 (as above)
    return f"{column} = ANY (ARRAY({items}))"


def among(column: Any, values: ColumnElement[Any] | str) -> ColumnElement[bool]:
    """Whether the value of a column is one of a JSON list, given as a bind parameter or its name, or in a column."""
    return _Among(column, bindparam(values, type_=Text()) if isinstance(values, str) else values)


class _AmongFound(Construct):
    name = "among_found"
    inherit_cache = True


@compiles(_AmongFound, "sqlite")
def _among_found_sqlite(element: _AmongFound, compiler: SQLCompiler, **kw: Any) -> str:
    column, found = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} IN {found}"


@compiles(_AmongFound, "postgresql")
def _among_found_postgresql(element: _AmongFound, compiler: SQLCompiler, **kw: Any) -> str:
    column, found = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} = ANY (ARRAY{found})"


def among_found(column: Any, found: SelectBase) -> ColumnElement[bool]:
    """Whether the value of a column is one of those that a query of few finds, which is run once and before all else:
    PostgreSQL would join them, and read one of both tables whole for that."""
    return _AmongFound(column, found.scalar_subquery())
