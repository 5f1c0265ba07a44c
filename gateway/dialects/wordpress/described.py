"""What /openapi.json says of every WordPress-shaped dialect: its errors, its indexes, and OPTIONS."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from gateway.dialects.wordpress.parameters import Parameter as Declared
from gateway.dialects.wordpress.resources import Endpoint, Namespace, Resource
from gateway.openapi.described import Answer, Operation, Parameter
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
    return Operation("GET", "", f"The routes of {name}", answers, security=())


def options(resources: Iterable[Resource]) -> Sequence[Operation]:
    """OPTIONS of each path, the index too."""
    nothing = Annotated[list[int], Field(max_length=0)]
    answers = {
        200: Answer("What the route takes; of no route, nothing.", RouteDescription | nothing, headers=["Allow"])
    }
    return [
        Operation(
            "OPTIONS", plain(path), "What this route takes", answers,
            parameters=[*_in_path(path, exactly=False)], security=(),
        )
        for path in ("", *(resource.path for resource in resources))
    ]  # fmt: skip


def plain(path: str) -> str:
    """A path as OpenAPI has it: `/products/{id:digits}` is `/products/{id}`."""
    return re.sub(r"\{(\w+):\w+\}", r"{\1}", path)


@dataclass(frozen=True, slots=True)
class Told:
    """What is to be said of one method of a path beside the parameters that its endpoint declares."""

    summary: str
    model: Any = None
    status: int = 200
    headers: Sequence[str] = ()
    sends: Sequence[str] = ()
    errors: Mapping[int, Answer] = field(default_factory=dict)


def operations(namespace: Namespace, told: Mapping[str, Told]) -> Sequence[Operation]:
    """Every route of a namespace. `told` is by method and path: `GET /products/{id}`."""
    described = [
        _operation(verb, resource.path, endpoint, told)
        for resource in namespace.resources
        for verb, endpoint in resource.endpoints.items()
    ]
    return [index(namespace.name), *described, *options(namespace.resources)]


def _operation(verb: str, path: str, endpoint: Endpoint, told: Mapping[str, Told]) -> Operation:
    known = told.get(f"{verb} {plain(path)}") or Told(_documented(endpoint))
    has_body = verb in {"POST", "PUT", "PATCH"}
    args = {name: each for name, each in endpoint.args.items() if not each.read_only}
    return Operation(
        verb,
        plain(path),
        known.summary,
        {
            **({404: refused("There is no such route.")} if "{" in path else {}),
            known.status: Answer("Done.", known.model or Any, headers=("Allow", *known.headers)),
            **known.errors,
        },
        parameters=[*_in_path(path), *(() if has_body else _in_query(args))],
        headers=known.sends,
        body=_body(args) if has_body else None,
        body_required=False,
    )


def _documented(endpoint: Endpoint) -> str:
    """What the handler's first line says behind its route."""
    first = (endpoint.handler.__doc__ or "").partition("\n")[0]
    return first.partition(": ")[2] or first


def _in_path(path: str, *, exactly: bool = True) -> Iterator[Parameter]:
    """Others lead to no route; OPTIONS tells nothing of it then, and no error."""
    for name, kind in re.findall(r"\{(\w+)(?::(\w+))?\}", path):
        schema: dict[str, Any] = {"type": "string"}
        if exactly:
            schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"} if kind else {"type": "integer", "minimum": 0}
        yield Parameter(name, schema, "Names it." if kind else "Its id.", "path")


def _in_query(args: Mapping[str, Declared]) -> Iterator[Parameter]:
    """Lists with commas between, or as `name[]`."""
    for name, declared in args.items():
        description = declared.description or name.replace("_", " ").capitalize()
        if declared.items is not None and declared.items.enum:
            description += f" Each is one of {', '.join(declared.items.enum)}."
        yield Parameter(name, _typed(declared), description, required=declared.required)


def _typed(declared: Declared) -> dict[str, Any]:
    """The type that a parameter is turned into. Text in an address is any scalar's."""
    schema = declared.schema()
    schema.pop("description", None)
    if declared.type == "date-time":
        return {"type": "string", **({"default": schema["default"]} if "default" in schema else {})}
    if declared.type in {"mixed", "object"}:
        return {"type": "string"}
    if declared.items is not None:  # how several of a name are read is PHP's affair: what they may be is told in words
        schema["items"] = {"type": "string"}
    return schema


def _body(args: Mapping[str, Declared]) -> dict[str, Any]:
    """A JSON object; what is none says nothing. The first type of each member is the one that it is turned into."""
    required = [name for name, declared in args.items() if declared.required]
    members = {name: _accepted(declared) for name, declared in args.items()}
    return {"type": _ANY, "properties": members, **({"required": required} if required else {})}


_ANY: Final = ["object", "array", "string", "number", "boolean", "null"]
_TAKEN: Final[Mapping[str, list[str]]] = {
    "integer": ["integer", "string", "null"],
    "number": ["number", "string", "null"],
    "boolean": ["boolean", "string", "integer", "null"],
    "string": ["string", "null"],
    "date-time": ["string", "null"],
    "array": ["array", "object", "string", "number", "boolean", "null"],
    "object": ["object", "array", "string", "null"],
}


def _accepted(declared: Declared) -> dict[str, Any]:
    """All that is understood: numbers as text, null for nothing, as PHP does it."""
    schema: dict[str, Any] = {} if declared.type == "mixed" else {"type": list(_TAKEN[declared.type])}
    if declared.numbers:
        schema["type"].append("number")
    if declared.description:
        schema["description"] = declared.description
    if declared.enum and not declared.also:
        schema["enum"] = [*declared.enum, None]
    if declared.minimum is not None:
        schema["minimum"] = declared.minimum
    if declared.maximum is not None:
        schema["maximum"] = declared.maximum
    if declared.items is not None:
        schema["items"] = _accepted(declared.items)
    if declared.properties is not None:
        schema["properties"] = {name: _accepted(each) for name, each in declared.properties.items()}
    return schema
