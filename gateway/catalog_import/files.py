"""A file of locations, products or stock as a catalogue document, and its problems by the lines of the file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Final, Literal

from gateway.catalog_import.columns import PARENT, PUBLISHED, STOCK, Columns, ListName, columns_of, mapping_of
from gateway.catalog_import.rows import row_of, units_of
from gateway.csv_files import CsvFile, FileError, Record, decoded
from storage.catalog_document import CatalogError, Problem, load

Format = Literal["json", "jsonl", "csv"]
_ENDINGS: Final[Mapping[str, Format]] = {
    ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "csv", ".txt": "csv",
}  # fmt: skip
_PLACE: Final = re.compile(r"(products|locations|stock)\[([0-9]+)\](?:\.([a-z_0-9]+))?(.*)")
_INSIDE: Final = re.compile(r"(products|locations|stock)\[([0-9]+)\]")


@dataclass(frozen=True, slots=True)
class Asked:
    """How a file is read: `of` is the list that it is, None what its columns say. `location_id` is where the stock of
    products goes."""

    of: ListName | None = None
    mapping: Sequence[str] = ()
    encoding: str | None = None
    location_id: int | None = None


@dataclass(slots=True)
class Table:
    """What a file holds: a catalogue document, and for each of its rows the line that it is from."""

    document: dict[str, list[Any]]
    lines: dict[str, list[int]]
    headers: Mapping[str, str] = field(default_factory=dict)
    ignored: Sequence[str] = ()
    note: str = ""
    location_id: int | None = None

    def add(self, of: ListName, line: int, row: dict[str, Any], units: Any) -> None:
        """A row, and the units of a product that its row tells."""
        lists: list[tuple[str, dict[str, Any]]] = [(of, row)]
        if units is not None:
            named = {"product_id": row["id"]} if row.get("id") is not None else {"sku": row.get("sku")}
            lists.append(("stock", {**named, "location_id": self.location_id, "on_hand": units}))
        for name, each in lists:
            self.document[name].append(each)
            self.lines[name].append(line)

    @property
    def notes(self) -> list[str]:
        """What there is to be said of it that is no problem."""
        told = [self.note] if self.note else []
        if self.ignored:
            told.append(f"Columns that were not looked at: {', '.join(self.ignored)}.")
        return told

    def told(self, problem: Problem) -> Problem:
        """A problem by its line, and its column as the file calls it."""
        found = _PLACE.fullmatch(problem.place)
        if found is None:
            return problem
        name, number, column, rest = found.groups()
        header = self.headers.get(STOCK if name == "stock" and "products" in self.document else column or "", column)
        place = self._line(name, int(number)) + (f", column {header}" if header else "") + (rest if header else "")
        message = _INSIDE.sub(lambda other: self._line(other[1], int(other[2])), problem.message)
        return replace(problem, place=place, message=message)

    def _line(self, name: str, number: int) -> str:
        return f"line {self.lines[name][number]}"


def format_of(name: str, head: bytes) -> Format:
    """What a file is, by the ending of its name, else by how it begins."""
    for ending, of in _ENDINGS.items():
        if name.casefold().endswith(ending):
            return of
    return "json" if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["} else "csv"


def read(source: BinaryIO, of: Format, asked: Asked) -> Table:
    """Read a CSV or JSON Lines file. Raises FileError, or CatalogError for lines that are no JSON."""
    return _read_csv(source, asked) if of == "csv" else _read_json_lines(source, asked)


def _read_csv(source: BinaryIO, asked: Asked) -> Table:
    file = CsvFile(source, asked.encoding)
    records = iter(file)
    header = next(records, None)
    if header is None:
        raise FileError("The file is empty: its first line names the columns.", 1)
    names = [name.lstrip("\ufeff") for name in header.cells]
    columns = columns_of(names, mapping_of(asked.mapping), asked.of)
    table = _table(columns, asked)
    table.note = file.note
    for line, cells in _by_column(records, names, columns):
        table.add(columns.of, line, row_of(cells, columns.of), units_of(cells))
    return table


def _by_column(
    records: Iterator[Record], names: Sequence[str], columns: Columns
) -> Iterator[tuple[int, dict[str, str]]]:
    places = [(place, columns.ours[name]) for place, name in enumerate(names) if name in columns.ours]
    for line, cells in records:
        if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
            raise FileError(f"There are {len(cells)} cells for {len(names)} columns. Is a comma unquoted?", line)
        if any(cell.strip() for cell in cells):
            yield line, {column: cells[place] for place, column in places if place < len(cells)}


def _read_json_lines(source: BinaryIO, asked: Asked) -> Table:
    table: Table | None = None
    columns: Columns | None = None
    problems: list[Problem] = []
    mapping = mapping_of(asked.mapping)
    for line, text in enumerate(decoded(source, asked.encoding).text, start=1):
        if not text.strip():
            continue
        try:
            sent = load(text.encode())
        except CatalogError:
            problems.append(Problem(f"line {line}", "is no JSON"))
            continue
        if not isinstance(sent, dict):
            problems.append(Problem(f"line {line}", "must be an object"))
            continue
        if table is None or columns is None:
            columns = columns_of(list(sent), mapping, asked.of)
            table = _table(columns, asked)
        row = {columns.ours.get(name, name): value for name, value in sent.items() if name not in columns.ignored}
        row = {name: value for name, value in row.items() if name not in {"product_name", "location_name"}}
        units = row.pop(STOCK, None)
        table.add(columns.of, line, row, units)
    if problems:
        raise CatalogError(problems)
    if table is None:
        raise FileError("The file is empty: each line is an object.", 1)
    return table


def _table(columns: Columns, asked: Asked) -> Table:
    both = ("products", "stock") if columns.of == "products" and STOCK in columns.ours.values() else (columns.of,)
    headers = {column: name for name, column in columns.ours.items()}
    for several, ones in ((PARENT, ("parent_id", "parent_sku")), (PUBLISHED, ("status",))):
        if several in headers:
            headers = {**dict.fromkeys(ones, headers[several]), **headers}
    lists: tuple[dict[str, list[Any]], dict[str, list[int]]] = {name: [] for name in both}, {name: [] for name in both}
    return Table(*lists, headers, columns.ignored, location_id=asked.location_id)
