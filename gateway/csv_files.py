"""CSV files: the one place where cells are written and read.

A spreadsheet runs a cell that begins like a formula, so such a text gets a `'` in front when it is written and loses it
when it is read: what was written comes back as it was, whatever it is. Files are read as they are found: UTF-8 or
UTF-16 with or without a byte order mark, Windows-1252, commas, semicolons or tabs, at constant memory.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, NamedTuple

BOM: Final = "\ufeff"
DELIMITERS: Final = (",", ";", "\t")
ENCODINGS: Final = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "iso-8859-1")

_QUOTED: Final = re.compile(r'[",\\\s]')
_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")
_NUMBER: Final = re.compile(r"'*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_SEPARATOR_LINE: Final = re.compile(r"sep=([,;\t])(?:\r\n|\r|\n)", re.IGNORECASE)
_HEAD_BYTES: Final = 4096
_PIECE_BYTES: Final = 1 << 20
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class FileError(Exception):
    """A file cannot be read for what it should be, from this line on."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message if line is None else f"line {line}: {message}")
        self.message = message
        self.line = line


def cell(text: str) -> str:
    """A text as one cell. One that a spreadsheet would run gets a `'` in front; quoted as PHP's fputcsv does."""
    if _FORMULA.match(text) and not _NUMBER.fullmatch(text):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def row(cells: Sequence[str]) -> str:
    """A line of cells, with its end."""
    return '""\n' if list(cells) == [""] else ",".join(map(cell, cells)) + "\n"  # an empty line would be no row


def restored(text: str) -> str:
    """The text that cell() was given; a text of anybody else's stays as it is unless it has that `'` in front, too."""
    if text[:1] == "'" and _FORMULA.match(text) and not _NUMBER.fullmatch(text):
        return text[1:]
    return text


class Record(NamedTuple):
    """A row, and the number of the line on which it begins, counted from 1."""

    line: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file as text. `note` says what had to be assumed about it, '' when it was plain."""

    text: io.TextIOWrapper
    encoding: str
    note: str = ""


def decoded(source: BinaryIO, encoding: str | None = None) -> Decoded:
    """The text of a file that can be read twice, in the encoding that it is in. Raises FileError for a name of none."""
    note = ""
    if encoding is None:
        encoding, note = _encoding_of(source)
    elif encoding.lower() not in ENCODINGS:
        raise FileError(f"The encoding {encoding!r} is not known. Known are: {', '.join(ENCODINGS)}.")
    elif encoding.lower() == "utf-8":
        encoding = "utf-8-sig"
    source.seek(0)
    text = io.TextIOWrapper(io.BufferedReader(_Borrowed(source), _PIECE_BYTES // 16), encoding, newline="")
    return Decoded(text, encoding, note)


class _Borrowed(io.RawIOBase):
    """A file that is somebody else's to close."""

    def __init__(self, source: BinaryIO) -> None:
        self._source: Any = source

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        read: int = self._source.readinto(buffer)
        return read

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._source.seek(offset, whence))

    def tell(self) -> int:
        return int(self._source.tell())


def _encoding_of(source: BinaryIO) -> tuple[str, str]:
    """The encoding of a file, and what there is to be said of it."""
    source.seek(0)
    head = source.read(_HEAD_BYTES)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, ""
    halves = head[0::2].count(0), head[1::2].count(0)
    if max(halves) * 4 > len(head):  # every second byte of Latin text in UTF-16 is 0
        return ("utf-16-be", "") if halves[0] > halves[1] else ("utf-16-le", "")
    line = _line_not_utf8(source)
    if line is None:
        return "utf-8", ""
    return "cp1252", f"Line {line} is not UTF-8: the file was read as Windows-1252. Name its encoding if it is another."


def _line_not_utf8(source: BinaryIO) -> int | None:
    """The first line that is not UTF-8."""
    source.seek(0)
    decoder, lines = codecs.getincrementaldecoder("utf-8")(), 1
    while True:
        piece = source.read(_PIECE_BYTES)
        try:
            decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            return lines + error.object[: error.start].count(b"\n")
        lines += piece.count(b"\n")
        if not piece:
            return None


class CsvFile:
    """A CSV file, read from its beginning to its end, once. What it holds comes back as cell() was given it."""

    def __init__(self, source: BinaryIO, encoding: str | None = None, delimiter: str | None = None) -> None:
        """`source` can be read twice. Raises FileError for an encoding that it is not in."""
        self._decoded = decoded(source, encoding)
        self._skipped = 0
        head = self._read_head()
        if marked := _SEPARATOR_LINE.match(head):  # what Excel writes and reads
            self._decoded.text.readline()
            self._skipped, head = 1, head[marked.end() :]
            delimiter = delimiter or marked[1]
        self.delimiter = delimiter or _delimiter_of(head)

    @property
    def encoding(self) -> str:
        """What it is read as."""
        return self._decoded.encoding

    @property
    def note(self) -> str:
        """What had to be assumed; '' when nothing was."""
        return self._decoded.note

    def __iter__(self) -> Iterator[Record]:
        """Its rows; empty lines are none. Raises FileError where the file cannot be understood any further."""
        rows = csv.reader(self._decoded.text, delimiter=self.delimiter, strict=True)
        line = self._skipped + 1
        try:
            for cells in rows:
                if cells:
                    if "'" in "".join(cells):
                        cells = [restored(text) for text in cells]  # noqa: PLW2901 (the same row)
                    yield Record(line, cells)
                line = self._skipped + rows.line_num + 1
        except csv.Error as error:
            raise FileError(_explained(error), line) from None
        except UnicodeError:
            raise FileError(f"This is not {_shown(self.encoding)}. Name the file's encoding.", line) from None

    def _read_head(self) -> str:
        try:
            head = self._decoded.text.read(_HEAD_BYTES)
        except UnicodeError:
            raise FileError(f"The file is not {_shown(self.encoding)}. Name its encoding.", 1) from None
        self._decoded.text.seek(0)
        return head


def _shown(encoding: str) -> str:
    return {"utf-8-sig": "UTF-8", "cp1252": "UTF-8, and not Windows-1252 either"}.get(encoding, encoding.upper())


def _delimiter_of(head: str) -> str:
    """What separates the cells of the first line, outside of quotes; a comma where nothing does."""
    counts, quoted = dict.fromkeys(DELIMITERS, 0), False
    for character in head.lstrip("\r\n"):
        if character == '"':
            quoted = not quoted
        elif not quoted and character in "\r\n":
            break
        elif not quoted and character in counts:
            counts[character] += 1
    return max(DELIMITERS, key=counts.__getitem__)


def _explained(error: csv.Error) -> str:
    told = str(error)
    if "unexpected end" in told:
        return "A cell begins with a quote, and no quote ends it."
    if "field limit" in told:
        return f"A cell is longer than {csv.field_size_limit()} characters; is a quote left open?"
    if "expected after" in told:
        return "A cell goes on after the quote that ends it. Quotes within a quoted cell are doubled."
    return f"This is not CSV: {told}."
