"""Who calls, and what they may: consumer pairs, plain over TLS or signed by OAuth, and API keys as passwords.

What is wrong with a credential is told before anything else, an unknown route included. Credentials are tried in the
reference's order: the pair in the query, the pair in Basic, OAuth, and then the password.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal
from urllib.parse import parse_qsl, urlencode

import structlog
from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser
from starlette.requests import HTTPConnection, Request

from gateway.authentication import Authenticator, Principal, basic_credentials, bearer_token, header_token
from gateway.dialects.admission import HIDDEN, principal_of
from gateway.dialects.wc_v3 import oauth
from gateway.dialects.wc_v3.oauth import OAuthError, Parameters
from gateway.dialects.wc_v3.signatures import Signatures, urls_of
from gateway.dialects.wc_v3.signed_forms import form_of
from gateway.dialects.wordpress import RestError
from gateway.dialects.wordpress.addressing import sent
from gateway.dialects.wordpress.php_arrays import nested
from gateway.request_log import request_id_of
from gateway.settings import Settings
from storage.access import Scope

_WITHOUT_TLS: Final = (
    "It came without TLS. Have the client sign its requests (OAuth 1.0a), list the proxy that ends TLS in "
    "STOCKGATE_TRUSTED_PROXIES, or for trials set STOCKGATE_WC_KEYS_OVER_HTTP=on."
)
log = structlog.get_logger("stockgate.wc_v3")

_NEEDED: Final = {
    "GET": Scope.READ, "HEAD": Scope.READ,
    "POST": Scope.WRITE, "PUT": Scope.WRITE, "PATCH": Scope.WRITE, "DELETE": Scope.WRITE,
}  # fmt: skip
_REFUSED: Final = {
    "list": ("woocommerce_rest_cannot_view", "Sorry, you cannot list resources."),
    "view": ("woocommerce_rest_cannot_view", "Sorry, you cannot view this resource."),
    "create": ("woocommerce_rest_cannot_create", "Sorry, you are not allowed to create resources."),
    "edit": ("woocommerce_rest_cannot_edit", "Sorry, you are not allowed to edit this resource."),
    "delete": ("woocommerce_rest_cannot_delete", "Sorry, you are not allowed to delete this resource."),
    "batch": ("woocommerce_rest_cannot_batch", "Sorry, you are not allowed to batch manipulate this resource."),
}

What = Literal["list", "view", "create", "edit", "delete", "batch"]


class Credentials(AuthenticationBackend):
    """Finds the caller. Raises RestError (401) for credentials that are wrong, or do not suffice for the verb."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        query = nested(_pairs_of(conn))  # as PHP has it
        principal = await _consumer(conn, query) or await _signer(conn, query) or await _with_api_key(conn)
        if principal is None:
            _tell_of_ignored(conn, query)
            return None
        conn.scope["user"] = principal  # what is refused from here on is answered as to somebody known
        _check_verb(conn.scope["method"], principal)
        _authenticator(conn).note_use(principal)
        return principal.scopes, principal


def _pairs_of(conn: HTTPConnection) -> list[tuple[str, str]]:
    """Names and values in the URL. What is no UTF-8 is kept: it may be signed."""
    return parse_qsl(conn.scope["query_string"].decode(), keep_blank_values=True, errors="surrogateescape")


async def _consumer(conn: HTTPConnection, query: Parameters) -> Principal | None:
    """The bearer of a consumer pair that is sent as it is, which only TLS hides from others."""
    if not _takes_pairs(conn):
        return None
    pair = oauth.scalar(query, "consumer_key"), oauth.scalar(query, "consumer_secret")
    if not all(pair):
        pair = basic_credentials(conn) or ("", "")
    consumer = await _authenticator(conn).consumer(pair[0].strip()) if all(pair) else None
    if consumer is None:
        return None
    if not consumer.pair.has_secret(pair[1]):
        raise _invalid("Consumer secret is invalid.")
    return consumer.principal


def _takes_pairs(conn: HTTPConnection) -> bool:
    settings: Settings = conn.app.state.settings
    return conn.url.scheme == "https" or settings.takes_wc_keys_over_http


def _tell_of_ignored(conn: HTTPConnection, query: Parameters) -> None:
    """In the log: whoever sends a pair without TLS is answered as if nobody had, and would look for the reason."""
    user, _ = basic_credentials(conn) or ("", "")
    if not _takes_pairs(conn) and ("consumer_key" in query or user.startswith("ck_")):
        log.warning("consumer pair ignored", request_id=request_id_of(conn.scope), reason=_WITHOUT_TLS)


