"""What a row is, whichever engine has it: bytes that are the same for the same row, and different for any other."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import JSON, Table

from storage.bulk_rows import Row


def stored_form(table: Table) -> Callable[[Row], bytes]:
    """Makes the bytes of a table's rows, each with a line's end."""
    documents = [place for place, column in enumerate(table.columns) if isinstance(column.type, JSON)]

    def form(row: Row) -> bytes:
        if documents:
            values = list(row)
            for place in documents:
                values[place] = _document(values[place])
            return orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE)
        return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)

    return form


@lru_cache(maxsize=10_000)
def _document(text: str | None) -> str | None:
    """A JSON document without what JSONB does not keep: blanks, the order of members, and how a number is written."""
    if text is None:
        return None
    return repr(_value(json.loads(text, parse_float=Decimal, parse_int=Decimal)))


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _value(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_value(each) for each in value]
    return _number(value) if isinstance(value, Decimal) else value


def _number(number: Decimal) -> Decimal:
    """With no zeros at its end: Decimal.normalize() would round."""
    sign, digits, exponent = number.as_tuple()
    if not number or not isinstance(exponent, int):
        return Decimal(0)
    while digits[-1] == 0:
        digits, exponent = digits[:-1], exponent + 1
    return Decimal((sign, digits, exponent))
