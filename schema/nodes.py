"""Objects by their node ids, whatever type they are of: what Relay calls object identification.

Which type an id names is known only when the request runs. So the statement looks in the table of every type, each by
its own parameters, which are NULL for ids of other types.
https://relay.dev/graphql/objectidentification.htm
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import strawberry
from sqlalchemy import BigInteger, ColumnElement, Select, Text, func, select

from schema.errors import bad_input
from schema.ids import node_parts
from schema.selection import Selected, Slot
from schema.sources import STORED, Condition, Relation
from storage.json_rows import json_text, member

if TYPE_CHECKING:
    from schema.compiler import Compiler

IDS_MAX = 250


@strawberry.interface(description="What has an id over all types.")
class Node:
    """What Relay calls Node. Each type says of what columns its id is made: schema.sources.Stored.keys."""

    id: strawberry.ID = strawberry.field(description="Its id over all types. Opaque.")


def node(compiler: Compiler, selected: Selected, relation: Relation) -> Select[Any]:
    """The statement of the one object that an id names."""
    given: Slot = selected.arguments["id"]
    types = _keys(selected)

    def found(of: Selected) -> ColumnElement[Any]:
        target = compiler.target(of.type_name)
        named: list[Condition] = [
            getattr(target.columns, key) == given.bind(_number(types, of.type_name, n))
            for n, key in enumerate(types[of.type_name])
        ]
        rows = compiler.rows(relation, None, target.columns, of.type_name, {"named": named})
        return target.where(*rows.where).add_columns(compiler.object(target, of.fields)).scalar_subquery()

    seen = [of for of in selected.types if compiler.sees.may_have(of.type_name)]
    return select(func.coalesce(*(found(of) for of in seen), None).label("node"))


def nodes(compiler: Compiler, selected: Selected, relation: Relation) -> Select[Any]:
    """The statement of the objects that a list of ids names, in its order, with null for each that names none."""
    types = _keys(selected)

    def elements(ids: list[str]) -> str:
        if len(ids) > IDS_MAX:
            raise bad_input(f"Too many ids: {len(ids)}. Ask for at most {IDS_MAX} at once.")
        return json_text([{"n": n, **_members(types, text)} for n, text in enumerate(ids)])

    def named(of: Selected, element: Any, target: Any) -> dict[str, Any]:
        parts = ((key, member(element.value, f"{of.type_name}_{key}", BigInteger())) for key in types[of.type_name])
        return {"named": [getattr(target, key) == part for key, part in parts]}

    document = selected.arguments["ids"].bind(elements, type_=Text())
    seen = tuple(of for of in selected.types if compiler.sees.may_have(of.type_name))
    return compiler.in_order_of(document, replace(selected, types=seen), relation, named)


def _keys(selected: Selected) -> dict[str, tuple[str, ...]]:
    return {of.type_name: STORED[of.type_name].keys for of in selected.types}


def _number(types: Mapping[str, tuple[str, ...]], type_name: str, n: int) -> Any:
    """Reads the n-th number of an id of that type; None in one of another type."""

    def read(text: str) -> int | None:
        found, numbers = node_parts(text, types)
        return numbers[n] if found == type_name else None

    return read


def _members(types: Mapping[str, tuple[str, ...]], text: str) -> dict[str, int]:
    found, numbers = node_parts(text, types)
    return {f"{found}_{key}": number for key, number in zip(types[found], numbers, strict=True)}
