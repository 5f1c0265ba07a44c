"""What the objects of a route look like, as OPTIONS tells it beside the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter

_PREFIX: Final = "#/$defs/"


def object_schema(title: str, shape: Any) -> dict[str, Any]:
    """The schema of a typed dictionary, in WordPress's words: nothing is referred to, and null is a type of several."""
    described = TypeAdapter(shape).json_schema()
    members = _plain(described["properties"], described.get("$defs", {}))
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": title,
        "type": "object",
        "properties": {name: member for name, member in members.items() if name != "_links"},
    }


def _plain(value: Any, shared: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_plain(each, shared) for each in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        value = {**shared[value["$ref"].removeprefix(_PREFIX)], **{key: value[key] for key in value if key != "$ref"}}
    plain = {key: _plain(each, shared) for key, each in value.items() if not (key == "title" and isinstance(each, str))}
    either = plain.pop("anyOf", None)
    if either is not None:
        for kind in either:
            plain |= {key: each for key, each in kind.items() if key != "type"}
        plain["type"] = [kind["type"] for kind in either if "type" in kind]
    return plain
