"""Who calls: an API key as the password of `Authorization: Basic`, or in `Authorization: Bearer`."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser
from starlette.requests import HTTPConnection, Request

from gateway.authentication import Authenticator, Principal, basic_credentials, bearer_token
from gateway.dialects.admission import HIDDEN
from gateway.dialects.failures import FailedError
from storage.access import Scope

REFERENCE_LENGTH_MAX = 255


@dataclass(frozen=True, slots=True)
class Caller(BaseUser):
    """A valid API key, and the user name that Basic gave with it: free text, for the ledger."""

    principal: Principal
    user: str = ""

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def display_name(self) -> str:
        return self.principal.display_name


class Credentials(AuthenticationBackend):
    """Finds the caller of a request. What is wrong or missing is told by caller_of()."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        authenticator: Authenticator = conn.app.state.authenticator
        user, token = basic_credentials(conn) or ("", bearer_token(conn))
        principal = await authenticator.api_key(token) if token else None
        if principal is None:
            return None
        return principal.scopes, Caller(principal, user.strip()[:REFERENCE_LENGTH_MAX])


def caller_of(request: Request, scope: Scope) -> Caller:
    """The caller, if it has this scope and sees exact quantities. Raises FailedError (401 or 403)."""
    caller = request.scope.get("user")
    if not isinstance(caller, Caller):
        challenge = {"WWW-Authenticate": 'Basic realm="inventory"'}
        message = "Authorization is missing, or its secret is no valid API key."
        raise FailedError(401, "unauthenticated", message, headers=challenge)
    if not caller.principal.may(scope):
        raise FailedError(403, "forbidden", f"This API key lacks the scope {scope}.")
    if not caller.principal.sees_exactly:
        raise FailedError(403, "forbidden", HIDDEN)
    return caller
