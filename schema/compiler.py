"""Selection tree + types -> one SQLAlchemy Select of JSON text. Generic: it knows no noun.

The database builds the JSON: `json_object` and `json_group_array` on SQLite, `json_build_object` and `json_agg` on
PostgreSQL, with nested relations as correlated subqueries. A statement has one column, and its text is the answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, Select, Text, case, literal_column, null, select

from schema import paging
from schema.errors import forbidden
from schema.rows import HangsOn, JoinedRow, Named
from schema.selection import Binding, Selected
from schema.sight import Sight
from schema.sources import MANY, ONE, PAGE, STORED, Condition, Elements, Embedded, Leaf, Outer, Relation, Rows, Through
from storage.json_rows import among, rows_of
from storage.json_sql import json_aggregate, json_object, printed
from storage.upsert import table_of


@dataclass(frozen=True, slots=True)
class Compiler:
    """Compiles one field of one shape of query, for one kind of caller."""

    sees: Sight
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def bindings(self) -> dict[str, Binding]:
        """The parameters so far."""
        return self.sees.bindings

    def compile(self, selected: Selected, row: HangsOn | None = None) -> Select[Any]:
        """The statement of one field: one row with the field's JSON, or none when the field is null.

        `row` is what the field hangs on, when that is not the root.
        """
        relation = selected.source
        assert isinstance(relation, Relation)  # noqa: S101 (whatever else there is has no rows of its own)
        self.admit(selected, relation)
        if relation.kind == PAGE:
            return paging.page(self, row, selected, relation)
        target = self.target(selected.type_name)
        rows = self.rows(relation, row, target.columns, selected.type_name, selected.arguments)
        target = target.over(rows.of).carrying(_carried(rows.carries, row))
        found = target.where(*rows.where)
        if relation.kind == MANY:
            found = self.listed(target, found, rows.order, lambda item: self.object(item, selected.fields))
        else:
            found = found.add_columns(self.object(target, selected.fields))
        for name, shared in rows.shared.items():
            found = found.add_cte(shared.cte(name), nest_here=True)
        return found

    def admit(self, selected: Selected, relation: Relation) -> None:
        """Raises GraphQLError when the caller may not ask for these rows in this way."""
        kind = self.sees.kind
        if relation.exact and (kind.public or not self.sees.is_exact):
            raise forbidden(f"`{selected.name}` is not for this API key: {_INSIDE}")
        if selected.exact and not self.sees.is_exact:
            raise forbidden(f"`{selected.exact[0]}` of `{selected.name}` is not for this API key: {_HIDDEN}")

    def keyed(
        self, type_name: str, fields: tuple[Selected, ...], key: str, keys: BindParameter[str]
    ) -> Select[tuple[Any, str]]:
        """The statement of some rows by their key: each key with its row's object, in no order."""
        source = self.target(type_name)
        item = JoinedRow(source.table, self.new_name("s"), source=source, given=source.given)
        made, named = self.object(item, fields), getattr(item.columns, key)
        found = source.where(
            among(getattr(source.columns, key), keys), *self.sees.conditions(type_name, source.columns)
        )
        return select(named, made).select_from(item.subquery(found))

    def object(self, row: Named, fields: tuple[Selected, ...]) -> ColumnElement[Any]:
        """The JSON object of one row."""
        return json_object([(child.key, self.value(row, child)) for child in fields])

    def value(self, row: Named, selected: Selected) -> ColumnElement[Any]:
        """The JSON value of one field of one row."""
        match selected.source:
            case None:
                return self.typename(selected)
            case Leaf(exact=True) if not self.sees.is_exact:
                return null()
            case Leaf(expression, limited=True):
                return printed(expression(row.columns, self.sees))
            case Leaf(expression):
                return printed(expression(row.columns))
            case Embedded(present, carries):
                made = self.object(row.carrying(carries), selected.fields)
                return case((present(row.columns), made)) if present else made
            case Elements(column):
                return self._elements(getattr(row.columns, column), selected)
            case Relation(kind=kind, derives=False) if kind == ONE and isinstance(row, JoinedRow):
                return self._joined(row, selected, selected.source)
        return self.compile(selected, row).scalar_subquery()

    def listed(
        self, source: Named, found: Select[Any], order: Sequence[Any], value: Callable[[JoinedRow], ColumnElement[Any]]
    ) -> Select[Any]:
        """Sort first, on the columns that are needed, then aggregate: the aggregate keeps the subquery's order."""
        item = JoinedRow(source.table, self.new_name("s"), source=source, given=source.given)
        made = value(item)
        found = found.order_by(*(self._sorting(item, column) for column in order))
        return select(json_aggregate(made)).select_from(item.subquery(found))

    def _sorting(self, item: JoinedRow, column: ColumnElement[Any] | Through) -> ColumnElement[Any]:
        if not isinstance(column, Through):
            return column
        join = item.join(table_of(column.model), self.new_name("j"), lambda target: [column.on(target)])
        sorting: ColumnElement[Any] = getattr(join.source.columns, column.column)
        return sorting

    def _joined(self, row: JoinedRow, selected: Selected, relation: Relation) -> ColumnElement[Any]:
        """The one row that a relation leads to, as an object; null when there is none."""

        self.admit(selected, relation)
        carries: dict[str, Any] = {}

        def on(target: Any) -> Sequence[Condition]:
            rows = self.rows(relation, row.source, target, selected.type_name, selected.arguments)
            carries.update(_carried(rows.carries, row))
            return rows.where

        join = row.join(STORED[selected.type_name].table, self.new_name("j"), on)
        found = self.object(join.row.carrying(carries), selected.fields)
        return case((join.row.columns.id.is_not(None), found)) if selected.nullable else found

    def _elements(self, document: ColumnElement[Any], selected: Selected) -> ColumnElement[Any]:
        name = self.new_name("e")
        elements = rows_of(document, name)
        listed = json_aggregate(self.object(Named(elements, name), selected.fields))
        return select(listed).select_from(elements).scalar_subquery()

    def target(self, type_name: str) -> Named:
        """The table of a type, under a new name."""
        return Named(STORED[type_name].table, self.new_name("t"))

    def rows(
        self, relation: Relation, row: HangsOn | None, target: Any, type_name: str, arguments: dict[str, Any]
    ) -> Rows:
        """The relation's rows, less those the caller may not see."""
        given: dict[str, Any] = {}
        if relation.limited:
            given["sees"] = self.sees
        if relation.derives:
            given["new_name"] = self.new_name
        rows = relation.rows(row and row.columns, target, **given, **arguments)
        seen = self.sees.conditions(type_name, target)
        return replace(rows, where=[*rows.where, *seen]) if seen else rows

    @staticmethod
    def typename(selected: Selected) -> ColumnElement[str]:
        """`__typename`."""
        return literal_column(f"'{selected.type_name}'", Text())

    def new_name(self, kind: str) -> str:
        """A name that no other part of the statement has."""
        return f"{kind}{next(self.numbers)}"


def _carried(carries: Mapping[str, Any], row: HangsOn | None) -> dict[str, Any]:
    """What rows carry, with columns of the row that they hang on."""
    return {
        name: getattr(row.columns, value.column) if isinstance(value, Outer) and row is not None else value
        for name, value in carries.items()
    }


_HIDDEN: Final = "it does not see quantities as they are. Ask for `availability`."
_INSIDE: Final = "it is for keys with the scope `read` that see quantities as they are."
