"""What requests can be about: the labels that there are, taken from the routes, the schema and the lists of errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from starlette.routing import BaseRoute, Route

from gateway.calls import BY_CLASS, BY_STATUS, NATIVE, OTHER, operation_of
from gateway.dialects.dialect import Dialect
from gateway.graphql import callers, refusals
from gateway.graphql import errors as graphql_errors
from schema import errors, limits, operations
from storage.errors import ErrorCode

_UNCOUNTED: Final = frozenset({"HEAD", "OPTIONS"})


def operations_of(routes: Sequence[BaseRoute], dialects: Sequence[Dialect]) -> list[tuple[str, str]]:
    """Every operation that there is, by dialect."""
    found = [(NATIVE, each) for each in _of_routes("", routes)]
    for dialect in dialects:
        found += [(dialect.name, each) for each in _of_routes(dialect.prefixes[0], dialect.routes)]
    found += [(callers.DIALECT, each) for each in operations.labels()]
    names = dict.fromkeys(name for name, _ in found)
    return [*dict.fromkeys(found), *((name, OTHER) for name in names)]


def _of_routes(prefix: str, routes: Iterable[BaseRoute]) -> Iterator[str]:
    for route in routes:
        if isinstance(route, Route):
            for method in sorted((route.methods or {"GET"}) - _UNCOUNTED):
                yield operation_of(method, prefix, route)


def codes() -> list[str]:
    """Every reason for which a request may be refused."""
    ours = [
        value
        for module in (refusals, errors, limits, graphql_errors)
        for name, value in vars(module).items()
        if name == value
    ]
    return sorted({*map(str, ErrorCode), *ours, *BY_STATUS.values(), *BY_CLASS.values(), OTHER})
