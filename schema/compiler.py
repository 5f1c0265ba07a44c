"""Selection tree + types -> one SQLAlchemy Select of JSON text. Generic: it knows no noun.

The database builds the JSON: `json_object` and `json_group_array` on SQLite, `json_build_object` and `json_agg` on
PostgreSQL, with nested relations as correlated subqueries. A statement has one column, and its text is the answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, Text, case, literal_column, select, true

from schema import paging
from schema.rows import HangsOn, JoinedRow, Named
from schema.selection import Binding, Selected, Slot
from schema.sources import MANY, ONE, PAGE, STORED, Condition, Elements, Embedded, Leaf, Relation, Rows, Through
from storage.json_rows import among, json_text, rows_of
from storage.json_sql import json_aggregate, json_object, printed
from storage.upsert import table_of


@dataclass(frozen=True, slots=True)
class Compiler:
    """Compiles one field of one shape of query. `visible`: the location ids that a limited caller may see."""

    bindings: dict[str, Binding]
    visible: Slot | None = None
    numbers: Iterator[int] = field(default_factory=itertools.count)
    limit: list[BindParameter[str]] = field(default_factory=list)
    """The one parameter with `visible`, once it was needed: equal conditions can share a join then."""

    def compile(self, selected: Selected, row: HangsOn | None = None) -> Select[Any]:
        """The statement of one field: one row with the field's JSON, or none when the field is null.

        `row` is what the field hangs on, when that is not the root.
        """
        relation = selected.source
        assert isinstance(relation, Relation)  # noqa: S101 (whatever else there is has no rows of its own)
        if relation.kind == PAGE:
            return paging.page(self, row, selected, relation)
        target = self.target(selected.type_name)
        rows = self.rows(relation, row, target.columns, selected.type_name, selected.arguments)
        found = target.where(*rows.where)
        if relation.kind == MANY:
            return self.listed(target, found, rows.order, lambda item: self.object(item, selected.fields))
        return found.add_columns(self.object(target, selected.fields))

    def keyed(
        self, type_name: str, fields: tuple[Selected, ...], key: str, keys: BindParameter[str]
    ) -> Select[tuple[Any, str]]:
        """The statement of some rows by their key: each key with its row's object, in no order."""
        source = self.target(type_name)
        item = JoinedRow(source.table, self.new_name("s"), source=source)
        made, named = self.object(item, fields), getattr(item.columns, key)
        conditions = [among(getattr(source.columns, key), keys)]
        location_of = STORED[type_name].location_of
        if self.visible is not None and location_of is not None:
            conditions.append(self.sees(location_of(source.columns)))
        return select(named, made).select_from(item.subquery(source.where(*conditions)))

    def object(self, row: Named, fields: tuple[Selected, ...]) -> ColumnElement[Any]:
        """The JSON object of one row."""
        return json_object([(child.key, self.value(row, child)) for child in fields])

    def value(self, row: Named, selected: Selected) -> ColumnElement[Any]:
        """The JSON value of one field of one row."""
        match selected.source:
            case None:
                return self.typename(selected)
            case Leaf(expression, limited=True):
                return printed(expression(row.columns, self.sees))
            case Leaf(expression):
                return printed(expression(row.columns))
            case Embedded(None):
                return self.object(row, selected.fields)
            case Embedded(present) if present is not None:
                return case((present(row.columns), self.object(row, selected.fields)))
            case Elements(column):
                return self._elements(getattr(row.columns, column), selected)
            case Relation(kind=kind) if kind == ONE and isinstance(row, JoinedRow):
                return self._joined(row, selected, selected.source)
        return self.compile(selected, row).scalar_subquery()

    def listed(
        self, source: Named, found: Select[Any], order: Sequence[Any], value: Callable[[JoinedRow], ColumnElement[Any]]
    ) -> Select[Any]:
        """Sort first, on the columns that are needed, then aggregate: the aggregate keeps the subquery's order."""
        item = JoinedRow(source.table, self.new_name("s"), source=source)
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

        def on(target: Any) -> Sequence[Condition]:
            return self.rows(relation, row.source, target, selected.type_name, selected.arguments).where

        join = row.join(STORED[selected.type_name].table, self.new_name("j"), on)
        found = self.object(join.row, selected.fields)
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
        limits = {"sees": self.sees} if relation.limited else {}
        rows = relation.rows(row and row.columns, target, **limits, **arguments)
        location_of = STORED[type_name].location_of
        if self.visible is None or location_of is None:
            return rows
        return Rows([*rows.where, self.sees(location_of(target))], rows.order, descending=rows.descending)

    def sees(self, location_id: ColumnElement[Any]) -> Condition:
        """Whether the caller may see what is at that location."""
        if self.visible is None:
            return true()
        if not self.limit:
            self.limit.append(self.visible.bind(json_text, type_=Text()))
        return among(location_id, self.limit[0])

    @staticmethod
    def typename(selected: Selected) -> ColumnElement[str]:
        """`__typename`."""
        return literal_column(f"'{selected.type_name}'", Text())

    def new_name(self, kind: str) -> str:
        """A name that no other part of the statement has."""
        return f"{kind}{next(self.numbers)}"
