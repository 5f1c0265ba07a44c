"""The change feed in SQL: one page of it, up to the horizon that is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import strawberry
from sqlalchemy import BindParameter, ColumnElement, Integer, Select, func, literal_column, select, table

from schema.errors import bad_input
from schema.rows import Named
from schema.selection import Selected, Slot
from schema.sources import STORED
from schema.types.change import Change
from storage.columns import Id
from storage.feed_rows import rows_between
from storage.json_sql import boolean_json, json_object
from storage.openings import PRUNED_UP_TO

if TYPE_CHECKING:
    from schema.compiler import Compiler

FIRST_DEFAULT: Final = 100
FIRST_MAX: Final = 1000
HORIZON: Final = ("feed", "horizon")
"""Where the horizon is in the values of a request, for a plan that needs it."""


@strawberry.type(description="One page of the change feed.")
class ChangeFeed:
    """What `changes` answers."""

    changes: list[Change] = strawberry.field(description="What changed, in order.")
    next_sequence: int = strawberry.field(
        description="Give it as `afterSequence` for what comes next: the last sequence here, or the one that was given."
    )
    has_more: bool = strawberry.field(description="Whether there is more already.")


def page(compiler: Compiler, selected: Selected) -> Select[Any]:
    """The statement of one page; it has no row when something after the sequence was pruned."""
    page_ = _Page(compiler, selected.arguments)
    made = json_object([(child.key, page_.part(child)) for child in selected.fields])
    found = rows_between(page_.after, page_.horizon, page_.one_more, compiler.sees)
    return select(made).where(page_.after() >= PRUNED_UP_TO).add_cte(found.cte(page_.read.name, nesting=True))


class _Page:
    def __init__(self, compiler: Compiler, arguments: dict[str, Any]) -> None:
        self._compiler = compiler
        self._after: Slot = arguments["after_sequence"]
        self._first: Slot = arguments.get("first") or Slot(compiler.bindings)
        self.read = Named(STORED["Change"].table, compiler.new_name("f"))

    def part(self, selected: Selected) -> ColumnElement[Any]:
        match selected.name:
            case "changes":
                order: list[ColumnElement[Any]] = [literal_column(f"{self.read.name}.sequence")]
                listed = self._compiler.listed(
                    self.read, self._window(), order, lambda item: self._compiler.object(item, selected.fields)
                )
                return listed.scalar_subquery()
            case "nextSequence":
                window = self._window(literal_column("sequence", Id)).order_by(literal_column("sequence")).subquery()
                last = select(func.max(window.c.sequence)).scalar_subquery()
                return func.coalesce(last, self.after(), type_=Id)
            case "hasMore":
                counted = select(func.count()).select_from(table(self.read.name)).scalar_subquery()
                return boolean_json(counted > self._limit())
        return self._compiler.typename(selected)

    def after(self) -> BindParameter[int]:
        return self._after.bind(_from_zero, type_=Id)

    def horizon(self) -> BindParameter[int]:
        return Slot(self._compiler.bindings, HORIZON).bind(type_=Id)

    def one_more(self) -> BindParameter[int]:
        return self._limit(more=1)

    def _limit(self, *, more: int = 0) -> BindParameter[int]:
        def checked(value: int | None) -> int:
            number = FIRST_DEFAULT if value is None else value
            if not 0 <= number <= FIRST_MAX:
                raise bad_input(f"`first` must be from 0 to {FIRST_MAX}, not {number}.")
            return number + more

        return self._first.bind(checked, type_=Integer())

    def _window(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """The page without the one row more, in no order yet."""
        return select(*columns).select_from(table(self.read.name)).limit(self._limit())


def _from_zero(value: int) -> int:
    if value < 0:
        raise bad_input(f"`afterSequence` must be 0 or more, not {value}.")
    return value
