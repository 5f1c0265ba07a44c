"""Distances need functions that not every SQLite has: those that it lacks come from Python."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from storage import mathematics
from storage.database import Database
from storage.sqlite_library import dbapi

VALUES = (None, -2.0, -1.0, -0.3, 0.0, 0.5, 1.0, 2.0, 89.9)
NAMES = ("sin", "cos", "asin", "sqrt", "radians", "power")
CALL = "SELECT power(sin(radians(30.0)), 2.0) + sqrt(cos(radians(60.0))) + asin(0.5)"
THEIRS = f"SELECT name FROM pragma_function_list WHERE NOT builtin AND name IN {NAMES}"


def test_nothing_is_registered_where_nothing_is_missing() -> None:
    assert list(mathematics.missing(NAMES)) == []
    assert [function.name for function in mathematics.missing({"sin", "abs"})] == list(NAMES[1:])


@pytest.mark.parametrize("function", list(mathematics.missing(())), ids=NAMES)
def test_a_function_gives_what_sqlite_s_own_gives(function: mathematics.Function) -> None:
    connection = dbapi.connect(":memory:")
    connection.create_function("ours", function.arguments, function.call)
    for value in VALUES:
        values = (value, 2.0)[: function.arguments]
        marks = ", ".join("?" * len(values))
        both = f"SELECT {function.name}({marks}), ours({marks})"
        theirs, ours = connection.execute(both, (*values, *values)).fetchone()
        assert ours == (None if theirs is None else pytest.approx(theirs, rel=1e-12))
    connection.close()


async def test_every_connection_of_an_sqlite_without_them_gets_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mathematics, "KNOWN", "SELECT name FROM pragma_function_list WHERE name = 'abs'")
    database = Database(f"sqlite:///{tmp_path / 'without.db'}")
    try:
        assert {row[0] for row in await database.fetch_rows(THEIRS, ())} == set(NAMES)
        [[read]] = await database.fetch_rows(CALL, ())

        async def written(session: AsyncSession) -> tuple[set[str], float]:
            names = {row[0] for row in await session.execute(text(THEIRS))}
            return names, (await session.execute(text(CALL))).scalar_one()

        assert await database.transact(written) == (set(NAMES), pytest.approx(read))
    finally:
        await database.close()
    with closing(dbapi.connect(":memory:")) as connection:
        assert read == pytest.approx(connection.execute(CALL).fetchone()[0])
