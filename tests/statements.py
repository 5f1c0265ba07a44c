"""Counting statements: those that SQLAlchemy runs, and those that are run as text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from storage.database import Database


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """The statements that are executed meanwhile, in their order, without BEGIN and COMMIT."""
    executed: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, _parameters: Any, _context: Any, many: bool) -> None:  # noqa: FBT001
        assert not many
        if not statement.startswith("BEGIN"):
            executed.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    database.observers.append(executed.append)
    yield executed
    database.observers.remove(executed.append)
    event.remove(database.engine.sync_engine, "before_cursor_execute", note)
