"""Namespaces, resources, endpoints: what a dialect declares, and the order in which each request is checked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.dialects.wordpress.answers import Answer, RestError
from gateway.dialects.wordpress.conventions import check_callback, dress, home, respond
from gateway.dialects.wordpress.parameters import RestRequest, read

Handler = Callable[[RestRequest], Awaitable[Answer | Response]]
Permission = Callable[[Request], RestError | None]


def anyone(_request: Request) -> None:
    """The permission of a public route."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What one verb does. `permission` says why the caller may not, or nothing."""

    handler: Handler
    permission: Permission


@dataclass(frozen=True, slots=True)
class Resource:
    """One path below a namespace, with an endpoint for each verb it knows."""

    path: str
    endpoints: Mapping[str, Endpoint]
    middleware: Sequence[Middleware] = ()


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

    async def answer(request: Request) -> Response:
        if request.method == "OPTIONS":
            return _options(request, namespace, resource)
        check_callback(request)
        permitted = [verb for verb, endpoint in resource.endpoints.items() if endpoint.permission(request) is None]
        request.state.allow = ", ".join(permitted)
        parsed = await read(request)  # malformed JSON is told to anybody, before credentials are looked at
        endpoint = resource.endpoints["GET" if request.method == "HEAD" else request.method]
        if refusal := endpoint.permission(request):
            raise refusal
        answered = await endpoint.handler(parsed)
        return respond(request, answered) if isinstance(answered, Answer) else dress(request, answered)

    return Route(
        f"{resource.path}/", answer, methods=[*resource.endpoints, "OPTIONS"], middleware=list(resource.middleware)
    )


def _options(request: Request, namespace: str, resource: Resource) -> Response:
    request.state.allow = ", ".join(
        verb for verb, endpoint in resource.endpoints.items() if endpoint.permission(request) is None
    )
    return respond(request, Answer(describe(home(request), namespace, resource)))


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
    return {at: _described(base, namespace.name, at, ["GET"], defaults)} | {
        at + resource.path: describe(base, namespace.name, resource) for resource in namespace.resources
    }


def describe(base: str, namespace: str, resource: Resource) -> dict[str, Any]:
    """What OPTIONS tells of a resource."""
    path = f"/{namespace}{resource.path}"
    return _described(base, namespace, path, list(resource.endpoints), [])


def _described(base: str, namespace: str, path: str, methods: list[str], args: Any) -> dict[str, Any]:
    return {
        "namespace": namespace,
        "methods": methods,
        "endpoints": [{"methods": [method], "args": args} for method in methods],
        "_links": {"self": [{"href": f"{base}/wp-json{path}"}]},
    }
