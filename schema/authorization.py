"""Which scope a root field needs. Asked before anything runs: one document may hold fields of several scopes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import strawberry
from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
)
from graphql.execution.collect_fields import FragmentDetails

from schema.context import Context
from storage.access import Scope

FORBIDDEN: Final = "FORBIDDEN"
_SCOPE: Final = "stockgate.scope"


def mutation(description: str, *, scope: Scope = Scope.WRITE) -> Any:
    """A root field that changes something, and the scope it needs."""
    return strawberry.mutation(description=f"{description} Needs the scope `{scope}`.", metadata={_SCOPE: scope})


def scopes_needed(
    schema: GraphQLSchema, node: OperationDefinitionNode, fragments: Mapping[str, FragmentDetails]
) -> dict[str, Scope]:
    """The root fields of a mutation, whether or not they are skipped, with the scope that each needs."""
    root = schema.mutation_type
    if root is None or node.operation is not OperationType.MUTATION:
        return {}
    names = root_fields(node.selection_set, fragments, set())
    return {name: _scope_of(root, name) for name in names if name in root.fields}


def root_fields(
    selections: SelectionSetNode, fragments: Mapping[str, FragmentDetails], seen: set[str]
) -> Iterator[str]:
    """The names of what is selected there, fragments expanded. `seen` are fragments that were."""
    for selection in selections.selections:
        if isinstance(selection, FieldNode):
            yield selection.name.value
        elif not isinstance(selection, FragmentSpreadNode):
            yield from root_fields(selection.selection_set, fragments, seen)  # type: ignore[attr-defined] # an inline fragment
        elif selection.name.value not in seen:
            seen.add(selection.name.value)
            definition = fragments[selection.name.value].definition
            yield from root_fields(definition.selection_set, fragments, seen)


def _scope_of(root: GraphQLObjectType, name: str) -> Scope:
    scope: Scope = root.fields[name].extensions["strawberry-definition"].metadata[_SCOPE]
    return scope


def forbidden(needed: Mapping[str, Scope], context: Context) -> list[GraphQLError]:
    """An error for every field that the caller may not ask for."""
    return [
        GraphQLError(
            f"`{name}` needs the scope `{scope}`, which this API key does not have.",
            extensions={"code": FORBIDDEN, "field": name, "scope": str(scope)},
        )
        for name, scope in needed.items()
        if not context.may(scope)
    ]
