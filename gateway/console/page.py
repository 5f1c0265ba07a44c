"""The page itself: GraphiQL, or the plain one that says how to get it."""

from __future__ import annotations

import html
import secrets
from pathlib import Path
from string import Template
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.console import tabs
from gateway.console.assets import Asset, Assets

_HERE: Final = Path(__file__).parent
_OURS: Final = _HERE / "static"
GRAPHIQL: Final = _HERE / "graphiql"  # scripts/build_graphiql.py makes it; git does not know it
_BUILT: Final = (
    "react.js", "react-dom.js", "graphiql.js", "graphiql.css", "explorer.js", "explorer.css", "graphql-ws.js",
    "licences.txt",
)  # fmt: skip

# Everything from here, and nothing inline but the style by which a dialog stops the page behind it from scrolling, and
# that by its nonce. GraphiQL's fonts and icons are data: inside its style sheet
_POLICY: Final = (
    "default-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; font-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Vary": "Accept",
}


class Page:
    """The page and its assets, put together once."""

    def __init__(self, graphiql: Path = GRAPHIQL, *, key_offered: bool) -> None:
        built = all((graphiql / file).is_file() for file in _BUILT)
        self.assets = _graphiql_assets(graphiql) if built else _fallback_assets()
        values = {**self.assets.paths(), "key_offered": "true" if key_offered else "false"}
        if not built:
            values |= {
                "reason": html.escape(reason_of(graphiql, "GraphiQL")),
                "query": html.escape(tabs.load()[1].query),
            }
        template = _OURS / ("console.html" if built else "fallback.html")
        self._html, self._values = Template(template.read_text("utf-8")), values

    async def serve(self, _request: Request) -> Response:
        """GET /console, and GET /graphql for browsers."""
        return self.respond()

    def respond(self) -> Response:
        """The page, with a nonce of its own."""
        nonce = secrets.token_urlsafe(16)
        headers = {**_HEADERS, "Content-Security-Policy": _POLICY.format(nonce=nonce)}
        return Response(self._html.substitute(self._values, nonce=nonce), headers=headers, media_type="text/html")


def _graphiql_assets(graphiql: Path) -> Assets:
    ours = [_OURS / file for file in ("console.js", "console.css", "icon.svg")]
    files = [*ours, *(graphiql / file for file in _BUILT)]
    return Assets([*(Asset(file.name, file.read_bytes()) for file in files), Asset("tabs.json", tabs.as_json())])


def _fallback_assets() -> Assets:
    files = [_OURS / file for file in ("fallback.js", "fallback.css", "icon.svg")]
    return Assets([Asset(file.name, file.read_bytes()) for file in files])


def reason_of(graphiql: Path, what: str) -> str:
    """Why what should have been built is not there, as the build has left it."""
    try:
        return f"When Stockgate was installed: {(graphiql / 'not-built.txt').read_text('utf-8').strip()}"
    except OSError:
        return f"{what} is built when Stockgate is installed, and its files are missing."
