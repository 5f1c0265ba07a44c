"""What an operation costs, in points: about one for each object in its answer. Known before anything runs.

A list with `first` or `last` counts that many times what is selected below it; one whose length the caller's own list
decides (`skus`, `lines`) that many times; any other list LIST_SIZE times. Fields that are mere columns cost nothing,
those that count over other rows one point, a `totalCount` and each line of a mutation ten, introspection a hundred.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_composite_type,
    is_list_type,
    is_non_null_type,
)

from schema.connections import FIRST_DEFAULT
from schema.limits import COUNT_MAX
from schema.sources import SOURCE, Leaf

LIST_SIZE: Final = 20
"""How long a list is taken to be when nothing says it."""
_COUNTED: Final = 1
_TOTAL: Final = 10
_LINE: Final = 10
_INTROSPECTION: Final = 100
_REMEMBERED_MAX: Final = 1000
_Path = tuple[str, Any] | None
"""Response keys, the first one and the rest of them."""
_Sizing = tuple[str, bool]
"""A variable, and whether it is its length that counts, not the number that it is."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Points, and the path to the field where most of them come from."""

    points: int
    _path: _Path = None

    @property
    def path(self) -> list[str]:
        """The response keys that lead to what costs most."""
        keys, rest = [], self._path
        while rest is not None:
            key, rest = rest
            keys.append(key)
        return keys


@dataclass(slots=True)
class Costs:
    """The cost of one valid operation, by the sizes that its variables give."""

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    introspects: bool = False
    _sized_by: tuple[_Sizing, ...] = ()
    _known: dict[tuple[int | None, ...], Cost] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> Costs:
        """The costs of an operation; which variables give sizes is found at once."""
        costs = cls(schema, operation, fragments)
        walk = _Walk(costs, {})
        cost = walk.operation()
        costs.introspects = walk.introspects
        costs._sized_by = tuple(walk.sized_by)
        if not costs._sized_by:
            costs._known[()] = cost
        return costs

    def at(self, variables: Mapping[str, Any]) -> Cost:
        """The cost with these variables, as they were sent."""
        sizes = tuple([_size(variables.get(name), of_list) for name, of_list in self._sized_by])
        known = self._known.get(sizes)
        if known is None:
            if len(self._known) >= _REMEMBERED_MAX:
                self._known.clear()
            known = self._known[sizes] = _Walk(self, dict(zip(self._sized_by, sizes, strict=True))).operation()
        return known


def _size(value: Any, of_list: bool) -> int | None:  # noqa: FBT001 (as it is remembered)
    """The size that a variable's value gives: the number that it is, or the length of its longest list."""
    if not of_list:
        return value if type(value) is int else None
    if isinstance(value, list):
        return len(value)
    if isinstance(value, dict):
        return max((len(member) for member in value.values() if isinstance(member, list)), default=None)
    return None


