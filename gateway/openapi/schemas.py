"""JSON schemas of the types that a dialect reads and writes with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from gateway.openapi.described import Model

Mode = Literal["validation", "serialization"]
_ROOT: Final = "#/components/schemas/"


class _Exact(GenerateJsonSchema):
    """Answers have no members but those that are named. No titles of fields: they only repeat their names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 (its signature)
        return False

    def typed_dict_schema(self, schema: core_schema.TypedDictSchema) -> JsonSchemaValue:
        made = super().typed_dict_schema(schema)
        return made if self.mode == "validation" else {"additionalProperties": False, **made}


class Schemas:
    """The schemas of one dialect. Those that have a name become components, as `<dialect>.<name>`."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._wanted: list[tuple[int, Mode, TypeAdapter[Any]]] = []
        self._slots: list[dict[str, Any]] = []
        self._known: dict[tuple[Mode, str], dict[str, Any]] = {}  # an adapter of a large type takes a while

    def of(self, model: Model, mode: Mode) -> dict[str, Any]:
        """The schema of a model. It is empty until components() was called."""
        if isinstance(model, Mapping):
            return dict(model)
        known = self._known.get((mode, repr(model)))
        if known is not None:
            return known
        slot: dict[str, Any] = {}
        self._known[mode, repr(model)] = slot
        self._wanted.append((len(self._slots), mode, TypeAdapter(model)))
        self._slots.append(slot)
        return slot

    def components(self) -> dict[str, Any]:
        """All schemas that have a name. Those that were asked for have their content from now on."""
        if not self._wanted:
            return {}
        template = f"{_ROOT}{self._prefix}.{{model}}"
        made, rest = TypeAdapter.json_schemas(self._wanted, ref_template=template, schema_generator=_Exact)
        for (number, _mode), schema in made.items():
            self._slots[number].update(_untitled(schema))
        return {f"{self._prefix}.{name}": _untitled(schema) for name, schema in rest.get("$defs", {}).items()}


def _untitled(schema: Any) -> Any:
    return {name: value for name, value in schema.items() if name != "title"}
