"""Whether an answer is what the schema says: a plain executor completes it again, field by field."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo, build_schema, execute_sync, parse

import schema

SCHEMA = build_schema(schema.sdl())
_BIG = "non 32-bit signed integer"  # sums of quantities have no limit: README.md, Limits


def conforms(document: str, data: Any) -> list[GraphQLError]:
    """What the answer to the document breaks: nulls that must not be, values that are none of their type.

    Every selection but the root's needs its __typename.
    """
    completed = execute_sync(
        SCHEMA, parse(document), data, field_resolver=_value, type_resolver=lambda value, *_info: value["__typename"]
    )
    errors = [error for error in completed.errors or () if _BIG not in error.message]
    assert completed.errors or completed.data == data
    return errors


def _value(source: dict[str, Any], info: GraphQLResolveInfo, **_arguments: Any) -> Any:
    return source[str(info.path.key)]
