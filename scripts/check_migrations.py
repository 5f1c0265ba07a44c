"""Whether the migrations, all run on an empty database, make exactly what storage/tables/ describes."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlmodel import SQLModel

from storage import migrations, tables
from storage.database import Database

assert tables  # noqa: S101 (the import fills the metadata)


def differences(connection: Connection) -> list[Any]:
    """What a new migration would have to do. SQLite cannot tell of an index on an expression: the tests see it used."""
    warnings.filterwarnings("ignore", ".*expression-based index.*")
    return list(compare_metadata(MigrationContext.configure(connection), SQLModel.metadata))


async def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'fresh.db'}")
        try:
            await migrations.upgrade(database)
            async with database.engine.connect() as connection:
                found = await connection.run_sync(differences)
        finally:
            await database.close()
    for difference in found:
        print(f"storage/tables/ and the migrations differ: {difference}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
