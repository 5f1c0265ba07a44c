"""Who calls: an API key in `X-API-Key` or as the password of Basic, a webhook secret in `X-Webhook-Secret`.

Tokens are taken from headers only: one in a query string would be written to logs on the way.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser
from starlette.requests import HTTPConnection, Request

from gateway.authentication import Authenticator, Principal, basic_credentials, header_token
from gateway.dialects.mulopimfwc_v1 import errors
from gateway.dialects.wordpress import RestError
from storage.access import Scope


@dataclass(frozen=True, slots=True)
class Caller(BaseUser):
    """Every valid credential of a request. Both may be there, and either may be the one that opens a route."""

    api_key: Principal | None = None
    webhook: Principal | None = None

    @property
    def is_authenticated(self) -> bool:
        return self.principal is not None

    @property
    def principal(self) -> Principal | None:
        """Who pays for the request."""
        return self.api_key or self.webhook

    @property
    def display_name(self) -> str:
        return "" if self.principal is None else self.principal.display_name


class Credentials(AuthenticationBackend):
    """Finds the valid credentials of a request. What is wrong or missing is told by the route's permission."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        authenticator: Authenticator = conn.app.state.authenticator
        caller = Caller(await _api_key(conn, authenticator), await _webhook(conn, authenticator))
        if not caller.is_authenticated:
            return None
        return (caller.api_key.scopes if caller.api_key else AuthCredentials()), caller


async def _api_key(conn: HTTPConnection, authenticator: Authenticator) -> Principal | None:
    basic = basic_credentials(conn)
    for token in (header_token(conn), basic and basic[1]):
        principal = await authenticator.api_key(token) if token else None
        if principal is not None and not principal.is_webhook:
            return principal
    return None


async def _webhook(conn: HTTPConnection, authenticator: Authenticator) -> Principal | None:
    secret = header_token(conn, "x-webhook-secret")
    principal = await authenticator.webhook_secret(secret) if secret else None
    return principal if principal is not None and principal.is_webhook else None


def caller_of(request: Request) -> Caller:
    """The request's credentials; none of them is set for an anonymous one."""
    user = request.scope.get("user")
    return user if isinstance(user, Caller) else Caller()


def may_read(request: Request) -> RestError | None:
    """The permission of the GET routes: an API key with read scope."""
    return _may(request, Scope.READ)


def may_read_stock(request: Request) -> RestError | None:
    """The permission of the export: an API key with read scope, which sees quantities as they are."""
    return may_read(request) or sees_stock(request)


def sees_stock(request: Request) -> RestError | None:
    """Why stock is not told to the caller, or nothing."""
    principal = caller_of(request).api_key
    return errors.hidden() if principal is not None and not principal.sees_exactly else None


def may_write(request: Request) -> RestError | None:
    """The permission of the inventory POST routes: an API key with write scope."""
    return _may(request, Scope.WRITE)


def _may(request: Request, scope: Scope) -> RestError | None:
    principal = caller_of(request).api_key
    if principal is None:
        return errors.unauthenticated(request.app.state.settings)
    return None if principal.may(scope) else errors.insufficient_permissions(scope)


def may_deliver(request: Request) -> RestError | None:
    """The permission of the webhook route: a webhook secret, or an API key with write scope."""
    caller = caller_of(request)
    if deliverer(caller) is not None:
        return None
    if caller.api_key is not None:
        return errors.insufficient_permissions(Scope.WRITE)
    return errors.invalid_webhook_secret(request.app.state.settings)


def deliverer(caller: Caller) -> Principal | None:
    """On whose behalf a webhook is taken in: the secret's, which need not be a person's key, before the API key's."""
    if caller.webhook is not None:
        return caller.webhook
    key = caller.api_key
    return key if key is not None and (key.may(Scope.WRITE) or key.may(Scope.DELIVER)) else None
