"""Statements that never change: written by SQLAlchemy once, and then run as text on the transaction's own connection.

What SQLAlchemy does around each statement takes longer than a small statement does. What it knows is kept: the text,
in which order the values go, and what the columns' types make of values on their way in and out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from sqlalchemy import Dialect
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

TRANSACTION: Final = "stockgate_transaction"
"""Where a session's `info` has the Transaction that it is part of."""

_NO_VALUES: Final[Mapping[str, Any]] = {}
_Convert = Callable[[Any], Any] | None


class Transaction(Protocol):
    """Runs text on the connection of a transaction, between SQLAlchemy's own statements."""

    @property
    def dialect(self) -> Dialect:
        """SQLAlchemy's dialect of the engine."""

    async def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Any]:
        """All rows that a statement answers."""

    async def write(self, sql: str, values: Sequence[Any]) -> int:
        """How many rows a statement wrote that answers none."""


class Prepared:
    """A constant statement, compiled when it is first run on an engine.

    In a session that is no part of a Transaction, one that reads, SQLAlchemy runs it as any other.
    """

    __slots__ = ("_columns", "_statement", "_texts")

    def __init__(self, statement: Any, *, columns: Sequence[str] = ()) -> None:
        """`columns`: of an INSERT or UPDATE of one row, those that values are given for."""
        self._statement = statement
        self._columns = columns
        self._texts: dict[str, _Text] = {}

    async def rows(self, session: AsyncSession, values: Mapping[str, Any] = _NO_VALUES) -> Sequence[Any]:
        """All rows; their values can be had by position only."""
        transaction: Transaction | None = session.info.get(TRANSACTION)
        if transaction is None:
            return (await session.execute(self._statement, dict(values))).all()
        text = self._text(transaction.dialect)
        return text.taken(await transaction.fetch(text.sql, text.given(values)))

    async def scalar(self, session: AsyncSession, values: Mapping[str, Any] = _NO_VALUES) -> Any:
        """The first value of the first row; None when there is none."""
        rows = await self.rows(session, values)
        return rows[0][0] if rows else None

    async def write(self, session: AsyncSession, values: Mapping[str, Any] = _NO_VALUES) -> int:
        """Run a statement that answers no rows, and say how many it wrote."""
        transaction: Transaction | None = session.info.get(TRANSACTION)
        if transaction is None:
            written: Any = await session.execute(self._statement, dict(values))
            count: int = written.rowcount
            return count
        text = self._text(transaction.dialect)
        return await transaction.write(text.sql, text.given(values))

    def _text(self, dialect: Dialect) -> _Text:
        """By the engine's name: in one process all databases of an engine have the same driver."""
        text = self._texts.get(dialect.name)
        if text is None:
            text = self._texts[dialect.name] = _Text.of(self._statement, self._columns, dialect)
        return text


async def savepoint(session: AsyncSession) -> AsyncSessionTransaction:
    """What comes after it can be taken back by itself. A session sends its SAVEPOINT together with its own next
    statement only, and prepared ones go around it: so it is made to send it."""
    nested = await session.begin_nested()
    await session.connection()
    return nested


class _Parameter(NamedTuple):
    """A value on its way in. What is no parameter of ours is a constant that SQLAlchemy sends as one."""

    name: str
    convert: _Convert
    is_given: bool
    constant: Any


class _Text(NamedTuple):
    """A statement as one engine takes it."""

    sql: str
    parameters: Sequence[_Parameter]
    converted: Sequence[tuple[int, Callable[[Any], Any]]]
    """The positions of columns whose values are not yet what they mean, and what makes them so."""

    @classmethod
    def of(cls, statement: Any, columns: Sequence[str], dialect: Dialect) -> _Text:
        compiled = statement.compile(dialect=dialect, column_keys=list(columns) or None)
        if compiled.post_compile_params:
            raise TypeError(f"The text of this statement depends on its values: {compiled.string}")
        binds, constants = compiled.binds, compiled.construct_params(_check=False)
        parameters = []
        for name in compiled.positiontup or ():
            bind = binds[name]
            convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
            constant = constants[name]
            if not bind.required and convert is not None:
                constant = convert(constant)
            parameters.append(_Parameter(name, convert, bind.required, constant))
        return cls(compiled.string, parameters, _conversions(statement, dialect))

    def given(self, values: Mapping[str, Any]) -> list[Any]:
        """The values in their order, as the driver takes them."""
        return [
            constant if not is_given else values[name] if convert is None else convert(values[name])
            for name, convert, is_given, constant in self.parameters
        ]

    def taken(self, rows: Sequence[Any]) -> Sequence[Any]:
        """The rows as the driver gives them, with the values that they mean."""
        if not self.converted:
            return rows
        meant = [list(row) for row in rows]
        for row in meant:
            for position, convert in self.converted:
                row[position] = convert(row[position])
        return meant


def _conversions(statement: Any, dialect: Dialect) -> list[tuple[int, Callable[[Any], Any]]]:
    described = statement.returning_column_descriptions if statement.is_dml else statement.column_descriptions
    found = (each["type"].dialect_impl(dialect).result_processor(dialect, None) for each in described)
    return [(position, convert) for position, convert in enumerate(found) if convert is not None]
