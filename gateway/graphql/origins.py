"""Which browser pages may open a WebSocket: browsers ask no server before they do."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from gateway.authentication import Principal
from gateway.cors import Cors
from gateway.graphql.refusals import FORBIDDEN, RefusedError


def check(connection: HTTPConnection, principal: Principal) -> None:
    """Raises RefusedError for a page whose origin is neither ours, nor in the settings, nor among the key's."""
    origin = connection.headers.get("origin")
    if origin is None:
        return
    cors: Cors = connection.app.state.cors
    is_ours = urlsplit(origin).netloc == connection.headers.get("host")
    if Cors.refuses(principal, origin) or not (is_ours or cors.allows(principal, origin)):
        raise RefusedError(403, FORBIDDEN, f"This API key is not for pages of {origin}.")
