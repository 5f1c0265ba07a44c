"""A condition of which the engine should think that few rows meet it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from storage.json_rows import Construct


class _Seldom(Construct):
    """Of no type: what is Boolean is compared with 1 on SQLite, which then does not see that it is unlikely."""

    name = "seldom"
    inherit_cache = True


@compiles(_Seldom, "sqlite")
def _seldom_sqlite(element: _Seldom, compiler: SQLCompiler, **kw: Any) -> str:
    return f"unlikely({compiler.process(element.clauses, **kw)})"


@compiles(_Seldom, "postgresql")
def _seldom_postgresql(element: _Seldom, compiler: SQLCompiler, **kw: Any) -> str:
    return f"({compiler.process(element.clauses, **kw)})"


def seldom(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Few rows meet it, mostly: an index that finds them is worth sorting them.

    PostgreSQL knows how the values are spread. SQLite takes a range for a quarter of the table, and would rather read
    all of it in the order that is asked for.
    """
    return _Seldom(condition)
