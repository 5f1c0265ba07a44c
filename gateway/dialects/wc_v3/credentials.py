"""Who calls: for now an API key as the password of Basic. Consumer keys and OAuth take this file's place."""

from __future__ import annotations

from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser
from starlette.requests import HTTPConnection, Request

from gateway.authentication import Authenticator, Principal, basic_credentials
from gateway.dialects.wordpress import RestError
from storage.access import Scope

_READING = frozenset({"GET", "HEAD"})
_REFUSED = {
    "list": ("woocommerce_rest_cannot_view", "Sorry, you cannot list resources."),
    "view": ("woocommerce_rest_cannot_view", "Sorry, you cannot view this resource."),
    "create": ("woocommerce_rest_cannot_create", "Sorry, you are not allowed to create resources."),
    "edit": ("woocommerce_rest_cannot_edit", "Sorry, you are not allowed to edit this resource."),
    "delete": ("woocommerce_rest_cannot_delete", "Sorry, you are not allowed to delete this resource."),
    "batch": ("woocommerce_rest_cannot_batch", "Sorry, you are not allowed to batch manipulate this resource."),
}


class Credentials(AuthenticationBackend):
    """Finds the caller. What it raises is told before anything else, an unknown route included."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        basic = basic_credentials(conn)
        authenticator: Authenticator = conn.app.state.authenticator
        principal = await authenticator.api_key(basic[1]) if basic else None
        if principal is None:
            return None
        method = conn.scope["method"]
        scope = Scope.READ if method in _READING else Scope.WRITE
        if method != "OPTIONS" and not principal.may(scope):
            message = f"The API key provided does not have {scope} permissions."
            raise RestError(401, "woocommerce_rest_authentication_error", message)
        return principal.scopes, principal


def may_list(request: Request) -> RestError | None:
    """Whether the caller may see a collection."""
    return _may(request, "list")


def may_view(request: Request) -> RestError | None:
    """Whether the caller may see one object."""
    return _may(request, "view")


def may_create(request: Request) -> RestError | None:
    """Whether the caller may create objects."""
    return _may(request, "create")


def may_edit(request: Request) -> RestError | None:
    """Whether the caller may change objects."""
    return _may(request, "edit")


def may_delete(request: Request) -> RestError | None:
    """Whether the caller may delete objects."""
    return _may(request, "delete")


def may_batch(request: Request) -> RestError | None:
    """Whether the caller may send many changes at once."""
    return _may(request, "batch")


def may_manage(request: Request) -> RestError | None:
    """Whether the caller may see the settings and the state of the shop."""
    return _may(request, "list")


def _may(request: Request, what: str) -> RestError | None:
    user = request.scope.get("user")
    if not isinstance(user, Principal):
        return RestError(401, *_REFUSED[what])
    reads = what in {"list", "view"}
    return None if reads or user.credential.locations is None else RestError(403, *_REFUSED[what])
