"""Sight: what the caller may see, in the SQL of one statement.

The kind of caller is part of a plan; which locations, up to which quantity and when are parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import BindParameter, ColumnElement, Integer, Text, and_, true

from schema.selection import Binding, Slot
from schema.sources import STORED, Condition
from storage.access import Visibility
from storage.columns import Timestamp
from storage.json_rows import among, json_text

VIEWER: Final = "viewer"
"""Where the request's values have those of the caller."""


class Kind(NamedTuple):
    """What of a caller decides the shape of a statement."""

    limited: bool = False
    public: bool = False
    visibility: Visibility = Visibility.EXACT
    admin: bool = False


@dataclass(frozen=True, slots=True)
class Sight:
    """A schema.sources.Sees. Each parameter is made once, when it is needed: equal conditions can share a join then."""

    bindings: dict[str, Binding]
    kind: Kind
    made: dict[str, BindParameter[Any]] = field(default_factory=dict)

    @property
    def visibility(self) -> Visibility:
        """How exactly it sees quantities."""
        return self.kind.visibility

    @property
    def is_exact(self) -> bool:
        """Whether it sees quantities as they are."""
        return self.kind.visibility is Visibility.EXACT

    def may_have(self, type_name: str) -> bool:
        """Whether rows of a type are for this kind of caller at all."""
        return not STORED[type_name].exact or (self.is_exact and not self.kind.public)

    def __call__(self, location_id: ColumnElement[Any]) -> Condition:
        return among(location_id, self._made("locations", json_text, Text())) if self.kind.limited else true()

    def row(self, type_name: str, row: Any) -> Condition:
        return and_(true(), *self.conditions(type_name, row))

    def conditions(self, type_name: str, row: Any) -> list[Condition]:
        """The conditions of row(); none for a caller who sees everything."""
        stored = STORED[type_name]
        conditions = []
        if self.kind.limited and stored.near is not None:
            conditions.append(stored.near(row, self))
        if self.kind.public and stored.shown is not None:
            conditions.append(stored.shown(row))
        return conditions

    @property
    def now(self) -> BindParameter[datetime]:
        return self._made("now", None, Timestamp())

    @property
    def cap(self) -> BindParameter[int]:
        return self._made("cap", None, Integer())

    def _made(self, name: str, convert: Callable[[Any], Any] | None, type_: Any) -> BindParameter[Any]:
        if name not in self.made:
            self.made[name] = Slot(self.bindings, (VIEWER, name)).bind(convert, type_=type_)
        return self.made[name]
