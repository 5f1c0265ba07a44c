"""`stockgate import inventory`: what it prints, and what it leaves behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from storage.database import Database
from tests.gateway.test_cli import Everywhere, everywhere, stockgate

__all__ = ["everywhere", "stockgate"]  # fixtures


async def test_a_file_is_previewed_written_once_and_its_failures_are_kept(
    everywhere: Everywhere, catalogue: Database, tmp_path: Path
) -> None:
    file, failed = tmp_path / "count.tsv", tmp_path / "failed.csv"
    file.write_text("Artikel\tWarehouse\tQty\tColour\nSKU-1\tlocation-1\t12\tred\nSKU-2\tlocation-9\t1\tred\n")
    command = ("import", "inventory", str(file), "--map", "Artikel=sku")
    dry = await everywhere(*command, "--dry-run", "--errors", str(failed))
    assert dry == (1, dry.out, "These columns were not looked at: Colour.\nstockgate: 1 rows failed.\n")
    assert dry.out.splitlines() == [
        "2 rows: 1 to change, 0 unchanged, 1 failed.",
        "  line 2: SKU-1 at location 1: stock – -> 12",
        "  line 3: location_slug 'location-9': Location not found.",
        "Nothing was written.",
    ]
    assert failed.read_text(encoding="utf-8-sig").splitlines() == [
        "line,column,reason,sku,location_slug,stock",
        '3,location_slug,"Location not found.",SKU-2,location-9,1',
    ]
    done = await everywhere(*command)
    assert (done.code, done.out.splitlines()[-1]) == (1, "Import 2: 1 changed, 0 unchanged.")
    refused = await everywhere(*command)
    assert refused.err.startswith("stockgate: This file was imported on 20")
    assert refused.err.endswith("as import 2: 1 changed. Say --again to import it once more.\n")
    failed.write_text(failed.read_text().replace("location-9", "location-2"))
    assert (await everywhere("import", "inventory", str(failed))).code == 0
    atomic = await everywhere(*command, "--again", "--policy", "atomic")
    assert "stockgate: 1 rows failed, and the policy is atomic: nothing is written." in atomic.err.splitlines()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["none.csv"], "Cannot read none.csv: No such file or directory."),
        (["x.csv", "--map", "Qty"], "x.csv: 'Qty' maps nothing: write it as NAME=COLUMN, such as Qty=stock."),
        (["x.csv", "--map", "Qty=menge"], "x.csv: 'Qty=menge': there is no column 'menge'. There are product_id, *"),
        (["x.csv", "--format", "xls"], "--format is one of csv, jsonl, not 'xls'."),
        (["x.csv", "--encoding", "klingon"], "x.csv: The encoding 'klingon' is not known. Known are: utf-8, *"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_line(stockgate: Any, tmp_path: Path, arguments: list[str], told: str) -> None:
    from fnmatch import fnmatch

    (tmp_path / "x.csv").write_text("sku,location,stock\nA,b,1\n")
    done = stockgate("import", "inventory", *arguments)
    assert (done.code, done.out) == (1, "")
    assert fnmatch(done.err, f"stockgate: {told}\n")
