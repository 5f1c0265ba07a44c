"""Swagger UI at /docs, from our own files: /openapi.json to read and to try. Nobody else is asked anything."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from gateway.docs.page import Page
from gateway.settings import Settings

__all__ = ["is_on", "routes"]


def is_on(settings: Settings) -> bool:
    """Whether the page is served: as the setting says, else in development only."""
    if settings.docs == "auto":
        return settings.mode == "development"
    return settings.docs == "on"


def routes(settings: Settings) -> list[BaseRoute]:
    """What the page needs; nothing when it is off."""
    if not is_on(settings):
        return []
    page = Page()
    return [Route("/docs", page.serve), Route("/docs/assets/{name}", page.assets.serve)]
