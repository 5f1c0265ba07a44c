"""Files become imports, without the command line and without HTTP."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.imports import files, jobs
from storage import imports
from storage.changes import Origin
from storage.database import Database
from storage.import_run import Run
from storage.imports import Job, Options

ORIGIN = Origin(imports.DIALECT, principal="tests")
Bring = Callable[..., Awaitable[Job]]


@pytest.fixture
def bring(database: Database, monkeypatch: pytest.MonkeyPatch) -> Bring:
    """`await bring(text, apply=True)`: a file of three rows per chunk, previewed or applied."""
    monkeypatch.setattr(files, "ROWS_PER_CHUNK", 3)

    async def bring(text: str | bytes, *, origin: Origin = ORIGIN, **options: Any) -> Job:
        asked = replace(Options(), **options)
        source = io.BytesIO(text if isinstance(text, bytes) else text.encode())
        by, fingerprint = imports.holder(), await jobs.fingerprint_of(source, asked, origin)
        job = await database.transact(
            imports.create, name="stock.csv", fingerprint=fingerprint, options=asked, origin=origin
        )
        taken = await database.transact(imports.take, job.id, by)
        assert taken is not None
        job = await jobs.read_in(database, taken, by, source)
        job = await Run(database, job, by).go_on()
        await database.transact(imports.let_go, job.id, by)
        return job

    return bring
