"""Plans: the statement of a field, and how to fill in its parameters from a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from graphql import GraphQLError
from graphql.execution.values import VariableValues
from sqlalchemy import Dialect, Select

from schema import feed
from schema.context import Context
from schema.errors import bad_input, pruned
from schema.selection import Binding, Convert, Selected, Slot
from schema.sight import VIEWER
from storage import change_feed, openings
from storage.database import Database
from storage.errors import SequencePrunedError, StatementTooComplexError


@dataclass(frozen=True, slots=True)
class Plan:
    """One statement's text, and how to fill in its parameters from a request's values."""

    sql: str
    parameters: tuple[tuple[Slot | None, Convert | None, Any], ...]
    follows: bool = False
    """Whether it reads the change feed: up to the horizon, which is asked for first."""

    @classmethod
    def of(cls, statement: Select[Any], bindings: Mapping[str, Binding], dialect: Dialect) -> Plan:
        """Compile a statement for an engine."""
        compiled = statement.compile(dialect=dialect)
        parameters = []
        for name in compiled.positiontup or ():
            slot, convert = bindings.get(name, (None, None))
            process = compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)
            constant = compiled.params.get(name)
            parameters.append(
                (slot, convert, process) if slot else (None, None, process(constant) if process else constant)
            )
        follows = any(slot is not None and slot.path == feed.HORIZON for slot, _, _ in parameters)
        return cls(compiled.string, tuple(parameters), follows)

    def values(self, request: Mapping[str, Any]) -> list[Any]:
        """The parameters' values in one request. Raises GraphQLError for a value that cannot be meant."""
        values = []
        for slot, convert, process in self.parameters:
            if slot is None:
                values.append(process)
                continue
            value = slot.of(request)
            if convert is not None:
                value = convert(value)
            values.append(process(value) if process is not None else value)
        return values

    async def run(self, database: Database, request: Mapping[str, Any]) -> str | None:
        """The JSON of the field; None when it is null. Raises GraphQLError for what the database cannot be asked."""
        if self.follows:
            request = {**request, "feed": {"horizon": await change_feed.complete_up_to(database)}}
        try:
            text = await database.fetch_text(self.sql, self.values(request))
        except StatementTooComplexError:
            raise too_deep() from None
        if text is None and self.follows:
            raise pruned(SequencePrunedError(await database.read(openings.pruned_up_to)))
        return text


@dataclass(frozen=True, slots=True)
class EventPlan:
    """How to read a subscription's events: rows by a key, and what is selected of each type of event."""

    plan: Plan
    fields: Mapping[str, tuple[Selected, ...]]

    def values_of(self, context: Context, keys: list[Any], now: datetime) -> Sequence[Any]:
        """The values of the plan's parameters for the rows with these keys, as a subscriber sees them at a time."""
        request = request_of(context, context.variables)
        return self.plan.values({**request, VIEWER: {**request[VIEWER], "now": now}, "source": {"keys": keys}})


class GivenBy:
    """What a payload gives, as slots: what its compiled fields hang on."""

    def __init__(self, bindings: dict[str, Binding]) -> None:
        self._bindings = bindings

    @property
    def columns(self) -> Any:
        return self

    def __getattr__(self, name: str) -> Slot:
        return Slot(self._bindings, ("source", name))


def request_of(context: Context, variables: VariableValues) -> dict[str, Any]:
    """The values that plans fill their parameters with."""
    viewer = {"locations": context.visible_locations, "cap": context.credential.cap, "now": context.now}
    return {"variables": variables.coerced, VIEWER: viewer}


def too_deep() -> GraphQLError:
    """The error of a query whose statement an engine, or this program, cannot nest."""
    return bad_input("This query nests too deeply for one SQL statement. Ask in several queries.")
