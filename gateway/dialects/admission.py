"""What every request with a valid credential passes before its route, whatever the dialect.

Is the key for the page that sends it, can it pay for the request, and by when is the answer wanted?
"""

from __future__ import annotations

import contextlib
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.authentication import Principal
from gateway.budgets import Budgets, Purse
from gateway.cors import Cors
from gateway.settings import Settings
from storage import deadline, freshness

_PURSE: Final = "stockgate.purse"
HIDDEN: Final = (
    "This API key does not see exact quantities, and REST tells no others. Ask GraphQL for its availability."
)
"""What a dialect says, with a 403, to a principal that does not see exactly what it asks for."""


class Admission:
    """ASGI middleware, next to the routes. Raises HTTPException (403) and RateLimitedError (429)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        settings: Settings = scope["app"].state.settings
        principal = principal_of(scope)
        if principal is not None:
            _check_origin(scope, principal)
            if settings.rest_request_cost:
                budgets: Budgets = scope["app"].state.budgets
                scope[_PURSE] = await budgets.charge(principal, settings.rest_request_cost)
        reads = freshness.may_lag() if scope["method"] in {"GET", "HEAD"} else contextlib.nullcontext()
        with deadline.within(settings.request_seconds_max), reads:
            await self.app(scope, receive, send)


class BudgetHeaders:
    """ASGI middleware, outermost: whatever the answer is, it tells what the key has left."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_budget(message: Message) -> None:
            if message["type"] == "http.response.start":
                purse: Purse | None = scope.get(_PURSE)
                if purse is not None:
                    message["headers"] = [*message["headers"], *purse.raw_headers()]
            await send(message)

        await self.app(scope, receive, send_with_budget)


def principal_of(scope: Scope) -> Principal | None:
    """Who sent a request: its user, or whom that names as its `principal`; None for the anonymous."""
    return getattr(scope.get("user"), "principal", None)


def _check_origin(scope: Scope, principal: Principal) -> None:
    if principal.credential.origins is None:
        return
    for name, value in scope["headers"]:
        if name == b"origin" and Cors.refuses(principal, origin := value.decode("latin-1")):
            raise HTTPException(403, f"This API key is not for pages of {origin}.")
