"""Connections in SQL. A page is read once, with one row more than asked for, and all its parts are made from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BindParameter, ColumnElement, FromClause, Select, false, func, literal_column, select, table

from schema.connections import Asked, Keyset
from schema.rows import HangsOn, JoinedRow, Named
from schema.selection import Selected
from schema.sources import Condition, Relation, Rows
from storage.json_sql import boolean_json, json_object

if TYPE_CHECKING:
    from schema.compiler import Compiler

_LISTS: Final = {"nodes", "edges"}


def page(compiler: Compiler, row: HangsOn | None, selected: Selected, relation: Relation) -> Select[Any]:
    """The statement of a connection."""
    node_type = selected.type_name.removesuffix("Connection")
    target = compiler.target(node_type)
    arguments = dict(selected.arguments)
    asked = Asked.of(arguments)
    rows = compiler.rows(relation, row, target.columns, node_type, arguments)
    target, keyset = target.over(rows.of), Keyset.of(rows)
    read = Named(target.table, compiler.new_name("p"))
    page_ = _Page(compiler, target, rows, read, keyset, asked)
    made = page_.object(selected.fields)
    found = target.where(*rows.where, *keyset.between(asked)).order_by(*keyset.sorted(backwards=asked.backwards))
    found = found.add_columns(*read.carried(target), *keyset.labelled()).limit(page_.limit(more=1))
    return made.add_cte(found.cte(read.name), nest_here=True)


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of a list: `rows` of `target`, of which `read` are those of the page and one more."""

    compiler: Compiler
    target: Named
    rows: Rows
    read: Named
    keyset: Keyset
    asked: Asked

    def limit(self, *, more: int = 0) -> BindParameter[int]:
        return self.asked.limit(self.compiler.bindings, more=more)

    def object(self, fields: Sequence[Selected]) -> Select[Any]:
        """The connection, its first list in the same select: SQLite's parser takes only so many levels."""
        first = next((child for child in fields if child.name in _LISTS), None)
        if first is None:
            return select(json_object([(child.key, self.part(child)) for child in fields]))
        listed, rows = self._aggregated(first)
        made = [(child.key, listed if child is first else self.part(child)) for child in fields]
        return select(json_object(made)).select_from(rows)

    def part(self, selected: Selected) -> ColumnElement[Any]:
        match selected.name:
            case "nodes" | "edges":
                listed, rows = self._aggregated(selected)
                return select(listed).select_from(rows).scalar_subquery()
            case "pageInfo":
                return json_object([(child.key, self._of_page_info(child)) for child in selected.fields])
            case "totalCount":
                return self.target.where(*self.rows.where).add_columns(func.count()).scalar_subquery()
        return self.compiler.typename(selected)

    def _of_edge(self, item: Named, selected: Selected) -> ColumnElement[Any]:
        match selected.name:
            case "cursor":
                return self.keyset.cursor(item.name)
            case "node":
                return self.compiler.object(item, selected.fields)
        return self.compiler.typename(selected)

    def _of_page_info(self, selected: Selected) -> ColumnElement[Any]:
        match selected.name:
            case "hasNextPage":
                return boolean_json(self._goes_on_after())
            case "hasPreviousPage":
                return boolean_json(self._goes_on_before())
            case "startCursor":
                return self._cursor_at(backwards=False)
            case "endCursor":
                return self._cursor_at(backwards=True)
        return self.compiler.typename(selected)

    def _goes_on_after(self) -> ColumnElement[bool]:
        """Where the page was cut, the row read beyond it tells; at a cursor it takes a look behind that."""
        if not self.asked.backwards:
            return self._more()
        return false() if self.asked.before is None else self._some(self.keyset.since(self.asked.before))

    def _goes_on_before(self) -> ColumnElement[bool]:
        if self.asked.backwards:
            return self._more()
        return false() if self.asked.after is None else self._some(self.keyset.up_to(self.asked.after))

    def _more(self) -> ColumnElement[bool]:
        counted = select(func.count()).select_from(table(self.read.name)).scalar_subquery()
        return counted > self.limit()

    def _some(self, condition: Condition) -> ColumnElement[bool]:
        return self.target.where(*self.rows.where, condition).add_columns(literal_column("1")).exists()

    def _aggregated(self, selected: Selected) -> tuple[ColumnElement[Any], FromClause]:
        """`nodes` or `edges`, and from what."""

        def value(item: JoinedRow) -> ColumnElement[Any]:
            if selected.name == "nodes":
                return self.compiler.object(item, selected.fields)
            return json_object([(child.key, self._of_edge(item, child)) for child in selected.fields])

        order = self.keyset.sorted(prefix=self.read.name)
        return self.compiler.aggregated(self.read, self._window(), order, value)

    def _window(self) -> Select[Any]:
        """The page without the one row more; so far only its keys, in no order yet."""
        name = self.read.name
        keys: list[ColumnElement[Any]] = [literal_column(f"{name}.{key}").label(key) for key in self.keyset.names]
        if not self.asked.backwards:
            return select(*keys).select_from(table(name)).limit(self.limit())
        order = self.keyset.sorted(prefix=name, backwards=True)  # what was read last is the row more
        cut: Select[Any] = select(literal_column("*")).select_from(table(name)).order_by(*order).limit(self.limit())
        return select(*keys).select_from(cut.subquery(name))

    def _cursor_at(self, *, backwards: bool) -> ColumnElement[Any]:
        name = self.compiler.new_name("w")
        order = self.keyset.sorted(prefix=name, backwards=backwards)
        window = self._window().order_by(*self.keyset.sorted(prefix=self.read.name)).subquery(name)
        return select(self.keyset.cursor(name)).select_from(window).order_by(*order).limit(1).scalar_subquery()
