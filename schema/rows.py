"""Rows of tables under a name, whose columns are asked for one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol, Self

from sqlalchemy import ColumnElement, FromClause, Select, and_, literal_column, select
from sqlalchemy.dialects import sqlite

On = Callable[[Any], Sequence[ColumnElement[bool]]]
_WITH_NAMES: Final[Any] = sqlite.dialect(paramstyle="named")
"""For the text of a condition to be compared: any engine will do, but parameters must have their names."""


class HangsOn(Protocol):
    """What a field can hang on: a row, or what a payload gives."""

    @property
    def columns(self) -> Any:
        """Its values as attributes."""


class Columns:
    """The columns of a row as attributes; it notes which ones were asked for.

    They are bare names, not bound to their table: SQLAlchemy then never adds the table to an inner FROM.
    """

    def __init__(self, row: Named) -> None:
        self.__row = row

    def __getattr__(self, column: str) -> ColumnElement[Any]:
        if column.startswith("_"):
            raise AttributeError(column)
        row = self.__row
        if column in row.given:
            return row.given[column]  # type: ignore[no-any-return]
        if column not in row.used:
            row.used[column] = literal_column(f'{row.name}."{row.prefix}{column}"', row.table.c[column].type)
        return row.used[column]


@dataclass(frozen=True, slots=True)
class Named:
    """A row of a table under a name, or of a subquery that carries columns of the table under a prefix."""

    table: FromClause
    name: str
    prefix: str = ""
    used: dict[str, ColumnElement[Any]] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    """What the row carries besides, as if it were columns."""
    of: FromClause | Select[Any] | None = None
    """What it is a row of, when that is not the table itself."""

    def carrying(self, given: Mapping[str, Any]) -> Self:
        """The same row, carrying this, too."""
        return replace(self, given={**self.given, **given}) if given else self

    def over(self, of: FromClause | Select[Any] | None) -> Self:
        """The same row, of a FROM of its own."""
        return replace(self, of=of) if of is not None else self

    @property
    def columns(self) -> Any:
        """Its columns as attributes."""
        return Columns(self)

    def where(self, *conditions: ColumnElement[bool]) -> Select[Any]:
        """A select of nothing yet from this table."""
        source = self.table if self.of is None else self.of
        return select().select_from(source.alias(self.name)).where(*conditions)

    def carried(self, source: Named) -> list[ColumnElement[Any]]:
        """What a subquery has to select from the source to carry what was asked of this row."""
        return [getattr(source.columns, column).label(f"{self.prefix}{column}") for column in self.used]


@dataclass(frozen=True, slots=True)
class Join:
    """A table joined inside a subquery, its columns as the subquery carries them, and on what."""

    source: Named
    row: JoinedRow
    on: ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class JoinedRow(Named):
    """A row of a subquery over `source`, to which rows of other tables can be joined, each at most one.

    A join inside the subquery costs less than a subquery per row. Two relations with the same condition share a join.
    """

    source: Named | None = None
    joins: dict[str, Join] = field(default_factory=dict)

    def join(self, table: FromClause, name: str, on: On) -> Join:
        """The join with a table, made under that name unless it is there already."""
        source = Named(table, name)
        condition = and_(*on(source.columns))
        text = str(condition.compile(dialect=_WITH_NAMES))
        key = f"{table}:{text.replace(f'{name}.', '?.')}"
        if key not in self.joins:
            row = JoinedRow(table, self.name, f"{name}_", source=source, joins=self.joins)
            self.joins[key] = Join(source, row, condition)
        return self.joins[key]

    def subquery(self, found: Select[Any]) -> FromClause:
        """The subquery: what was found in the source, with the joins, and with every column that was asked for."""
        assert self.source is not None  # noqa: S101 (a subquery is over something)
        columns = self.carried(self.source)
        for join in self.joins.values():
            found = found.join(join.source.table.alias(join.source.name), join.on, isouter=True)
            columns += join.row.carried(join.source)
        return found.add_columns(*(columns or [literal_column("1").label("one")])).subquery(self.name)
