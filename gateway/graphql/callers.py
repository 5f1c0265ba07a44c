"""Who asks, what they may ask, and the Context of their operation: the same for every GraphQL transport."""

from __future__ import annotations

from typing import Final

from starlette.applications import Starlette

from gateway.authentication import Authenticator, Principal
from gateway.graphql.refusals import FORBIDDEN, UNAUTHENTICATED, RefusedError
from gateway.settings import Settings
from gateway.webhooks.registration import Registration
from schema.context import Context
from schema.operations import Operation
from storage.access import Scope
from storage.changes import Origin

DIALECT: Final = "graphql"


async def authenticate(app: Starlette, token: str | None) -> Principal:
    """The principal of a token. Raises RefusedError for none and for one that is not valid."""
    if token is None:
        message = "An API key is needed: send it as `X-API-Key: …` or `Authorization: Bearer …`."
        raise RefusedError(401, UNAUTHENTICATED, message, {"WWW-Authenticate": "Bearer"})
    authenticator: Authenticator = app.state.authenticator
    principal = await authenticator.api_key(token)
    if principal is None:
        message = "This API key is not valid: it is unknown, revoked or expired."
        raise RefusedError(401, UNAUTHENTICATED, message, {"WWW-Authenticate": 'Bearer error="invalid_token"'})
    return principal


def authorize(principal: Principal, operation: Operation) -> None:
    """Raises RefusedError when the caller may not run such an operation.

    What only admins may change is a matter of the mutation itself.
    """
    if operation.is_mutation:
        if not principal.may(Scope.WRITE):
            raise RefusedError(403, FORBIDDEN, f"This API key does not have the scope `{Scope.WRITE}`.")
    elif not (principal.may(Scope.READ) or principal.may(Scope.STOREFRONT)):
        raise RefusedError(403, FORBIDDEN, f"This API key does not have the scope `{Scope.READ}`.")


def context_of(app: Starlette, principal: Principal, request_id: str) -> Context:
    """What the resolvers of one operation may use."""
    settings: Settings = app.state.settings

    def make_origin() -> Origin:
        return principal.origin(DIALECT, request_id=request_id)

    authenticator: Authenticator = app.state.authenticator
    return Context(
        app.state.database,
        principal.credential,
        make_origin,
        settings.bulk_items_max,
        limits=app.state.admission.limits,
        cost_per_minute=settings.cost_per_minute or None,
        hub=app.state.hub,
        forget_tokens=authenticator.forget,
        webhooks=Registration(settings),
    )