async def _signer(conn: HTTPConnection, query: Parameters) -> Principal | None:
    """The bearer of a consumer pair that signed the request."""
    parameters = oauth.parameters_of(query, form_of(conn.scope), conn.headers.get("authorization", ""))
    signatures: Signatures = conn.app.state.signatures
    try:
        request = oauth.signed(sent(conn.scope)[0], list(urls_of(conn)), parameters)
        if request is None:
            return None
        principal = await signatures.signer(request, request_id_of(conn.scope))
    except OAuthError as error:
        raise _invalid(str(error), error.code) from None
    _drop_unsigned(conn)
    return principal


def _drop_unsigned(conn: HTTPConnection) -> None:
    """Of a name that is repeated only the last value is signed. Nobody reads the others, though lists are read so."""
    pairs = _pairs_of(conn)
    last = {name: index for index, (name, _) in enumerate(pairs) if "[" not in name}
    kept = [pair for index, pair in enumerate(pairs) if last.get(pair[0], index) == index]
    if len(kept) < len(pairs):
        conn.scope["query_string"] = urlencode(kept, errors="surrogateescape").encode()


async def _with_api_key(conn: HTTPConnection) -> Principal | None:
    """The bearer of an API key in one of our own headers, or as WordPress has an application password."""
    user, password = basic_credentials(conn) or ("", "")
    for token in (header_token(conn), bearer_token(conn), password):
        principal = await _authenticator(conn).api_key(token) if token else None
        if principal is not None:
            return principal
    if password and not user.startswith("ck_"):
        raise RestError(401, "incorrect_password", "The provided password is an invalid application password.")
    return None


def _authenticator(conn: HTTPConnection) -> Authenticator:
    authenticator: Authenticator = conn.app.state.authenticator
    return authenticator


def _check_verb(verb: str, principal: Principal) -> None:
    if verb == "OPTIONS":
        return
    needed = _NEEDED.get(verb)
    if needed is None:
        raise _invalid("Unknown request method.")
    if not principal.may(needed):
        raise _invalid(f"The API key provided does not have {needed} permissions.")


def _invalid(message: str, code: str = "error") -> RestError:
    return RestError(401, f"woocommerce_rest_authentication_{code}", message)


def may_list(request: Request) -> RestError | None:
    """Whether the caller may see a collection."""
    return _may(request, "list")


def may_view(request: Request) -> RestError | None:
    """Whether the caller may see one object."""
    return _may(request, "view")


def may_create(request: Request) -> RestError | None:
    """Whether the caller may create objects: not with a key for some locations."""
    return _may(request, "create", everywhere=True)


def may_edit(request: Request) -> RestError | None:
    """Whether the caller may change anything of an object. What, depends on the locations its key is for."""
    return _may(request, "edit", somewhere=True)


def may_delete(request: Request) -> RestError | None:
    """Whether the caller may delete objects: not with a key for some locations."""
    return _may(request, "delete", everywhere=True)


def may_batch(request: Request) -> RestError | None:
    """Whether the caller may send many changes at once: each has to be allowed, too."""
    return _may(request, "batch", somewhere=True)


def may_manage(request: Request) -> RestError | None:
    """Whether the caller may see the settings and the state of the shop."""
    return _may(request, "list")


def may_manage_webhooks(what: What) -> Callable[[Request], RestError | None]:
    """Whether the caller may list, view, create, edit, delete or batch webhooks: not with a key for some locations.

    They tell of the whole shop, and where they are delivered to is nobody else's affair.
    """

    def permission(request: Request) -> RestError | None:
        return _may(request, what, everywhere=True)

    return permission


def _may(request: Request, what: str, *, everywhere: bool = False, somewhere: bool = False) -> RestError | None:
    """Why the caller may not; None if it may. What its key may do at all was asked before: see _check_verb()."""
    principal = principal_of(request.scope)
    if principal is None:
        return RestError(401, *_REFUSED[what])
    code, sentence = _REFUSED[what]
    if not principal.sees_exactly:
        return RestError(403, code, HIDDEN)
    locations = principal.credential.locations
    is_refused = locations is not None and (everywhere or (somewhere and not locations))
    return RestError(403, code, sentence) if is_refused else None
