"""The rows of an import that failed, as a CSV file that can be mended and imported again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from gateway.csv_files import BOM, row
from gateway.imports.columns import COLUMNS
from storage import imports
from storage.database import Database

HEADER: Final = ("line", "column", "reason", *COLUMNS)


async def failed_rows(database: Database, job_id: int) -> AsyncIterator[str]:
    """The file's text, chunk by chunk. `line` is that of the file that was imported.

    A column that the file did not have is left out: an empty price would clear one.
    """
    columns = await _columns(database, job_id)
    yield BOM + row([*HEADER[:3], *columns])
    chunk = -1
    while (found := await database.read(imports.failures_after, job_id, chunk)) is not None:
        chunk, failures = found
        yield "".join(
            row([
                str(failure["line"]), failure["column"], failure["message"],
                *(failure["row"].get(name, "") for name in columns),
            ])
            for failure in failures
        )  # fmt: skip


async def _columns(database: Database, job_id: int) -> list[str]:
    """Ours that the failed rows have."""
    present: set[str] = set()
    chunk = -1
    while (found := await database.read(imports.failures_after, job_id, chunk)) is not None:
        chunk, failures = found
        for failure in failures:
            present |= failure["row"].keys()
    return [name for name in COLUMNS if name in present]
