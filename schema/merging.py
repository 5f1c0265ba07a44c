"""Fields of one response key must mean the same: the specification's rule, in time linear in what a query expands to.

graphql-core compares every two fields of a key with each other, and every two fragments. Here the fields of a key are
grouped instead, as Adameit's algorithm does: https://tech.new-work.se/graphql-overlapping-fields-can-be-merged-fast
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLType,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationRule,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    print_ast,
)

_Branch = tuple[str | None, ...]
"""The object types on the way to a field, None for an interface. Of two object types at most one is ever there."""


class _Place(NamedTuple):
    """A selection set, the type it is on, and the branch it is in."""

    parent: Any
    selected: SelectionSetNode
    branch: _Branch


@dataclass(frozen=True, slots=True)
class _Member:
    """A field under a response key."""

    node: FieldNode
    definition: GraphQLField
    branch: _Branch


class FieldsMergeRule(ValidationRule):
    """Replaces OverlappingFieldsCanBeMergedRule. Not for documents whose fragments run in circles."""

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:
        """Check everything below an operation."""
        root = self.context.schema.get_root_type(node.operation)
        if root is not None:
            self._check([_Place(root, node.selection_set, ())])

    def _check(self, places: Sequence[_Place]) -> None:
        grouped: dict[str, list[_Member]] = {}
        seen: set[tuple[str, _Branch]] = set()
        for place in places:
            for member in self._members(place, seen):
                grouped.setdefault((member.node.alias or member.node.name).value, []).append(member)
        for key, members in grouped.items():
            if len(members) > 1 and (reason := _conflict(members)):
                message = f"Fields '{key}' conflict because {reason}. Use different aliases to fetch both."
                self.report_error(GraphQLError(message, [member.node for member in members[:2]]))
                continue
            below = [
                _Place(get_named_type(member.definition.type), member.node.selection_set, member.branch)
                for member in members
                if member.node.selection_set is not None
            ]
            if below:
                self._check(below)

    def _members(self, place: _Place, seen: set[tuple[str, _Branch]]) -> Iterator[_Member]:
        parent, selected, branch = place
        own = (*branch, parent.name if isinstance(parent, GraphQLObjectType) else None)
        for selection in selected.selections:
            if isinstance(selection, FieldNode):
                definition = self.context.schema.get_field(parent, selection.name.value)
                if definition is not None:  # if there is none, another rule says so
                    yield _Member(selection, definition, own)
                continue
            if isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                fragment = self.context.get_fragment(name)
                if fragment is None or (name, branch) in seen:
                    continue
                seen.add((name, branch))
                condition, inner = fragment.type_condition, fragment.selection_set
            else:
                condition, inner = selection.type_condition, selection.selection_set  # type: ignore[attr-defined]
            on = self.context.schema.get_type(condition.name.value) if condition else parent
            if hasattr(on, "fields"):
                yield from self._members(_Place(on, inner, branch), seen)


def _conflict(members: Sequence[_Member]) -> str | None:
    """Why fields of one response key cannot be merged."""
    first = members[0]
    distinct: dict[tuple[_Branch, str, str], None] = {}
    for member in members:
        if member.definition is not first.definition and not _same_shape(first.definition.type, member.definition.type):
            return f"they return conflicting types '{first.definition.type}' and '{member.definition.type}'"
        distinct[member.branch, member.node.name.value, _arguments(member.node)] = None
    if len(distinct) == 1:
        return None
    for (branch, name, arguments), (other, other_name, other_arguments) in itertools.combinations(distinct, 2):
        if _may_meet(branch, other):
            if name != other_name:
                return f"'{name}' and '{other_name}' are different fields"
            if arguments != other_arguments:
                return "they have differing arguments"
    return None


def _may_meet(branch: _Branch, other: _Branch) -> bool:
    return all(a == b or a is None or b is None for a, b in zip(branch, other, strict=True))


def _arguments(node: FieldNode) -> str:
    if not node.arguments:
        return ""
    return ",".join(sorted(f"{argument.name.value}:{print_ast(argument.value)}" for argument in node.arguments))


def _same_shape(one: GraphQLType, other: GraphQLType) -> bool:
    """Whether values of both types look alike in an answer: the same lists and nulls around the same leaf."""
    while True:
        for wraps in (is_non_null_type, is_list_type):
            if wraps(one) or wraps(other):
                if not (wraps(one) and wraps(other)):
                    return False
                one, other = one.of_type, other.of_type  # type: ignore[attr-defined]
                break
        else:
            return one is other if is_leaf_type(one) or is_leaf_type(other) else True
