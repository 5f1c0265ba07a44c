"""Random documents, made such that more of them are answered than refused at the door."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from graphql import (
    ArgumentNode,
    FieldNode,
    NameNode,
    NullValueNode,
    ObjectFieldNode,
    ObjectValueNode,
    SelectionSetNode,
    StringValueNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    is_input_object_type,
    parse,
    print_ast,
    visit,
)

from tests.conformance.conformity import SCHEMA

KNOWN = {  # of the demo's catalogue
    "sku": ["RIDGE-42", "RIDGE", "TARN-38", "HUTSUL-41"],
    "gtin": ["4820000204736"],
    "slug": ["lviv-rynok", "kyiv-podil", "львів-склад", "krakow-kazimierz"],
    "code": ["LV1", "KY1"],
    "id": ["1", "2", "6", "gid://stockgate/Product/6", "gid://stockgate/Location/2", "gid://stockgate/StockLevel/6-2"],
}
_CURSORS = {"after", "before"}
_TYPE_NAME = FieldNode(name=NameNode(value="__typename"), arguments=(), directives=())


def with_type_names(document: str) -> str:
    """The document with __typename everywhere but at its root, as some clients write it."""
    return print_ast(visit(parse(document), _AddTypeNames()))


class _AddTypeNames(Visitor):
    def enter_selection_set(
        self, node: SelectionSetNode, _key: Any, parent: Any, *_path: Any
    ) -> SelectionSetNode | None:
        if parent.kind == "operation_definition":
            return None
        return SelectionSetNode(selections=(_TYPE_NAME, *node.selections))


def tamed(document: str, chance: Random) -> str:
    """The document with what no generator knows: one of several keys, texts that name something, no made-up cursors."""
    types = TypeInfo(SCHEMA)
    return print_ast(visit(parse(document), TypeInfoVisitor(types, _Tame(types, chance))))


class _Tame(Visitor):
    def __init__(self, types: TypeInfo, chance: Random) -> None:
        super().__init__()
        self.types, self.chance = types, chance

    def enter_field(self, node: FieldNode, *_path: Any) -> FieldNode:
        arguments = [argument for argument in node.arguments or () if argument.name.value not in _CURSORS]
        keys = [argument for argument in arguments if argument.name.value in KNOWN]
        kept = [argument for argument in arguments if argument not in keys] + self._one(keys)
        return FieldNode(**{name: getattr(node, name) for name in node.keys} | {"arguments": tuple(kept)})

    def enter_object_value(self, node: ObjectValueNode, *_path: Any) -> ObjectValueNode | None:
        type_ = get_named_type(self.types.get_input_type())
        if is_input_object_type(type_) and type_.is_one_of:
            return ObjectValueNode(fields=tuple(self._one(node.fields)))
        return None

    def enter_argument(self, node: ArgumentNode, *_path: Any) -> ArgumentNode | None:
        return ArgumentNode(name=node.name, value=told) if (told := self._told(node)) else None

    def enter_object_field(self, node: ObjectFieldNode, *_path: Any) -> ObjectFieldNode | None:
        return ObjectFieldNode(name=node.name, value=told) if (told := self._told(node)) else None

    def _one(self, nodes: Sequence[Any]) -> list[Any]:
        given = [node for node in nodes if not isinstance(node.value, NullValueNode)] or list(nodes)
        return given and [self.chance.choice(given)]

    def _told(self, node: ArgumentNode | ObjectFieldNode) -> StringValueNode | None:
        known = KNOWN.get(node.name.value)
        if known is None or not isinstance(node.value, StringValueNode) or self.chance.random() < 0.2:
            return None
        return StringValueNode(value=self.chance.choice(known))
