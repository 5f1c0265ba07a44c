"""JSON out of SQL: a statement's results as the JSON text that the database builds.

This and json_rows are where the engines' JSON functions differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, cast, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import Boolean, Float, Integer

from storage.columns import PRICE_SCALE, Price, Timestamp
from storage.json_rows import Construct

# A call takes at most 127 arguments on SQLite; a larger object is joined from several.
_PAIRS_MAX: Final = 45


class JsonText(Text):
    """The type of text that is JSON already."""


class PlainText(Text):
    """The type of text in which nothing needs to be escaped in JSON."""


class _Object(Construct):
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


class _Joined(Construct):
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


class _Array(Construct):
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


class _Aggregate(Construct):
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


class _OrNull(Construct):
    name = "json_or_null"
    inherit_cache = True
    type = JsonText()


@compiles(_OrNull, "sqlite")
def _or_null_sqlite(element: _OrNull, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)  # json_group_array() writes null for NULL


@compiles(_OrNull, "postgresql")
def _or_null_postgresql(element: _OrNull, compiler: SQLCompiler, **kw: Any) -> str:
    return f"coalesce({compiler.process(element.clauses, **kw)}, 'null')"


def json_or_null(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """An object or array to be aggregated, which may be NULL: that is null in the array."""
    return _OrNull(value)


class _PriceText(Construct):
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


class _TimestampText(Construct):
    name = "timestamp_text"
    inherit_cache = True
    type = PlainText()


@compiles(_TimestampText, "sqlite")
def _timestamp_sqlite(element: _TimestampText, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)  # stored as the text it prints as


@compiles(_TimestampText, "postgresql")
def _timestamp_postgresql(element: _TimestampText, compiler: SQLCompiler, **kw: Any) -> str:
    return f"to_char({compiler.process(element.clauses, **kw)} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"


class _BooleanJson(Construct):
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


class _Hex(Construct):
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
