"""A server whose limits are small, so that what goes beyond them is quick to test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.server.served import Served, serving

SMALL = {
    "CONNECTIONS_MAX": "40",
    "HEADER_SECONDS_MAX": "1",
    "HEADER_BYTES_MAX": "4096",
    "HEADERS_MAX": "20",
    "BODY_SECONDS_MAX": "1",
    "BODY_BYTES_PER_SECOND_MIN": "2000",
    "KEEP_ALIVE_SECONDS_MAX": "2",
    "WRITE_SECONDS_MAX": "1",
}


@pytest.fixture(scope="package")
def small_database(sqlite_template: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of the database that it serves."""
    file = tmp_path_factory.mktemp("small") / "stockgate.db"
    shutil.copyfile(Path(sqlite_template.removeprefix("sqlite:///")), file)
    return f"sqlite:///{file}"


@pytest.fixture(scope="package")
def small(small_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A `stockgate serve` with small limits."""
    variables = {f"STOCKGATE_{name}": value for name, value in SMALL.items()}
    with serving(tmp_path_factory.mktemp("served"), STOCKGATE_DATABASE_URL=small_database, **variables) as served:
        yield served
