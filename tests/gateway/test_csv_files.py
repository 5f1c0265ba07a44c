"""CSV files: what is written comes back, and what others write is understood."""

from __future__ import annotations

import io
import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.csv_files import BOM, CsvFile, FileError, cell, row

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.text("'=+-@\t\r\n\"\\,; 1.e\0", max_size=6)


def _read(data: bytes, **options: str) -> list[tuple[int, list[str]]]:
    return [tuple(record) for record in CsvFile(io.BytesIO(data), **options)]


@given(st.lists(st.lists(_TEXT, min_size=1, max_size=4), min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
@example([["'=1"], ["''-x", "'-5", "-5", "=1", "'"], [""], ["", ""], [BOM]])
def test_any_text_comes_back_as_it_was_written(rows: list[list[str]]) -> None:
    text = BOM + "".join(map(row, rows))
    read = CsvFile(io.BytesIO(text.encode()), delimiter=",")
    assert [cells for _, cells in read] == rows


@given(_TEXT)
def test_no_cell_begins_like_a_formula(text: str) -> None:
    written = cell(text).removeprefix('"')
    assert not written.startswith(tuple("=+-@\t\r")) or float(written) == float(text)  # a number may have a sign


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_files_are_read_as_they_are_found(encoding: str, delimiter: str, newline: str) -> None:
    text = newline.join(['sku;"na,,me";stock', '"Zü-1";"a ""b""";3', "", "Zü-2;;4"]).replace(";", delimiter)
    assert _read(text.encode(encoding)) == [
        (1, ["sku", "na,,me", "stock"]),
        (2, ["Zü-1", 'a "b"', "3"]),
        (4, ["Zü-2", "", "4"]),
    ]


def test_lines_are_counted_through_quoted_newlines_and_excels_first_line() -> None:
    text = 'sep=;\nsku;name\nA;"two\r\nlines"\n\nB;x\n"C\n\n";y\nD;z'
    lines = [line for line, _ in CsvFile(io.BytesIO(text.encode()))]
    assert lines == [2, 3, 6, 7, 10]


def test_windows_1252_is_understood_and_said() -> None:
    file = CsvFile(io.BytesIO("sku,name\nA,x\nB,Größe\n".encode("cp1252")))
    assert [cells for _, cells in file][2] == ["B", "Größe"]
    assert file.note == ("Line 3 is not UTF-8: the file was read as Windows-1252. Name its encoding if it is another.")
    assert _read("sku\nБ".encode("iso-8859-5"), encoding="iso-8859-1")[1] == (2, ["±"])


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'a,b\n1,2\n3,"x\n4,5\n', "line 3: A cell begins with a quote, and no quote ends it."),
        (b'a\n\n"x"y', "line 3: A cell goes on after the quote that ends it. Quotes within a quoted cell are doubled."),
        (b"a\n" + b"x" * 200_000, "line 2: A cell is longer than 131072 characters; is a quote left open?"),
        (b"a\nb\x81\n", "line 1: The file is not UTF-8, and not Windows-1252 either. Name its encoding."),
        (b"\xff\xfea\x00\n\x00\x00\xd8a", "line 1: The file is not UTF-16. Name its encoding."),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_its_line(data: bytes, told: str) -> None:
    with pytest.raises(FileError) as raised:
        _read(data)
    assert str(raised.value) == told


def test_an_encoding_that_is_none_is_refused() -> None:
    with pytest.raises(FileError, match="'klingon' is not known"):
        _read(b"a", encoding="klingon")


def test_a_large_file_takes_no_memory_to_speak_of() -> None:
    source = io.BytesIO(b"sku,name,stock\n" + b"A-1,something,12\n" * 50_000)
    tracemalloc.start()
    rows = sum(1 for _ in CsvFile(source))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == 50_001
    assert peak < 2_000_000
