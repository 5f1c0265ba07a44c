"""Global node ids: `gid://stockgate/Product/17`. Opaque to clients; the number is what legacy systems know."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, literal_column, type_coerce

from schema.errors import bad_input
from storage.changes import ID_MAX
from storage.json_sql import PlainText

_PREFIX = "gid://stockgate"


def node_id(type_name: str, *parts: ColumnElement[Any]) -> ColumnElement[str]:
    """The node id of a row, in SQL."""
    text: ColumnElement[Any] = literal_column(f"'{_PREFIX}/{type_name}/'", Text())
    for n, part in enumerate(parts):
        text = text + literal_column("'-'", Text()) + cast(part, Text) if n else text + cast(part, Text)
    return type_coerce(text, PlainText())


def database_id(type_name: str) -> Callable[[str], int]:
    """Reads a node id of that type, or the plain number.

    The function raises GraphQLError for anything else.
    """
    pattern = re.compile(rf"(?:{_PREFIX}/{type_name}/)?([0-9]{{1,19}})")

    def read(text: str) -> int:
        matched = pattern.fullmatch(text)
        if matched is None or int(matched[1]) > ID_MAX:
            raise bad_input(f"{text!r} is not the id of a {type_name}.")
        return int(matched[1])

    return read


_NODE_ID = re.compile(rf"{_PREFIX}/([A-Za-z]+)/([0-9]{{1,19}}(?:-[0-9]{{1,19}})*)")


def node_parts(text: str, types: Mapping[str, tuple[str, ...]]) -> tuple[str, list[int]]:
    """The type that a node id names, and the numbers in it: one for each of the type's keys.

    Raises GraphQLError when it is no node id of one of these types.
    """
    matched = _NODE_ID.fullmatch(text)
    if matched is not None and matched[1] in types:
        numbers = [int(number) for number in matched[2].split("-")]
        if len(numbers) == len(types[matched[1]]) and max(numbers) <= ID_MAX:
            return matched[1], numbers
    raise bad_input(f"{text!r} is no node id. Give the `id` of an object, such as `gid://stockgate/Product/17`.")
