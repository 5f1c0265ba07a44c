"""GET /metrics, for those who may."""

from __future__ import annotations

import secrets
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from gateway.authentication import Authenticator, bearer_token, header_token
from gateway.metrics import exposition
from gateway.metrics.meter import Meter
from gateway.metrics.stored import StoredFigures
from gateway.settings import Settings
from storage.access import API_KEY_PREFIX, Scope
from storage.errors import StorageUnavailableError

PATH: Final = "/metrics"
_HEADERS: Final = {"Cache-Control": "no-store"}
_WHO: Final = "Send STOCKGATE_METRICS_TOKEN, or an API key with the scope `admin`, as `Authorization: Bearer …`.\n"


async def metrics(request: Request) -> Response:
    """All metrics, as text."""
    if refusal := await refused(request):
        return refusal
    state = request.app.state
    stored: StoredFigures = state.stored_figures
    meter: Meter = state.meter
    as_openmetrics = "application/openmetrics-text" in request.headers.get("accept", "")
    body = exposition.text_of(meter, state.database, await stored.now(), as_openmetrics=as_openmetrics)
    media_type = exposition.OPENMETRICS if as_openmetrics else exposition.TEXT
    return Response(body, headers={**_HEADERS, "Content-Type": media_type, "Vary": "Accept, Authorization"})


async def refused(request: Request) -> Response | None:
    """Why whoever asks is not told how this server is; None for those who may know."""
    settings: Settings = request.app.state.settings
    if settings.metrics == "open":
        return None
    token = bearer_token(request) or header_token(request)
    if token is None:
        return PlainTextResponse(_WHO, 401, headers={**_HEADERS, "WWW-Authenticate": "Bearer"})
    given = settings.metrics_token.get_secret_value()
    if given and secrets.compare_digest(token.encode(errors="replace"), given.encode()):
        return None
    if not token.startswith(API_KEY_PREFIX):
        return PlainTextResponse(_WHO, 401, headers={**_HEADERS, "WWW-Authenticate": 'Bearer error="invalid_token"'})
    authenticator: Authenticator = request.app.state.authenticator
    try:
        principal = await authenticator.api_key(token)
    except StorageUnavailableError:
        told = "The database is not available now, so that no key can be looked up: use STOCKGATE_METRICS_TOKEN.\n"
        return PlainTextResponse(told, 503, headers={**_HEADERS, "Retry-After": "2"})
    if principal is None:
        return PlainTextResponse(_WHO, 401, headers={**_HEADERS, "WWW-Authenticate": 'Bearer error="invalid_token"'})
    return None if principal.may(Scope.ADMIN) else PlainTextResponse(_WHO, 403, headers=_HEADERS)


def routes(settings: Settings) -> list[BaseRoute]:
    """The route, unless it is off."""
    return [] if settings.metrics == "off" else [Route(PATH, metrics)]
