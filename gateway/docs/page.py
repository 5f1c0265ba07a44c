"""The page itself: Swagger UI, or the plain one that says how to get it."""

from __future__ import annotations

import html
from pathlib import Path
from string import Template
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.console.assets import Asset, Assets
from gateway.console.page import GRAPHIQL, reason_of

_OURS: Final = Path(__file__).parent / "static"
_ICON: Final = Path(__file__).parents[1] / "console/static/icon.svg"
_BUILT: Final = ("swagger-ui.js", "swagger-ui.css", "licences.txt")

# Everything from here and nothing inline; Swagger UI's icons are data: inside its style sheet
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class Page:
    """The page and its assets, put together once. `packages` is where the build has put Swagger UI."""

    def __init__(self, packages: Path = GRAPHIQL) -> None:
        built = all((packages / file).is_file() for file in _BUILT)
        ours = [_OURS / file for file in (["docs.js", "docs.css"] if built else ["docs.css"])]
        files = [*ours, _ICON, *(packages / file for file in (_BUILT if built else ()))]
        self.assets = Assets([Asset(file.name, file.read_bytes()) for file in files], at="docs/assets")
        template = Template((_OURS / ("docs.html" if built else "fallback.html")).read_text("utf-8"))
        reason = {} if built else {"reason": html.escape(reason_of(packages, "Swagger UI"))}
        self._html = template.substitute(self.assets.paths(), **reason)

    async def serve(self, _request: Request) -> Response:
        """GET /docs."""
        return self.respond()

    def respond(self) -> Response:
        """The page."""
        return Response(self._html, headers=_HEADERS, media_type="text/html")
