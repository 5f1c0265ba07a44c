"""Which requests want the page rather than an answer: those of browsers."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

_HTML: Final = ("text/html", "application/xhtml+xml")
_JSON: Final = ("application/json", "application/graphql-response+json", "text/event-stream", "multipart/mixed")


def wants_html(request: Request) -> bool:
    """Whether HTML is asked for by name, and nothing that GraphQL answers in is asked for more."""
    qualities = _qualities(request.headers.get("accept", ""))
    html = max((qualities.get(name, 0) for name in _HTML), default=0)
    return html > 0 and html >= max(qualities.get(name, 0) for name in _JSON)


def _qualities(accept: str) -> dict[str, float]:
    """Each media range with its q; a malformed q counts as none."""
    qualities = {}
    for item in accept.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        given = next((value[2:] for value in parameters if value.startswith("q=")), "1")
        try:
            qualities[name] = float(given)
        except ValueError:
            qualities[name] = 0
    return qualities
