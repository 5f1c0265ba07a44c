"""Who calls: an API key in `Authorization: Bearer …`."""

from __future__ import annotations

from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser
from starlette.requests import HTTPConnection, Request

from gateway.authentication import Authenticator, Principal, bearer_token
from gateway.dialects.admission import HIDDEN
from gateway.dialects.failures import FailedError
from storage.access import Scope


class Credentials(AuthenticationBackend):
    """Finds the caller of a request. What is wrong or missing is told by writer()."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        authenticator: Authenticator = conn.app.state.authenticator
        token = bearer_token(conn)
        principal = await authenticator.api_key(token) if token else None
        return None if principal is None else (principal.scopes, principal)


def writer(request: Request) -> Principal:
    """The caller, if it may write counts. Raises FailedError (401 or 403)."""
    principal = request.scope.get("user")
    if not isinstance(principal, Principal):
        challenge = {"WWW-Authenticate": "Bearer"}
        raise FailedError(401, "unauthenticated", "Invalid or missing API token", headers=challenge)
    if not principal.may(Scope.WRITE):
        raise FailedError(403, "forbidden", "This API token may not write: it lacks the scope write")
    if not principal.sees_exactly:  # the answer tells the previous count
        raise FailedError(403, "forbidden", HIDDEN)
    return principal
