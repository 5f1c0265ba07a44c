"""What is said of a route: its parameters, body and answers, by the types that the program reads and writes with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Model = Any
"""What pydantic.TypeAdapter takes (a model, a TypedDict, `list[…]`), or a JSON schema as a Mapping."""

Location = Literal["query", "header", "path"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. `required` is not asked of those in the path: they always are. `as_json` says that its value is
    JSON text."""

    name: str
    model: Model
    description: str
    location: Location = "query"
    required: bool = False
    example: Any = None
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered with one status. `content` is by media type, for what is not JSON alone; `headers` are of
    HEADERS, beside those of every answer."""

    description: str
    model: Model = None
    content: Mapping[str, Model] = field(default_factory=dict)
    headers: Sequence[str] = ()
    example: Any = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path, which is written as below the dialect's first prefix: `/products/{id}`.

    `headers` are those of REQUEST_HEADERS that it understands. `security` names the schemes that open it; None
    is any of the dialect's, () that nobody is asked. `files` are the media types of a body that is a file.
    """

    method: str
    path: str
    summary: str
    answers: Mapping[int, Answer]
    description: str = ""
    parameters: Sequence[Parameter] = ()
    headers: Sequence[str] = ()
    body: Model = None
    body_required: bool = True
    files: Mapping[str, Model] = field(default_factory=dict)
    security: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Described:
    """What is said of a dialect. `errors` are what any of its operations may be answered with instead, by status.

    401 may be told to whoever sends wrong credentials, also where none are needed; 413 only of operations with a body,
    unless the dialect `reads_every_body`, that of a GET too.
    """

    title: str
    description: str
    operations: Sequence[Operation]
    security: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    errors: Mapping[int, Answer] = field(default_factory=dict)
    reads_every_body: bool = False
