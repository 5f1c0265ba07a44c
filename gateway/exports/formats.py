"""Rows of an export as lines of a file, in forms that imports read back to the same values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

from gateway.csv_files import BOM, cell, row
from storage.columns import price_text, timestamp_text


class Format(StrEnum):
    """The forms that a file may have."""

    CSV = "csv"
    JSONL = "jsonl"


class Writing(NamedTuple):
    """How a form is written: what comes first, and what becomes of some rows."""

    media_type: str
    head: Callable[[Sequence[str]], bytes]
    lines: Callable[[Sequence[str], Sequence[Sequence[Any]]], bytes]


NO_PARQUET: Final = (
    "There is no Parquet here: the library that writes it is larger than everything else together. "
    "Export CSV or JSON Lines; DuckDB makes Parquet of either: "
    "duckdb -c \"COPY (FROM 'export.csv') TO 'export.parquet'\""
)


def _csv_head(columns: Sequence[str]) -> bytes:
    return (BOM + row(columns)).encode()


def _csv_lines(_columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    return "".join([",".join(map(_cell, each)) + "\n" for each in rows]).encode()


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return _text(value)
        case bool():
            return "yes" if value else "no"
        case dict() | list():
            return cell(orjson.dumps(value).decode()) if value else ""
    return str(_plain(value))  # no number, price or time needs quotes, and none is a formula


_text: Final = lru_cache(maxsize=65_536)(cell)
"""The same few names and SKUs come in every row."""


def _json_lines(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    options = orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_DATETIME
    return b"".join(
        [orjson.dumps(dict(zip(columns, each, strict=True)), default=_plain, option=options) for each in rows]
    )


def _plain(value: Any) -> Any:
    """Prices and times as text, as the rest of our answers have them."""
    if isinstance(value, Decimal):
        return price_text(value)
    if isinstance(value, datetime):
        return timestamp_text(value)
    return value


WRITINGS: Final[Mapping[Format, Writing]] = {
    Format.CSV: Writing("text/csv; charset=utf-8", _csv_head, _csv_lines),
    Format.JSONL: Writing("application/jsonl", lambda _columns: b"", _json_lines),
}
