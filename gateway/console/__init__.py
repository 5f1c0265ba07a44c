"""GraphiQL at /graphql and /console, from our own files: nothing is asked of any other server."""

from __future__ import annotations

from starlette.requests import Request
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from gateway.console.accept import wants_html
from gateway.console.offered_key import offered_key
from gateway.console.page import Page
from gateway.settings import Settings

__all__ = ["is_on", "routes"]


class _PageRoute(Route):
    """Matches only what wants HTML: what else is at the same path is for the route that follows."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or not wants_html(Request(scope)):
            return Match.NONE, {}
        match, child = super().matches(scope)
        return (match, child) if match is Match.FULL else (Match.NONE, {})


def is_on(settings: Settings) -> bool:
    """Whether the page is served: as the setting says, else in development only."""
    if settings.console == "auto":
        return settings.mode == "development"
    return settings.console == "on"


def routes(settings: Settings) -> list[BaseRoute]:
    """What the console serves; nothing when it is off. To be mounted before /graphql itself."""
    if not is_on(settings):
        return []
    page = Page(key_offered=bool(settings.console_key.get_secret_value()))
    return [
        _PageRoute("/graphql", page.serve),
        Route("/console", page.serve),
        Route("/console/key", offered_key, methods=["POST"]),
        Route("/console/assets/{name}", page.assets.serve),
    ]
