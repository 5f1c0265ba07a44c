"""Swagger UI at /docs, from our own files: /openapi.json to read and to try. Nobody else is asked anything."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from gateway.docs.page import Page
from gateway.settings import Settings

__all__ = ["routes"]


def routes(settings: Settings) -> list[BaseRoute]:
    """What the page needs; nothing when it is off."""
    if not settings.docs:
        return []
    page = Page()
    return [Route("/docs", page.serve), Route("/docs/assets/{name}", page.assets.serve)]
