"""A file of stock as chunks of rows: CSV or TSV with a header, or JSON Lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import PurePath
from typing import Any, BinaryIO, Final

import orjson

from gateway.csv_files import CsvFile, FileError, decoded
from gateway.imports.columns import Columns
from gateway.imports.rows import Reading
from storage.changes import Refused
from storage.errors import ErrorCode
from storage.import_rows import Failure, Row, failure
from storage.import_run import ROWS_PER_CHUNK
from storage.imports import Options

FORMATS: Final = ("csv", "jsonl")
_LINE_MAX: Final = 1 << 20
_MISSING: Final = "?"
"""In place of cells that a row has not: they are to be mended, and empty ones would mean something."""
_BY_SUFFIX: Final = {".jsonl": "jsonl", ".ndjson": "jsonl"}

ReadChunk = tuple[list[Row], list[Failure]]


def format_of(name: str) -> str:
    """What a file's name says of it."""
    return _BY_SUFFIX.get(PurePath(name).suffix.lower(), "csv")


class StockFile:
    """A file of stock levels, read once. `notes` are what a person should know of how it is read."""

    def __init__(self, source: BinaryIO, options: Options) -> None:
        """Raises FileError when the file, or its header, cannot be understood."""
        self._options = options
        self._columns = Columns(options.mapping or {}, options.mode)
        self._reading = Reading(options.location)
        self.notes: list[str] = []
        self._rows = self._of_jsonl(source) if options.format == "jsonl" else self._of_csv(source)

    def chunks(self) -> Iterator[ReadChunk]:
        """Rows that could be read and those that could not, so many at a time. Raises FileError where the file ends
        to make sense."""
        rows: list[Row] = []
        unreadable: list[Failure] = []
        is_empty = True
        for row in self._rows:
            if isinstance(row, dict):
                unreadable.append(row)
            else:
                rows.append(row)
            if len(rows) + len(unreadable) == ROWS_PER_CHUNK:
                yield rows, unreadable
                rows, unreadable, is_empty = [], [], False
        if rows or unreadable:
            yield rows, unreadable
        elif is_empty:
            raise FileError("There is no row below the header.")

    def _of_csv(self, source: BinaryIO) -> Iterator[Row | Failure]:
        file = CsvFile(source, self._options.encoding or None)
        if file.note:
            self.notes.append(file.note)
        records = iter(file)
        header = next(records, None)
        if header is None:
            raise FileError("The file is empty: its first line names the columns.")
        ours, ignored = self._columns.of_header(header.cells, location=self._options.location)
        if ignored:
            self.notes.append(f"These columns were not looked at: {', '.join(ignored)}.")
        return self._csv_rows(records, ours)

    def _csv_rows(self, records: Iterator[Any], ours: Sequence[str]) -> Iterator[Row | Failure]:
        width, row_of = len(ours), self._reading.row
        for line, cells in records:
            if len(cells) != width:
                if len(cells) < width or any(cells[width:]):
                    yield _uneven(line, cells, ours)
                    continue
                del cells[width:]
            named = dict(zip(ours, cells, strict=True))
            yield row_of(line, named)

    def _of_jsonl(self, source: BinaryIO) -> Iterator[Row | Failure]:
        file = decoded(source, self._options.encoding or None)
        if file.note:
            self.notes.append(file.note)
        lines = self._json_lines(file.text, file.encoding)
        first = next(lines, None)
        if first is None:
            raise FileError("The file is empty: each line is a JSON object.")
        return chain([first], lines)

    def _json_lines(self, text: Any, encoding: str) -> Iterator[Row | Failure]:
        number = 0
        while True:
            number += 1
            try:
                line = text.readline(_LINE_MAX)
            except UnicodeError:
                raise FileError(f"This is not {encoding.upper()}. Name the file's encoding.", number) from None
            if not line:
                return
            if len(line) == _LINE_MAX:
                raise FileError(
                    f"A line is longer than {_LINE_MAX} characters. JSON Lines has an object per line.", number
                )
            if not line.isspace():
                yield self._json_row(number, line)

    def _json_row(self, number: int, line: str) -> Row | Failure:
        try:
            value = orjson.loads(line)
        except ValueError:
            return failure(number, "", line.strip(), _invalid("Not JSON."), {})
        if not isinstance(value, dict):
            return failure(number, "", line.strip(), _invalid("Not a JSON object."), {})
        cells: dict[str, str] = {}
        for name, given in value.items():
            column = self._columns.of(name)
            if not column or given is None:  # null says nothing, as in the requests of these fields
                continue
            if column in cells:
                message = f"The object has {column} twice, by several names."
                return failure(number, column, name, _invalid(message), cells)
            if isinstance(given, list | dict):
                shown = orjson.dumps(given).decode()
                return failure(number, column, shown, _invalid("Neither text nor number."), cells)
            cells[column] = str(given).lower() if isinstance(given, bool) else str(given)
        return self._reading.row(number, cells)


def _invalid(message: str) -> Refused:
    return Refused(ErrorCode.INVALID_LINE, message)


def _uneven(line: int, cells: Sequence[str], ours: Sequence[str]) -> Failure:
    named: Mapping[str, str] = dict.fromkeys(ours, _MISSING) | dict(zip(ours, cells, strict=False))
    message = f"The row has {len(cells)} cells, the header {len(ours)}."
    return failure(line, "", "", _invalid(message), named)
