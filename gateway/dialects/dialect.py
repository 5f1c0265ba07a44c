"""A dialect is a value: a REST wire format, mounted the same way as every other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.authentication import AuthenticationBackend
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import BaseRoute, Mount


@dataclass(frozen=True, slots=True)
class Dialect:
    """A REST wire format we serve. `name` is the origin recorded in every ledger entry it causes."""

    name: str
    prefixes: Sequence[str]
    routes: Sequence[BaseRoute]
    credentials: AuthenticationBackend
    handlers: Mapping[Any, Any]


def mounts(dialect: Dialect) -> list[Mount]:
    """Below its prefixes the dialect answers for everything: an unknown path, a bad key and a bug wear its envelope."""
    return [
        Mount(
            prefix,
            routes=dialect.routes,
            middleware=[
                Middleware(ExceptionMiddleware, handlers=dialect.handlers),  # outermost: it answers for all below
                Middleware(AuthenticationMiddleware, backend=dialect.credentials),
            ],
        )
        for prefix in dialect.prefixes
    ]
