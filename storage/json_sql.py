"""JSON in and out of SQL: the one place where the engines' JSON functions differ.

Lists and rows travel into a statement as one JSON parameter, so that its text does not depend on how many there are and
no engine limit on parameters is ever met. Results travel out as JSON text that the database built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import orjson
from sqlalchemy import BindParameter, ColumnElement, FromClause, Text, bindparam, cast, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.visitors import InternalTraversal
from sqlalchemy.types import Boolean, Float, Integer, NullType, TypeEngine

from storage.columns import PRICE_SCALE, Price, Timestamp, scaled, timestamp_text

# A call takes at most 127 arguments on SQLite; a larger object is joined from several.
_PAIRS_MAX: Final = 45


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


class _Construct(FunctionElement[Any]):
    """Base of the constructs below: each is compiled by the functions registered for its engines."""

    type: TypeEngine[Any] = NullType()


class _Rows(_Construct):
    name = "json_rows"
    inherit_cache = True


@compiles(_Rows, "sqlite")
def _rows_sqlite(element: _Rows, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **kw)})"


@compiles(_Rows, "postgresql")
def _rows_postgresql(element: _Rows, compiler: SQLCompiler, **kw: Any) -> str:
    return f"jsonb_array_elements(CAST({compiler.process(element.clauses, **kw)} AS jsonb))"


class _Member(_Construct):
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


class _Element(_Construct):
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


class _Typed(_Construct):
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
    rows = rows_of(bindparam(parameter, type_=Text()))
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


class _Among(_Construct):
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


def among(column: Any, values: BindParameter[Any] | str) -> ColumnElement[bool]:
    """Whether the value of a column is one of a JSON list, given as a bind parameter or its name."""
    return _Among(column, bindparam(values, type_=Text()) if isinstance(values, str) else values)


class JsonText(Text):
    """The type of text that is JSON already."""


class PlainText(Text):
    """The type of text in which nothing needs to be escaped in JSON."""


class _Object(_Construct):
    name = "json_object_of"
    inherit_cache = True
    type = JsonText()


@compiles(_Object, "sqlite")
def _object_sqlite(element: _Object, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_object({compiler.process(element.clauses, **kw)})"


@compiles(_Object, "postgresql")
def _object_postgresql(element: _Object, compiler: SQLCompiler, **kw: Any) -> str:
    # Joined text: json_build_object finds out each argument's type anew in every row, and took half as long again
    clauses = list(element.clauses)
    members = []
    for key, value in zip(clauses[::2], clauses[1::2], strict=True):
        name = compiler.process(key, **kw)[1:-1]
        members.append(f"""'"{name}":' || {_json_postgresql(value, compiler, **kw)}""")
    return f"""('{{' || {" || ',' || ".join(members) or "''"} || '}}')"""


def _json_postgresql(value: ColumnElement[Any], compiler: SQLCompiler, **kw: Any) -> str:
    """A value as JSON text, NULL as null."""
    text = compiler.process(value, **kw)
    if isinstance(value.type, JsonText):
        return f"coalesce({text}, 'null')"
    if isinstance(value.type, PlainText):
        return f"""coalesce('"' || {text} || '"', 'null')"""
    if isinstance(value.type, Integer | Float):
        return f"coalesce(CAST({text} AS TEXT), 'null')"
    return f"coalesce(CAST(to_json(CAST({text} AS TEXT)) AS TEXT), 'null')"


class _Joined(_Construct):
    name = "json_joined"
    inherit_cache = True
    type = JsonText()


@compiles(_Joined, "sqlite")
def _joined_sqlite(element: _Joined, compiler: SQLCompiler, **kw: Any) -> str:
    parts = [f"CAST({compiler.process(clause, **kw)} AS TEXT)" for clause in element.clauses]
    return f"json({_joined(parts)})"


@compiles(_Joined, "postgresql")
def _joined_postgresql(element: _Joined, compiler: SQLCompiler, **kw: Any) -> str:
    return f"({_joined([compiler.process(clause, **kw) for clause in element.clauses])})"


def _joined(objects: Sequence[str]) -> str:
    """Objects' texts as one, without the braces that fall inside."""
    last = len(objects) - 1
    return " || ',' || ".join(
        f"substr({text}, {2 if n else 1}, length({text}) - {1 if n in {0, last} else 2})"
        for n, text in enumerate(objects)
    )


def json_object(pairs: Sequence[tuple[str, ColumnElement[Any]]]) -> ColumnElement[Any]:
    """A JSON object, never null. Keys are GraphQL names: letters, digits and underscores."""
    chunks = [pairs[n : n + _PAIRS_MAX] for n in range(0, len(pairs), _PAIRS_MAX)] or [[]]
    objects = [
        _Object(*(part for key, value in chunk for part in (literal_column(f"'{key}'"), value))) for chunk in chunks
    ]
    return objects[0] if len(objects) == 1 else _Joined(*objects)


