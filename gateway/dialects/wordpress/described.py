"""What /openapi.json says of every WordPress-shaped dialect: its errors, its indexes, and OPTIONS."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from gateway.dialects.wordpress.resources import Resource
from gateway.openapi.described import Answer, Operation
from gateway.openapi.errors import errors

_open: Final = with_config(ConfigDict(extra="allow"))
CONVENTIONS: Final = """As for every WordPress route: `/?rest_route=…` and one slash at the end name the same route,
`_method` or `X-HTTP-Method-Override` replaces the method, `_fields` picks members of the answer, `_envelope` puts
status and headers into the body, `_pretty` indents it, `_jsonp` makes it a script. An unknown path and a method that
a path does not know are 404 `rest_no_route`."""


@_open
class ErrorData(TypedDict):
    """The status again, and what else there is to tell."""

    status: int


@_open
class RestErrorBody(TypedDict):
    """WordPress's envelope of an error: programs look at `code`."""

    code: str
    message: str
    data: ErrorData


class EndpointDescription(TypedDict):
    """Methods with the same parameters."""

    methods: list[str]
    args: dict[str, Any] | list[Any]


@_open
class RouteDescription(TypedDict):
    """What OPTIONS tells of a route."""

    namespace: str
    methods: list[str]
    endpoints: list[EndpointDescription]


class NamespaceIndex(TypedDict):
    """Every route of a namespace."""

    namespace: str
    routes: dict[str, RouteDescription]
    _links: dict[str, Any]


@_open
class RootIndex(TypedDict):
    """Every route of every namespace."""

    name: str
    url: str
    home: str
    namespaces: list[str]
    authentication: dict[str, Any] | list[Any]
    routes: dict[str, RouteDescription]


ERRORS: Final = errors(RestErrorBody)


def refused(description: str, *headers: str) -> Answer:
    """An error of one operation, in the envelope."""
    return Answer(description, RestErrorBody, headers=headers)


def index(name: str, model: Any = NamespaceIndex) -> Operation:
    """GET of the namespace itself."""
    answers = {200: Answer("All of them.", model, headers=["Allow"])}
    return Operation("GET", "", f"The routes of {name}", answers, security=(), errors=(400, 403, 429, 500))


def options(resources: Iterable[Resource]) -> Sequence[Operation]:
    """OPTIONS of each path, the index too."""
    answers = {200: Answer("What the route takes.", RouteDescription, headers=["Allow"])}
    return [
        Operation("OPTIONS", plain(path), "What this route takes", answers, security=(), errors=(403, 429, 500))
        for path in ("", *(resource.path for resource in resources))
    ]


def plain(path: str) -> str:
    """A path as OpenAPI has it: `/products/{id:digits}` is `/products/{id}`."""
    return re.sub(r"\{(\w+):\w+\}", r"{\1}", path)
