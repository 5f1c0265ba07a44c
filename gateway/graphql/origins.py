"""Which browser pages may open a WebSocket: browsers ask no server before they do."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from gateway.authentication import Principal
from gateway.graphql.refusals import FORBIDDEN, RefusedError
from gateway.settings import Settings


def check(connection: HTTPConnection, principal: Principal) -> None:
    """Raises RefusedError for a page whose origin is neither ours, nor in the settings, nor among the key's."""
    origin = connection.headers.get("origin")
    if origin is None:
        return
    settings: Settings = connection.app.state.settings
    own = principal.credential.origins
    allowed = own if own is not None else settings.cors_origins
    is_ours = urlsplit(origin).netloc == connection.headers.get("host")
    if origin not in allowed and "*" not in allowed and not (is_ours and own is None):
        raise RefusedError(403, FORBIDDEN, f"This API key is not for pages of {origin}.")