class _Array(_Construct):
    name = "json_array_of"
    inherit_cache = True
    type = JsonText()


@compiles(_Array, "sqlite")
def _array_sqlite(element: _Array, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_array({compiler.process(element.clauses, **kw)})"


@compiles(_Array, "postgresql")
def _array_postgresql(element: _Array, compiler: SQLCompiler, **kw: Any) -> str:
    members = [_json_postgresql(value, compiler, **kw) for value in element.clauses]
    return f"""('[' || {" || ',' || ".join(members)} || ']')"""


def json_array(*values: ColumnElement[Any]) -> ColumnElement[Any]:
    """A JSON array of a few values."""
    return _Array(*values)


class _Aggregate(_Construct):
    name = "json_aggregate"
    inherit_cache = True
    type = JsonText()


@compiles(_Aggregate, "sqlite")
def _aggregate_sqlite(element: _Aggregate, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_group_array({compiler.process(element.clauses, **kw)})"


@compiles(_Aggregate, "postgresql")
def _aggregate_postgresql(element: _Aggregate, compiler: SQLCompiler, **kw: Any) -> str:
    return f"coalesce('[' || string_agg({compiler.process(element.clauses, **kw)}, ',') || ']', '[]')"


def json_aggregate(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """A JSON array of an object or array over all rows, in the order in which their subquery gives them."""
    return _Aggregate(value)


class _PriceText(_Construct):
    name = "price_text"
    inherit_cache = True
    type = PlainText()


@compiles(_PriceText, "sqlite")
def _price_sqlite(element: _PriceText, compiler: SQLCompiler, **kw: Any) -> str:
    price = compiler.process(element.clauses, **kw)
    cents = f"printf('%d.%02d', {price} / {PRICE_SCALE}, {price} % {PRICE_SCALE} / 100)"
    return (
        f"CASE WHEN {price} IS NULL THEN NULL WHEN {price} % 100 = 0 THEN {cents} "
        f"ELSE {cents} || rtrim(printf('%02d', {price} % 100), '0') END"
    )


@compiles(_PriceText, "postgresql")
def _price_postgresql(element: _PriceText, compiler: SQLCompiler, **kw: Any) -> str:
    return f"to_char({compiler.process(element.clauses, **kw)} / {PRICE_SCALE}.0, 'FM99999999990.0099')"


class _TimestampText(_Construct):
    name = "timestamp_text"
    inherit_cache = True
    type = PlainText()


@compiles(_TimestampText, "sqlite")
def _timestamp_sqlite(element: _TimestampText, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)  # stored as the text it prints as


@compiles(_TimestampText, "postgresql")
def _timestamp_postgresql(element: _TimestampText, compiler: SQLCompiler, **kw: Any) -> str:
    return f"to_char({compiler.process(element.clauses, **kw)} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"


class _BooleanJson(_Construct):
    name = "boolean_json"
    inherit_cache = True
    type = JsonText()


@compiles(_BooleanJson, "sqlite")
def _boolean_sqlite(element: _BooleanJson, compiler: SQLCompiler, **kw: Any) -> str:
    value = compiler.process(element.clauses, **kw)
    return f"CASE {value} WHEN 1 THEN json('true') WHEN 0 THEN json('false') END"


@compiles(_BooleanJson, "postgresql")
def _boolean_postgresql(element: _BooleanJson, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **kw)} AS TEXT)"


def boolean_json(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """A condition as JSON true or false."""
    return _BooleanJson(value)


def printed(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """A column as it prints in JSON: prices and timestamps as text, booleans as true and false, the rest as it is."""
    if isinstance(value.type, Price):
        return _PriceText(value)
    if isinstance(value.type, Timestamp):
        return _TimestampText(value)
    if isinstance(value.type, Boolean):
        return _BooleanJson(value)
    return value


class _Hex(_Construct):
    name = "hex_text"
    inherit_cache = True
    type = PlainText()


@compiles(_Hex, "sqlite")
def _hex_sqlite(element: _Hex, compiler: SQLCompiler, **kw: Any) -> str:
    return f"lower(hex({compiler.process(element.clauses, **kw)}))"


@compiles(_Hex, "postgresql")
def _hex_postgresql(element: _Hex, compiler: SQLCompiler, **kw: Any) -> str:
    return f"encode(convert_to(CAST({compiler.process(element.clauses, **kw)} AS TEXT), 'UTF8'), 'hex')"


def hex_text(value: ColumnElement[Any]) -> ColumnElement[str]:
    """The UTF-8 bytes of a text in hexadecimal."""
    return _Hex(value)


def text_of(value: ColumnElement[Any]) -> ColumnElement[str]:
    """A value as text."""
    return cast(value, Text())
