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


class _Numbers(Construct):
    name = "json_numbers"
    inherit_cache = True
    type = JsonText()


@compiles(_Numbers, "sqlite")
def _numbers_sqlite(element: _Numbers, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_group_array({compiler.process(element.clauses, **kw)})"


@compiles(_Numbers, "postgresql")
def _numbers_postgresql(element: _Numbers, compiler: SQLCompiler, **kw: Any) -> str:
    number = f"coalesce(CAST({compiler.process(element.clauses, **kw)} AS TEXT), 'null')"
    return f"coalesce('[' || string_agg({number}, ',') || ']', '[]')"


def json_numbers(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """A JSON array of a number over all rows. Several over the same rows have them in the same order."""
    return _Numbers(value)


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


class _DocumentJson(Construct):
    name = "document_json"
    inherit_cache = True
    type = JsonText()


@compiles(_DocumentJson, "sqlite")
def _document_sqlite(element: _DocumentJson, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json({compiler.process(element.clauses, **kw)})"


@compiles(_DocumentJson, "postgresql")
def _document_postgresql(element: _DocumentJson, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **kw)} AS TEXT)"


def document_json(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """A column that holds a JSON document, as that document."""
    return _DocumentJson(value)


class _MemberText(Construct):
    name = "json_member_text"
    inherit_cache = True
    type = Text()


@compiles(_MemberText, "sqlite")
def _member_text_sqlite(element: _MemberText, compiler: SQLCompiler, **kw: Any) -> str:
    document, path = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"CAST(json_extract({document}, '$.' || {path}) AS TEXT)"


@compiles(_MemberText, "postgresql")
def _member_text_postgresql(element: _MemberText, compiler: SQLCompiler, **kw: Any) -> str:
    document, path = (compiler.process(clause, **kw) for clause in element.clauses)
    found = f"jsonb_path_query_first({document}, CAST('$.' || {path} AS jsonpath)) #>> '{{}}'"
    return f"(CASE {found} WHEN 'true' THEN '1' WHEN 'false' THEN '0' ELSE {found} END)"


def member_text(document: ColumnElement[Any], *path: str) -> ColumnElement[str | None]:
    """A scalar deep in a JSON document as text, true and false as 1 and 0. The path is ours, never a caller's."""
    return _MemberText(document, _path(path))


class _MemberNumber(Construct):
    name = "json_member_number"
    inherit_cache = True
    type = Float()


@compiles(_MemberNumber, "sqlite")
def _member_number_sqlite(element: _MemberNumber, compiler: SQLCompiler, **kw: Any) -> str:
    document, path = (compiler.process(clause, **kw) for clause in element.clauses)
    is_number = f"json_type({document}, '$.' || {path}) IN ('integer', 'real')"
    return f"(CASE WHEN {is_number} THEN json_extract({document}, '$.' || {path}) ELSE 0 END)"


@compiles(_MemberNumber, "postgresql")
def _member_number_postgresql(element: _MemberNumber, compiler: SQLCompiler, **kw: Any) -> str:
    document, path = (compiler.process(clause, **kw) for clause in element.clauses)
    number = f"""jsonb_path_query_first({document}, CAST('$.' || {path} || ' ? (@.type() == "number")' AS jsonpath))"""
    return f"coalesce(CAST({number} #>> '{{}}' AS NUMERIC), 0)"


def member_number(document: ColumnElement[Any], *path: str) -> ColumnElement[Any]:
    """A number deep in a JSON document, 0 where there is none."""
    return _MemberNumber(document, _path(path))


class _HasIds(Construct):
    name = "json_has_ids"  # no Boolean, as storage.json_rows.among()
    inherit_cache = True


@compiles(_HasIds, "sqlite")
def _has_ids_sqlite(element: _HasIds, compiler: SQLCompiler, **kw: Any) -> str:
    document, path, ids = (compiler.process(clause, **kw) for clause in element.clauses)
    own = "CASE j.type WHEN 'object' THEN json_extract(j.value, '$.id') END"
    return (
        f"EXISTS (SELECT 1 FROM json_each({document}, '$.' || {path}) j "  # noqa: S608 (compiled SQL, no text of a caller)
        f"WHERE {own} IN (SELECT value FROM json_each({ids})))"
    )


@compiles(_HasIds, "postgresql")
def _has_ids_postgresql(element: _HasIds, compiler: SQLCompiler, **kw: Any) -> str:
    document, path, ids = (compiler.process(clause, **kw) for clause in element.clauses)
    asked = f"jsonb_build_object('ids', CAST({ids} AS jsonb))"
    return f"jsonb_path_exists({document}, CAST('$.' || {path} || '[*].id ? (@ == $ids[*])' AS jsonpath), {asked})"


def has_ids(document: ColumnElement[Any], path: Sequence[str], ids: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a list of objects deep in a JSON document has one with one of these ids, themselves a JSON list."""
    return _HasIds(document, _path(path), ids)


def _path(names: Sequence[str]) -> ColumnElement[str]:
    quoted = ".".join(f'"{name}"' for name in names)
    return literal_column(f"'{quoted}'")


def text_of(value: ColumnElement[Any]) -> ColumnElement[str]:
    """A value as text."""
    return cast(value, Text())