class _Walk:
    """One walk over an operation with given sizes: what a fragment costs is remembered."""

    def __init__(self, costs: Costs, sizes: Mapping[_Sizing, int | None]) -> None:
        self.sized_by: dict[_Sizing, None] = {}
        self.introspects = False
        self._schema, self._operation, self._fragments = costs.schema, costs.operation, costs.fragments
        self._sizes = sizes
        self._defaults = {
            variable.variable.name.value: variable.default_value
            for variable in costs.operation.variable_definitions or ()
        }
        self._known: dict[tuple[str, int | None], tuple[int, int, _Path]] = {}

    def operation(self) -> Cost:
        """The whole operation's cost."""
        root = self._schema.get_root_type(self._operation.operation)
        if root is None:
            return Cost(0)
        points, _, path = self._selections(self._operation.selection_set.selections, root, None)
        return Cost(points, path)

    def _selections(self, selections: Sequence[SelectionNode], parent: Any, size: int | None) -> tuple[int, int, _Path]:
        """The points of all, those of the dearest, and the path to that; `size` is that of lists directly below."""
        points, dearest, path = 0, 0, None
        for selection in selections:
            if isinstance(selection, FieldNode):
                found, link = self._field(selection, parent, size)
                most = found
            elif isinstance(selection, FragmentSpreadNode):
                found, most, link = self._fragment(selection.name.value, parent, size)
            else:
                on = selection.type_condition  # type: ignore[attr-defined]
                inner = self._schema.get_type(on.name.value) if on else parent
                found, most, link = self._selections(selection.selection_set.selections, inner, size)  # type: ignore[attr-defined]
            points = min(points + found, COUNT_MAX)
            if most > dearest:
                dearest, path = most, link
        return points, dearest, path

    def _fragment(self, name: str, parent: Any, size: int | None) -> tuple[int, int, _Path]:
        known = self._known.get((name, size))
        if known is None:
            definition = self._fragments[name]
            inner = self._schema.get_type(definition.type_condition.name.value) or parent
            known = self._known[name, size] = self._selections(definition.selection_set.selections, inner, size)
        return known

    def _field(self, node: FieldNode, parent: Any, size: int | None) -> tuple[int, _Path]:
        key, name = (node.alias or node.name).value, node.name.value
        if name == "__typename":
            return 0, (key, None)
        if name.startswith("__"):
            self.introspects = True
            return _INTROSPECTION, (key, None)
        assert isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)  # noqa: S101 (the document is valid)
        definition = parent.fields[name]
        returned = get_named_type(definition.type)
        if not is_composite_type(returned) or node.selection_set is None:
            return _leaf(name, definition), (key, None)
        changes = self._operation.operation is OperationType.MUTATION and parent is self._schema.mutation_type
        asked = self._lines(node) if changes else self._asked(node, definition)
        is_list = _is_list(definition)
        below, _, path = self._selections(node.selection_set.selections, returned, None if is_list else asked)
        times = (asked if asked is not None else size if size is not None else LIST_SIZE) if is_list else 1
        own = _LINE * max(asked or 1, 1) if changes else 1
        return min((own if changes else 0) + times * (1 + below), COUNT_MAX), (key, path)

    def _asked(self, node: FieldNode, definition: GraphQLField) -> int | None:
        """How many the arguments ask for; None when they say nothing of it."""
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        if "first" in definition.args:
            sizes = [self._number(given[name]) for name in ("first", "last") if name in given]
            known = [max(number, 0) for number in sizes if number is not None]
            if known:
                return max(known)
            default = definition.args["first"].default_value
            return default if isinstance(default, int) else FIRST_DEFAULT
        for name, argument in definition.args.items():
            if name in given and is_non_null_type(argument.type) and is_list_type(argument.type.of_type):
                return self._length(given[name])
        return None

    def _lines(self, node: FieldNode) -> int:
        """How many lines a mutation has: the longest list of its arguments."""
        return max((self._length(argument.value) for argument in node.arguments or ()), default=1)

    def _number(self, value: ValueNode) -> int | None:
        if isinstance(value, VariableNode):
            return self._variable(value.name.value, of_list=False)
        return int(value.value) if isinstance(value, IntValueNode) else None

    def _length(self, value: ValueNode) -> int:
        if isinstance(value, VariableNode):
            length = self._variable(value.name.value, of_list=True)
            return 1 if length is None else length
        if isinstance(value, ListValueNode):
            return len(value.values)
        if isinstance(value, ObjectValueNode):
            return max((self._length(member.value) for member in value.fields), default=1)
        return 0 if isinstance(value, NullValueNode) else 1

    def _variable(self, name: str, *, of_list: bool) -> int | None:
        self.sized_by[name, of_list] = None
        size = self._sizes.get((name, of_list))
        if size is not None:
            return size
        default = self._defaults.get(name)
        if of_list:
            return len(default.values) if isinstance(default, ListValueNode) else None
        return int(default.value) if isinstance(default, IntValueNode) else None


def _leaf(name: str, definition: GraphQLField) -> int:
    if name == "totalCount":
        return _TOTAL
    declared = definition.extensions.get("strawberry-definition")
    source = declared.metadata.get(SOURCE) if declared is not None else None
    return _COUNTED if isinstance(source, Leaf) and source.limited else 0


def _is_list(definition: GraphQLField) -> bool:
    type_ = definition.type
    return is_list_type(type_.of_type if is_non_null_type(type_) else type_)
