"""What an operation is called where it is counted: by what it asks for, not by the name that a client gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from graphql import GraphQLSchema, OperationDefinitionNode
from graphql.execution.collect_fields import FragmentDetails

from schema.authorization import root_fields

_SEVERAL: Final = "(several)"
_OF_THE_LANGUAGE: Final = ("__typename", "__schema", "__type")


def label(node: OperationDefinitionNode, fragments: Mapping[str, FragmentDetails]) -> str:
    """Of a valid operation: one of labels()."""
    names = set(root_fields(node.selection_set, fragments, set()))
    names = names - {"__typename"} or names  # which clients add to everything
    return f"{node.operation.value} {names.pop() if len(names) == 1 else _SEVERAL}"


def labels(schema: GraphQLSchema) -> Sequence[str]:
    """Every label that there is."""
    roots = {
        "query": schema.query_type,
        "mutation": schema.mutation_type,
        "subscription": schema.subscription_type,
    }
    return [
        f"{kind} {name}"
        for kind, root in roots.items()
        if root is not None
        for name in (*root.fields, *_OF_THE_LANGUAGE, _SEVERAL)
    ]
