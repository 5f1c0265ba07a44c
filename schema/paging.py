"""Connections in SQL. A page is read once, with one row more than asked for, and all its parts are made from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BindParameter, ColumnElement, Select, false, func, literal_column, select, table, true

from schema.connections import Keyset, limit
from schema.rows import HangsOn, JoinedRow, Named
from schema.selection import Selected, Slot
from schema.sources import Relation
from storage.json_sql import boolean_json, json_object

if TYPE_CHECKING:
    from schema.compiler import Compiler


def page(compiler: Compiler, row: HangsOn | None, selected: Selected, relation: Relation) -> Select[Any]:
    """The statement of a connection."""
    node_type = selected.type_name.removesuffix("Connection")
    target = compiler.target(node_type)
    arguments = dict(selected.arguments)
    first, after = arguments.pop("first", None), arguments.pop("after", None)
    rows = compiler.rows(relation, row, target.columns, node_type, arguments)
    keyset = Keyset.of(rows)
    read = Named(target.table, compiler.new_name("p"))
    total = target.where(*rows.where).add_columns(func.count()).scalar_subquery()
    page_ = _Page(compiler, read, keyset, first or Slot(compiler.bindings), total, has_previous=after is not None)
    made = json_object([(child.key, page_.part(child)) for child in selected.fields])
    found = target.where(*rows.where, *keyset.behind(after)).order_by(*keyset.sorted())
    found = found.add_columns(*read.carried(target), *keyset.labelled()).limit(page_.limit(more=1))
    return select(made).add_cte(found.cte(read.name), nest_here=True)


@dataclass(frozen=True, slots=True)
class _Page:
    compiler: Compiler
    read: Named
    keyset: Keyset
    first: Slot
    total: ColumnElement[int]
    has_previous: bool

    def limit(self, *, more: int = 0) -> BindParameter[int]:
        return limit(self.first, more=more)

    def part(self, selected: Selected) -> ColumnElement[Any]:
        match selected.name:
            case "nodes":
                return self._listed(lambda item: self.compiler.object(item, selected.fields))
            case "edges":
                return self._listed(
                    lambda item: json_object([(e.key, self._of_edge(item, e)) for e in selected.fields])
                )
            case "pageInfo":
                return json_object([(child.key, self._of_page_info(child)) for child in selected.fields])
            case "totalCount":
                return self.total
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
                counted = select(func.count()).select_from(table(self.read.name)).scalar_subquery()
                return boolean_json(counted > self.limit())
            case "hasPreviousPage":
                return boolean_json(true() if self.has_previous else false())
            case "startCursor":
                return self._cursor_at(backwards=False)
            case "endCursor":
                return self._cursor_at(backwards=True)
        return self.compiler.typename(selected)

    def _listed(self, value: Callable[[JoinedRow], ColumnElement[Any]]) -> ColumnElement[Any]:
        order = self.keyset.sorted(prefix=self.read.name)
        return self.compiler.listed(self.read, self._window(), order, value).scalar_subquery()

    def _window(self) -> Select[Any]:
        """The page without the one row more; so far only its keys."""
        name = self.read.name
        keys: list[ColumnElement[Any]] = [literal_column(f"{name}.{key}").label(key) for key in self.keyset.names]
        return select(*keys).select_from(table(name)).limit(self.limit())

    def _cursor_at(self, *, backwards: bool) -> ColumnElement[Any]:
        name = self.compiler.new_name("w")
        order = self.keyset.sorted(prefix=name, backwards=backwards)
        window = self._window().order_by(*self.keyset.sorted(prefix=self.read.name)).subquery(name)
        return select(self.keyset.cursor(name)).select_from(window).order_by(*order).limit(1).scalar_subquery()
