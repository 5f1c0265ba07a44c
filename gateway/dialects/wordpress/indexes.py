"""The root of /wp-json: its index, and the answer to every path that no namespace below it knows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser
from starlette.requests import HTTPConnection

from gateway.dialects.dialect import Dialect
from gateway.dialects.wordpress import described
from gateway.dialects.wordpress.answers import Answer, RestError
from gateway.dialects.wordpress.conventions import fields_of, home
from gateway.dialects.wordpress.failures import HANDLERS
from gateway.dialects.wordpress.requests import RestRequest
from gateway.dialects.wordpress.resources import Endpoint, Namespace, Resource, anyone, describe, route, route_index
from gateway.openapi.described import Described

_HELP: Final = "https://developer.wordpress.org/rest-api/"


class _Anonymous(AuthenticationBackend):
    """The root index asks nobody who they are."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:  # noqa: ARG002 (its signature)
        return None


def root(namespaces: Sequence[Namespace]) -> Dialect:
    """What answers below /wp-json where no dialect does. Mounted after them."""

    async def index(request: RestRequest) -> Answer:
        if any(name.startswith("rest_route[") for name in request.http.query_params):
            raise RestError(400, "rest_path_invalid_type", "REST path must be a string.")
        base = home(request.http)
        fields, timezone = fields_of(request.http), request.settings.timezone
        listed = {"/": describe(base, "", resource)} | {
            path: entry for space in namespaces for path, entry in route_index(base, space).items()
        }
        return Answer(
            {
                "name": "Stockgate",
                "description": "Multi-location inventory",
                "url": base,
                "home": base,
                "gmt_offset": _hours_from_utc(timezone),
                "timezone_string": timezone,
                "page_for_posts": 0,
                "page_on_front": 0,
                "show_on_front": "posts",
                "namespaces": [space.name for space in namespaces],
                "authentication": _authentication(base),
                "routes": listed,
                "site_logo": 0,
                "site_icon": 0,
                "site_icon_url": "",
            }
            | ({} if fields and "_links" not in fields else {"_links": {"help": [{"href": _HELP}]}})
        )

    resource = Resource("", {"GET": Endpoint(index, anyone)})
    told = Described(
        "WordPress",
        f"The root of all WordPress-shaped routes.\n\n{described.CONVENTIONS}",
        [described.index("all namespaces", described.RootIndex), *described.options([])],
        errors=described.ERRORS,
        reads_every_body=True,
    )
    return Dialect("wordpress", ["/wp-json"], [route("", resource)], _Anonymous(), HANDLERS, cors=False, described=told)


def _hours_from_utc(timezone: str) -> float:
    """Of now: half of the year it is another in many places."""
    offset = datetime.now(ZoneInfo(timezone)).utcoffset() or timedelta()
    return offset / timedelta(hours=1)


def _authentication(base: str) -> Any:
    """Over TLS clients may send a key as an application password, and look here for whether they may."""
    if not base.startswith("https:"):
        return []
    return {"application-passwords": {"endpoints": {"authorization": f"{base}/wp-admin/authorize-application.php"}}}
