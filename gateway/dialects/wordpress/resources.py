"""Namespaces, resources, endpoints: what a dialect declares, and the order in which each request is checked."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from starlette.convertors import Convertor, register_url_convertor
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.dialects.wordpress.answers import Answer, RestError
from gateway.dialects.wordpress.arguments import Declaration
from gateway.dialects.wordpress.conventions import check_callback, dress, home, respond
from gateway.dialects.wordpress.parameters import Parameter
from gateway.dialects.wordpress.requests import RestRequest, read
from storage.changes import ID_MAX

Handler = Callable[[RestRequest], Awaitable[Answer | Response]]
Permission = Callable[[Request], RestError | None]
Existence = Callable[[RestRequest], Awaitable[RestError | None]]


def anyone(_request: Request) -> None:
    """The permission of a public route."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What one verb does. `permission` says why the caller may not, or nothing.

    `args` are the parameters it takes: a request with others is refused before the permission is asked. `absent` is
    asked when the permission refuses, and says whether what the path names is not there, which WordPress tells anybody.
    """

    handler: Handler
    permission: Permission
    args: Mapping[str, Parameter] = field(default_factory=dict)
    absent: Existence | None = None


def editable(endpoint: Endpoint) -> dict[str, Endpoint]:
    """The three verbs that update: they are the same to WordPress."""
    return dict.fromkeys(("POST", "PUT", "PATCH"), endpoint)


@dataclass(frozen=True, slots=True)
class Resource:
    """One path below a namespace, with an endpoint for each verb it knows.

    `{name}` in the path is an id, `{name:word}` letters, digits, `-` and `_`. `schema` tells OPTIONS of its objects.
    """

    path: str
    endpoints: Mapping[str, Endpoint]
    middleware: Sequence[Middleware] = ()
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Namespace:
    """A plugin's part of /wp-json, such as `mulopimfwc/v1`."""

    name: str
    resources: Sequence[Resource]


def routes(namespace: Namespace) -> list[Route]:
    """The routes of a namespace and of its index. Addressing gives every path a slash at its end."""
    index = Resource("", {"GET": Endpoint(_index(namespace), anyone)})
    return [route(namespace.name, resource) for resource in (index, *namespace.resources)]


def route(namespace: str, resource: Resource) -> Route:
    """One resource as a Starlette route."""

    declared = {id(each): Declaration(each.args) for each in resource.endpoints.values() if each.args}

    async def answer(request: Request) -> Response:
        if request.method == "OPTIONS":
            return _options(request, namespace, resource)
        check_callback(request)
        permitted = [verb for verb, endpoint in resource.endpoints.items() if endpoint.permission(request) is None]
        request.state.allow = ", ".join(permitted)
        endpoint = resource.endpoints["GET" if request.method == "HEAD" else request.method]
        declaration = declared.get(id(endpoint))
        parsed = await read(request, with_forms=declaration is not None)  # what is malformed is told to anybody
        if declaration is not None:
            parsed = replace(parsed, args=declaration.arguments(parsed))
        if refusal := endpoint.permission(request):
            raise (endpoint.absent and await endpoint.absent(parsed)) or refusal
        answered = await endpoint.handler(parsed)
        return respond(request, answered) if isinstance(answered, Answer) else dress(request, answered)

    path = _PLAIN_VARIABLE.sub(r"{\1:digits}", resource.path)
    return Route(f"{path}/", answer, methods=[*resource.endpoints, "OPTIONS"], middleware=list(resource.middleware))


class _Digits(Convertor[int]):
    """An id. One that no row can have is the largest there is: nothing is found by it."""

    regex = "[0-9]+"

    def convert(self, value: str) -> int:
        return min(int(value.lstrip("0")[:20] or "0"), ID_MAX)

    def to_string(self, value: int) -> str:
        return str(value)


class _Word(Convertor[str]):
    """A name such as that of a group of settings."""

    regex = "[A-Za-z0-9_-]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("digits", _Digits())
register_url_convertor("word", _Word())
_DIGIT, _WORD = r"\d", r"\w-"
_PLAIN_VARIABLE: Final = re.compile(r"\{(\w+)\}")
_VARIABLE: Final = re.compile(r"\{(\w+)(:word)?\}")


def _options(request: Request, namespace: str, resource: Resource) -> Response:
    request.state.allow = ", ".join(
        verb for verb, endpoint in resource.endpoints.items() if endpoint.permission(request) is None
    )
    schema = {} if resource.schema is None else {"schema": resource.schema}
    return respond(request, Answer({**describe(home(request), namespace, resource), **schema}))


def _index(namespace: Namespace) -> Handler:
    async def index(request: RestRequest) -> Answer:
        base = home(request.http)
        return Answer(
            {
                "namespace": namespace.name,
                "routes": route_index(base, namespace),
                "_links": {"up": [{"href": f"{base}/wp-json/"}]},
            }
        )

    return index


def route_index(base: str, namespace: Namespace) -> dict[str, Any]:
    """Every route of a namespace, its index first, as the index documents list them."""
    at = f"/{namespace.name}"
    defaults = {
        "namespace": {"default": namespace.name, "required": False},
        "context": {"default": "view", "required": False},
    }
    index = _described(base, namespace.name, at, [(["GET"], defaults)])
    return {at: index} | {
        _as_pattern(at + resource.path): describe(base, namespace.name, resource) for resource in namespace.resources
    }


def describe(base: str, namespace: str, resource: Resource) -> dict[str, Any]:
    """What the indexes and OPTIONS tell of a resource. Verbs that do the same stand together."""
    together: dict[int, tuple[list[str], Any]] = {}
    in_path = {
        name: {"description": "Unique identifier.", "type": "string" if word else "integer", "required": False}
        for name, word in _VARIABLE.findall(resource.path)
    }
    for verb, endpoint in resource.endpoints.items():
        args = in_path | {name: each.described() for name, each in endpoint.args.items() if not each.read_only}
        together.setdefault(id(endpoint), ([], args))[0].append(verb)
    return _described(base, namespace, f"/{namespace}{resource.path}", list(together.values()))


def _as_pattern(path: str) -> str:
    """The path as WordPress writes it: with regular expressions."""
    return _VARIABLE.sub(lambda found: f"(?P<{found[1]}>[{_WORD if found[2] else _DIGIT}]+)", path)


def _described(base: str, namespace: str, path: str, endpoints: Sequence[tuple[list[str], Any]]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "namespace": namespace,
        "methods": [verb for verbs, _ in endpoints for verb in verbs],
        "endpoints": [{"methods": verbs, "args": args or []} for verbs, args in endpoints],
    }
    if "{" not in path:
        described["_links"] = {"self": [{"href": f"{base}/wp-json{path}"}]}
    return described
