"""A dialect is a value: a REST wire format, mounted the same way as every other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.authentication import AuthenticationBackend
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Mount

from gateway.body import BodyTooLargeError
from gateway.budgets import RateLimitedError
from gateway.dialects.admission import Admission, BudgetHeaders
from gateway.dialects.cross_origin import CrossOrigin
from gateway.dialects.extra_headers import InvalidHeaderError
from gateway.dialects.noted import Noted
from gateway.openapi.described import Described
from storage.errors import DeadlineExceededError, InventoryError, StorageUnavailableError


@dataclass(frozen=True, slots=True)
class Dialect:
    """A REST wire format we serve. `name` is the origin recorded in every ledger entry it causes.

    `handlers` answer what is raised below, each in the dialect's own shape: at least the ANSWERED. `cors` says whether
    pages of other origins are answered as everywhere else here; WordPress has a way of its own. `described` is what
    /openapi.json says of it. `middleware` comes before the credentials are looked at.
    """

    name: str
    prefixes: Sequence[str]
    routes: Sequence[BaseRoute]
    credentials: AuthenticationBackend
    handlers: Mapping[Any, Any]
    cors: bool = True
    described: Described | None = None
    middleware: Sequence[Middleware] = ()


ANSWERED: Final = (
    HTTPException,  # no such path, not with this method, or a key that is not for this page
    BodyTooLargeError,
    InvalidHeaderError,
    InventoryError,
    RateLimitedError,
    StorageUnavailableError,
    DeadlineExceededError,
    ClientDisconnect,
    Exception,
)
"""What may be raised in any dialect."""


def mounts(dialect: Dialect) -> list[Mount]:
    """Below its prefixes the dialect answers for everything: an unknown path, a bad key and a bug wear its envelope."""
    return [_mount(prefix, dialect) for prefix in dialect.prefixes]


def _mount(prefix: str, dialect: Dialect) -> Mount:
    mount = Mount(
        prefix,
        routes=dialect.routes,
        middleware=[
            Middleware(Noted, dialect=dialect.name, prefix=dialect.prefixes[0]),
            Middleware(BudgetHeaders),
            *([Middleware(CrossOrigin)] if dialect.cors else []),
            Middleware(ExceptionMiddleware, handlers=dialect.handlers),  # it answers for all below
            *dialect.middleware,
            Middleware(AuthenticationMiddleware, backend=dialect.credentials),
            Middleware(Admission),
        ],
    )
    mount.path_regex = re.compile(mount.path_regex.pattern, re.DOTALL)  # a path with a line break is below it, too
    return mount
