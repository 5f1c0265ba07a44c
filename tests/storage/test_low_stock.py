"""What is low on stock, how much is missing, and how long the rest lasts."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from typing import Any

import orjson
import pytest

from gateway.cli import main
from storage import low_stock
from storage.database import Database
from storage.errors import ErrorCode, InventoryError
from storage.low_stock import Wanted, cover_of, per_day_of
from tests.storage import shortages


async def test_what_lasts_shortest_comes_first_with_what_is_missing_and_what_goes_out(database: Database) -> None:
    await shortages.fill(database)
    rows = await database.read(low_stock.read, Wanted())
    assert [tuple(row) for row in rows] == [
        (5, "SKU-5", "Product 5", 1, "Location 1", 0, 2, "default", 2, 30),
        (1, "SKU-1", "Product 1", 1, "Location 1", 4, 5, "product", 1, 10),
        (3, "SKU-3", "Product 3", 2, "=Back;room", 5, 6, "location", 1, 0),
        (6, "SKU-6", '-2+3 "deal"', 2, "=Back;room", 1, 1, "product", 0, 0),
    ]
    week = await database.read(low_stock.read, Wanted(days=40, skus=["sku-1", "SKU-2"]))
    assert [(row.product_id, row.outflow) for row in week] == [(5, 30), (1, 30)]
    named = await database.read(low_stock.read, Wanted(locations=["location-2"], limit=1))
    assert [row.product_id for row in named] == [3]
    assert await database.read(low_stock.read, Wanted(locations=["1"], skus=["SKU-3"])) == []
    for wrong, code in (
        (Wanted(locations=["nowhere"]), ErrorCode.LOCATION_NOT_FOUND),
        (Wanted(skus=["nothing"]), ErrorCode.ITEM_NOT_FOUND),
        (Wanted(days=0), ErrorCode.INVALID_VALUE),
    ):
        with pytest.raises(InventoryError) as refused:
            await database.read(low_stock.read, wrong)
        assert refused.value.code is code


@pytest.mark.parametrize(
    ("available", "outflow", "days", "per_day", "cover"),
    [
        (4, 10, 28, 0.36, 11.2),
        (0, 10, 28, 0.36, 0.0),
        (-3, 1, 366, 0.0, 0.0),
        (9, 0, 28, 0.0, None),
        (1, 3, 2, 1.5, 0.6),
    ],
)
def test_cover_is_what_is_left_by_what_goes_out_a_day(
    available: int, outflow: int, days: int, per_day: float, cover: float | None
) -> None:
    assert (per_day_of(outflow, days), cover_of(available, outflow, days)) == (per_day, cover)


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["report", "low-stock", *arguments])
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


def test_the_report_is_a_table_csv_that_no_spreadsheet_runs_or_json(
    sqlite_template: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path / 'stockgate.db'}"
    monkeypatch.setenv("STOCKGATE_DATABASE_URL", url)
    assert _run(capsys)[1] == "Nothing is low on stock.\n"

    async def fill() -> None:
        database = Database(url)
        await shortages.fill(database)
        await database.close()

    asyncio.run(fill())
    monkeypatch.setenv("COLUMNS", "120")
    _, table, _ = _run(capsys, "--days", "28")
    assert [word in table for word in ("Days of cover", "SKU-5", "11.2", "=Back;room", "28 days")] == [True] * 5
    _, text, _ = _run(capsys, "--csv", "-", "--location", "location-2")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["name"], row["location"], row["days_of_cover"], row["deficit"]) for row in rows] == [
        ("Product 3", "'=Back;room", "", "1"), ("'-2+3 \"deal\"", "'=Back;room", "", "0"),
    ]  # fmt: skip
    code, out, err = _run(capsys, "--csv", "low.csv", "--product", "SKU-1")
    assert (code, out, err) == (0, "", "Wrote 1 levels to low.csv.\n")
    assert (tmp_path / "low.csv").read_text().splitlines()[1].startswith("SKU-1,")
    _, lines, _ = _run(capsys, "--json", "--limit", "2")
    assert [orjson.loads(line)["days_of_cover"] for line in lines.splitlines()] == [0.0, 11.2]
    assert json.loads(lines.splitlines()[0])["threshold_source"] == "default"
    code, _, err = _run(capsys, "--location", "nowhere")
    assert (code, "no location 'nowhere'" in err) == (1, True)
    assert _run(capsys, "--csv", "-", "--json")[0] == 2
