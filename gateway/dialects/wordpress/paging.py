"""Pages of a collection: the parameters that ask for one, and the headers that tell of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request

from gateway.dialects.wordpress.answers import Answer
from gateway.dialects.wordpress.conventions import home
from gateway.dialects.wordpress.parameters import Parameter
from gateway.dialects.wordpress.requests import RestRequest

_ROWS_MAX: Final = 2**53
_NOT_REPEATED: Final = frozenset({"consumer_key", "consumer_secret", "rest_route"})

CONTEXT: Final = Parameter(
    description="Scope under which the request is made; determines fields present in response.",
    default="view",
    enum=("view", "edit"),
)
COLLECTION: Final[Mapping[str, Parameter]] = {
    "context": CONTEXT,
    "page": Parameter(type="integer", description="Current page of the collection.", default=1, minimum=1),
    "per_page": Parameter(
        type="integer",
        description="Maximum number of items to be returned in result set.",
        default=10,
        minimum=1,
        maximum=100,
    ),
    "offset": Parameter(type="integer", description="Offset the result set by a specific number of items."),
}
"""What every collection takes."""


def window(request: RestRequest) -> tuple[int, int]:
    """Offset and limit of the rows that a collection was asked for: `offset` outranks `page`."""
    args = request.args
    limit: int = args["per_page"]
    offset: int = args.get("offset", (args["page"] - 1) * limit)
    return max(0, min(offset, _ROWS_MAX)), limit


def paged(
    request: RestRequest, rows: Sequence[Any], total: int, page: int | None = None, per_page: int | None = None
) -> Answer:
    """One page of rows, of `total` in all. Page and size are those of the request unless they are given."""
    page = page or request.args["page"]
    pages = -(-total // (per_page or request.args["per_page"]))
    headers = {"X-WP-Total": str(total), "X-WP-TotalPages": str(pages)}
    links = []
    if page > 1 and pages:
        links.append(_link(request.http, min(page - 1, pages), "prev"))
    if page < pages:
        links.append(_link(request.http, page + 1, "next"))
    if links:
        headers["Link"] = ", ".join(links)
    return Answer(rows, headers=headers)


def _link(request: Request, page: int, relation: str) -> str:
    """The same query for another page. Credentials are left out: clients send their own again."""
    query: dict[str, str | int] = {}
    for name, value in request.query_params.multi_items():
        if name == "page":
            query[name] = page
        elif name in _NOT_REPEATED or name.startswith("oauth_"):
            continue
        elif name.endswith("[]"):
            query[f"{name[:-2]}[{sum(key.startswith(name[:-1]) for key in query)}]"] = value
        else:
            query[name] = value
    query["page"] = page
    path = request.scope["path"].removeprefix(request.scope.get("app_root_path", "")).removesuffix("/")
    return f'<{home(request)}{path}?{urlencode(query)}>; rel="{relation}"'
