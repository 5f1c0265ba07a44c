"""Selection tree + types -> one SQLAlchemy Select of JSON text. Generic: it knows no noun.

The database builds the JSON: `json_object` and `json_group_array` on SQLite, `json_build_object` and `json_agg` on
PostgreSQL, with nested relations as correlated subqueries. A statement has one column, and its text is the answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Text,
    case,
    literal_column,
    null,
    select,
)

from schema import feed, nodes, paging
from schema.errors import forbidden
from schema.rows import HangsOn, JoinedRow, Named
from schema.selection import Binding, Selected
from schema.sight import Sight
from schema.sources import (
    MANY,
    ONE,
    STORED,
    Condition,
    Elements,
    Embedded,
    Leaf,
    Of,
    Outer,
    Relation,
    Rows,
    Through,
)
from storage.access import Scope
from storage.json_rows import among, member, rows_of
from storage.json_sql import json_aggregate, json_object, json_or_null, printed
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
        match relation.kind:
            case "page":
                return paging.page(self, row, selected, relation)
            case "each":
                return self._each(selected, relation)
            case "node":
                return nodes.node(self, selected, relation)
            case "nodes":
                return nodes.nodes(self, selected, relation)
            case "feed":
                return feed.page(self, selected)
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
        if relation.admin and not kind.admin:
            raise forbidden(f"`{selected.name}` needs the scope `{Scope.ADMIN}`, which this API key does not have.")
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
            case Leaf(expression, of=Of() as other):
                return self._leaf_of(row, other, expression)
            case Leaf(expression):
                return printed(expression(row.columns, **selected.arguments))
            case Embedded(present, carries):
                values = {name: value(row.columns) if callable(value) else value for name, value in carries.items()}
                made = self.object(row.carrying(values), selected.fields)
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
        made, rows = self.aggregated(source, found, order, value)
        return select(made).select_from(rows)

    def aggregated(
        self, source: Named, found: Select[Any], order: Sequence[Any], value: Callable[[JoinedRow], ColumnElement[Any]]
    ) -> tuple[ColumnElement[Any], FromClause]:
        """What listed() selects, and from what: for a select of more than the list."""
        item = JoinedRow(source.table, self.new_name("s"), source=source, given=source.given)
        made = value(item)
        found = found.order_by(*(self._sorting(item, column) for column in order))
        return json_aggregate(made), item.subquery(found)

    def _sorting(self, item: JoinedRow, column: ColumnElement[Any] | Through) -> ColumnElement[Any]:
        if not isinstance(column, Through):
            return column
        join = item.join(table_of(column.model), self.new_name("j"), lambda target: [column.on(target)])
        sorting: ColumnElement[Any] = getattr(join.source.columns, column.column)
        return sorting

    def _leaf_of(self, row: Named, of: Of, expression: Callable[..., ColumnElement[Any]]) -> ColumnElement[Any]:
        """A value of the one row of another table to which this row leads."""
        if isinstance(row, JoinedRow):
            source = row.source
            assert source is not None  # noqa: S101 (what is joined is joined to something)
            join = row.join(table_of(of.model), self.new_name("j"), lambda other: [of.on(source.columns, other)])
            return printed(expression(join.row.columns))
        other = Named(table_of(of.model), self.new_name("t"))
        found = other.where(of.on(row.columns, other.columns))
        return found.add_columns(printed(expression(other.columns))).scalar_subquery()

    def _each(self, selected: Selected, relation: Relation) -> Select[Any]:
        """For each element of the relation's list the one row that it names, or null."""
        assert relation.over is not None  # noqa: S101 (a list is over something)
        arguments = dict(selected.arguments)
        document = arguments.pop(relation.over.argument).bind(relation.over.elements, type_=Text())
        below = replace(selected, fields=tuple(_inheriting(child, arguments) for child in selected.fields))
        return self.in_order_of(document, below, relation, lambda _of, element, _target: {"element": element})

    def in_order_of(
        self,
        document: BindParameter[str],
        selected: Selected,
        relation: Relation,
        arguments: Callable[[Selected, Any, Any], dict[str, Any]],
    ) -> Select[Any]:
        """For each element of a JSON list the one row that it names, in their order `n`; null where there is none.

        What is selected is an object, or of an interface: then one for each type of it is looked for.
        """
        name = self.new_name("e")
        elements = Named(rows_of(document, name), name)

        def value(item: JoinedRow) -> ColumnElement[Any]:
            return json_or_null(case(*(self._named_by(item, elements, of, relation, arguments) for of in types)))

        types = selected.types or (selected,)
        found = select().select_from(elements.table)
        return self.listed(elements, found, [member(elements.columns.value, "n", Integer())], value)

    def _named_by(
        self,
        item: JoinedRow,
        elements: Named,
        of: Selected,
        relation: Relation,
        arguments: Callable[[Selected, Any, Any], dict[str, Any]],
    ) -> tuple[ColumnElement[bool], ColumnElement[Any]]:
        """Whether an element names a row of that type, and the row as an object."""

        def on(target: Any) -> Sequence[Condition]:
            return self.rows(relation, None, target, of.type_name, arguments(of, elements.columns, target)).where

        stored = STORED[of.type_name]
        join = item.join(stored.table, self.new_name("j"), on)
        return getattr(join.row.columns, stored.keys[0]).is_not(None), self.object(join.row, of.fields)

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
        key = getattr(join.row.columns, STORED[selected.type_name].keys[0])
        return case((key.is_not(None), found)) if selected.nullable else found

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


def _inheriting(selected: Selected, arguments: dict[str, Any]) -> Selected:
    """A field with the arguments of the list it is in, as far as it takes them over."""
    if not isinstance(selected.source, Relation) or not selected.source.inherits:
        return selected
    inherited = {name: arguments[name] for name in selected.source.inherits if name in arguments}
    return replace(selected, arguments={**inherited, **selected.arguments})


def _carried(carries: Mapping[str, Any], row: HangsOn | None) -> dict[str, Any]:
    """What rows carry, with columns of the row that they hang on."""
    return {
        name: getattr(row.columns, value.column) if isinstance(value, Outer) and row is not None else value
        for name, value in carries.items()
    }


_HIDDEN: Final = "it does not see quantities as they are. Ask for `availability`."
_INSIDE: Final = "it is for keys with the scope `read` that see quantities as they are."
