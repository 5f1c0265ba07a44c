"""What a route takes: each parameter with its type, as OPTIONS describes it and as requests are checked against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from storage.changes import UNSET

TRUE: Final = frozenset({"1", "true", "yes", "on"})
FALSE: Final = frozenset({"", "0", "false", "no", "off"})

Type = Literal["integer", "number", "string", "boolean", "array", "object", "date-time", "mixed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of an endpoint, or one member of a list or an object.

    Without `default` it is in `RestRequest.args` only when it was sent. `nullable` keeps null, which otherwise becomes
    the empty value of the type. `also` are texts taken as they are although the type is another (`"parent"` of a
    boolean); `numbers` takes JSON numbers for a string, too.
    """

    type: Type = "string"
    description: str = ""
    default: Any = UNSET
    enum: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    items: Parameter | None = None
    properties: Mapping[str, Parameter] | None = None
    required: bool = False
    nullable: bool = False
    also: tuple[str, ...] = ()
    numbers: bool = False
    read_only: bool = False

    def described(self) -> dict[str, Any]:
        """The parameter as OPTIONS tells it."""
        return {**self.schema(), "required": self.required}

    def schema(self) -> dict[str, Any]:
        """The parameter as JSON schema, in the words of WordPress."""
        told: dict[str, Any] = {"description": self.description} if self.description else {}
        told |= _TYPES.get(self.type, {"type": self.type})
        if self.nullable or self.also:
            told["type"] = [told.get("type", "string"), *["string"] * bool(self.also), *["null"] * self.nullable]
        if self.default is not UNSET:
            told["default"] = self.default
        if self.enum:
            told["enum"] = list(self.enum)
        told |= {name: bound for name in ("minimum", "maximum") if (bound := getattr(self, name)) is not None}
        if self.items is not None:
            told["items"] = self.items.schema()
        if self.properties is not None:
            told["properties"] = {name: member.schema() for name, member in self.properties.items()}
        return told | ({"readonly": True} if self.read_only else {})


_TYPES: Final[Mapping[str, dict[str, Any]]] = {
    "date-time": {"type": "string", "format": "date-time"},
    "mixed": {"type": ["string", "number", "boolean", "array", "object", "null"]},
}
