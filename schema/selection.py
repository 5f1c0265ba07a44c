"""The caller's selection as a small tree: fragments, aliases, directives and arguments resolved.

The tree of a query depends on its document and on the *structure* of its variables, not on their values: values stand
in it as slots. So one tree, and the SQL compiled from it, serves every request of the same shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from graphql import (
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    get_named_type,
    is_non_null_type,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_subfields
from graphql.execution.values import VariableValues, get_argument_values
from sqlalchemy import BindParameter, bindparam
from sqlalchemy.types import TypeEngine

from schema.sources import EXACT, SOURCE, Source

Convert = Callable[[Any], Any]
Binding = tuple["Slot", Convert | None]


@dataclass(frozen=True, slots=True)
class Slot:
    """A value that is known only when a request runs: `path` leads to it from the request's values.

    A literal of the document has an empty path and is the `constant`.
    """

    bindings: dict[str, Binding] = field(repr=False)
    path: tuple[str, ...] = ()
    constant: Any = None

    def bind(self, convert: Convert | None = None, *, type_: TypeEngine[Any] | None = None) -> BindParameter[Any]:
        """This value as a parameter of the statement, after `convert`; typed as what it is compared with."""
        name = f"v{len(self.bindings)}"
        self.bindings[name] = (self, convert)
        return bindparam(name, type_=type_)

    def of(self, values: Mapping[str, Any]) -> Any:
        """The value in one request."""
        if not self.path:
            return _filled(self.constant, values)
        value: Any = values
        for key in self.path:
            value = value[key]
        return value


@dataclass(frozen=True, slots=True)
class Selected:
    """One selected field: its response key, where its value comes from, its arguments and what is selected of it.

    `nullable` is what the schema says of it. `exact` names what of its arguments tells exact quantities. What is
    selected of an interface is in `types`, once for each type that it may turn out to be.
    """

    key: str
    name: str
    type_name: str
    source: Source | None
    arguments: dict[str, Any]
    fields: tuple[Selected, ...]
    nullable: bool = True
    exact: tuple[str, ...] = ()
    types: tuple[Selected, ...] = ()


def structure_of(value: Any) -> Any:
    """What of a variable's value decides the shape of a query: which keys are given, switches and choices.

    Hashable. Two values of one structure differ only in what becomes a statement's parameter.
    """
    if isinstance(value, Mapping):
        return tuple((key, structure_of(item)) for key, item in value.items())
    if value is None or isinstance(value, (bool, Enum)):
        return value
    return "…"


@dataclass(frozen=True, slots=True)
class Selector:
    """Walks one operation of a validated document."""

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDetails]
    variables: VariableValues
    bindings: dict[str, Binding]

    @classmethod
    def of(
        cls,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: dict[str, FragmentDetails],
        variables: VariableValues,
    ) -> Selector:
        """A walk with slots in place of the variables' values."""
        bindings: dict[str, Binding] = {}
        slots = {name: _with_slots(value, ("variables", name), bindings) for name, value in variables.coerced.items()}
        return cls(schema, operation, fragments, VariableValues(variables.sources, slots), bindings)

    def select(self, parent: GraphQLObjectType, details: list[FieldDetails]) -> Selected:
        """The tree below one field of a type; fields that share a response key are merged.

        Raises GraphQLError when an argument's value does not fit.
        """
        node = details[0].node
        key = node.alias.value if node.alias else node.name.value
        if node.name.value == "__typename":
            return Selected(key, "__typename", parent.name, None, {}, ())
        definition = parent.fields[node.name.value]
        arguments = get_argument_values(definition, node, self.variables)
        returned = get_named_type(definition.type)
        declared = definition.extensions["strawberry-definition"]
        nullable = not is_non_null_type(definition.type)
        values = {_snake(name): self._slotted(value) for name, value in arguments.items()}
        exact = tuple(part for name, value in arguments.items() for part in _exact(definition.args[name], name, value))
        below = self.below(returned, details) if isinstance(returned, GraphQLObjectType) else ()
        source = declared.metadata.get(SOURCE)
        selected = Selected(key, node.name.value, returned.name, source, values, below, nullable, exact)
        if not isinstance(returned, GraphQLInterfaceType):
            return selected
        possible = self.schema.get_possible_types(returned)
        types = (replace(selected, type_name=type_.name, fields=self.below(type_, details)) for type_ in possible)
        return replace(selected, types=tuple(types))

    def below(self, returned: GraphQLObjectType, details: list[FieldDetails]) -> tuple[Selected, ...]:
        """The trees below a field that returns this type, or one that this type is one of."""
        grouped = collect_subfields(
            self.schema, self.fragments, self.variables, self.operation, returned, details
        ).grouped_field_set
        return tuple(self.select(returned, below) for below in grouped.values())

    def _slotted(self, value: Any) -> Any:
        """Literals become constants; objects keep their keys; slots, switches, choices and nulls stay."""
        if isinstance(value, Mapping):
            return {_snake(key): self._slotted(item) for key, item in value.items()}
        if value is None or isinstance(value, (bool, Enum, Slot)):
            return value
        return Slot(self.bindings, (), value)


def _exact(place: Any, name: str, value: Any) -> Iterator[str]:
    """The paths in an argument's value of what is marked EXACT."""
    if value is None:
        return
    marked = place.extensions["strawberry-definition"].metadata.get(EXACT, False)
    if marked is True or (marked and value in marked):
        yield name
    type_ = get_named_type(place.type)
    if isinstance(type_, GraphQLInputObjectType):
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Mapping):
                for key, below in item.items():
                    yield from _exact(type_.fields[key], f"{name}.{key}", below)


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    """A literal list with the values of the variables that stand in it."""
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    if isinstance(value, Mapping):
        return {key: _filled(item, values) for key, item in value.items()}
    return value.of(values) if isinstance(value, Slot) else value


def _with_slots(value: Any, path: tuple[str, ...], bindings: dict[str, Binding]) -> Any:
    if isinstance(value, Mapping):
        return {key: _with_slots(item, (*path, key), bindings) for key, item in value.items()}
    if value is None or isinstance(value, (bool, Enum)):
        return value
    return Slot(bindings, path)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
