"""Problems of catalogue documents as refusals of the inputs they were made of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from strawberry.utils.str_converters import to_camel_case

from schema.errors import FieldOwnedError, PlainError, UserError, UserErrorCode
from storage.catalog_document import Problem
from storage.errors import ErrorCode

_ADDRESS: Final = frozenset({"address1", "address2", "city", "region", "postcode", "country"})
_STEP: Final = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Input:
    """How an input is the document it becomes: the list of its lines, or None when it is one line itself."""

    lines: str | None
    names: Mapping[str, str] = field(default_factory=dict)

    def path(self, place: str) -> str:
        """Where in the input a place of the document is: `products[3].salePrice`; '' for an input that is one line."""
        _, number, *steps = _STEP.finditer(place)
        path = "".join(f"[{step[2]}]" if step[2] else f".{self._name(step[1])}" for step in steps)
        return path.removeprefix(".") if self.lines is None else f"{self.lines}[{number[2]}]{path}"

    def refusal(self, problem: Problem) -> UserError:
        """The problem of a place as that of the input."""
        path = self.path(problem.place)
        index = None if self.lines is None else int(path.partition("[")[2].partition("]")[0])
        named = f"`{path}` " if path else ""
        message = f"{named}{problem.message}."
        told: dict[str, Any] = {"code": UserErrorCode[problem.code.name], "message": message}
        told |= {"field": path or None, "index": index}
        if problem.code is ErrorCode.FIELD_OWNED:
            return FieldOwnedError(**told, owners=list(problem.owners))
        return PlainError(**told)

    def refusals(self, problems: Sequence[Problem]) -> list[UserError]:
        """All of them."""
        return [self.refusal(problem) for problem in problems]

    def _name(self, column: str) -> str:
        if column in _ADDRESS:
            return f"address.{column}"
        return self.names.get(column) or to_camel_case(column)
