"""OAuth 1.0a without a token, as WooCommerce verifies it. Pure functions: no I/O, and the time is given.

The reference builds its base string in a way of its own (nested parameters, names and values encoded twice), which no
OAuth library has.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import quote, unquote, unquote_plus

Value: TypeAlias = "str | Mapping[str, Value]"
Parameters: TypeAlias = Mapping[str, Value]
"""Decoded, as PHP has them: the last of equal names, and lists as maps from their indexes."""

WINDOW_S: Final = 15 * 60
REQUIRED: Final = (
    "oauth_consumer_key",
    "oauth_timestamp",
    "oauth_nonce",
    "oauth_signature",
    "oauth_signature_method",
)
DIFFERS: Final = "Invalid signature - provided signature does not match."
_ALGORITHMS: Final = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}
_HEADER: Final = re.compile(r'(oauth_[a-z_-]*)=(?:"([^"]*)"|([^,]*))')
_SECRET: Final = frozenset({"consumer_key", "consumer_secret", "oauth_consumer_key", "oauth_signature"})
_SHOWN_MAX: Final = 4000  # characters
_TIMESTAMP: Final = re.compile(r"[0-9]{1,15}")


class OAuthError(Exception):
    """The request is signed, and wrongly. `code` ends the reference's error code."""

    def __init__(self, message: str, code: str = "error") -> None:
        super().__init__(message)
        self.code = code


class SignatureDiffersError(OAuthError):
    """The signature is another one. `base_string` is what we expected to be signed, with nothing secret in it."""

    def __init__(self, base_string: str) -> None:
        super().__init__(DIFFERS)
        self.base_string = base_string


@dataclass(frozen=True, slots=True)
class Signed:
    """A request that says it is signed, as it came in. `urls` are those that its client may have meant."""

    method: str
    urls: Sequence[str]
    parameters: Parameters

    @property
    def consumer_key(self) -> str:
        """Who says to have signed it."""
        return scalar(self.parameters, "oauth_consumer_key")

    @property
    def nonce(self) -> str:
        """What makes this request another one than all before it."""
        return scalar(self.parameters, "oauth_nonce")

    @property
    def timestamp(self) -> int:
        """When it says that it was signed. Only after check_time()."""
        return int(scalar(self.parameters, "oauth_timestamp"))


def signed(method: str, urls: Sequence[str], parameters: Parameters) -> Signed | None:
    """The request, if it has any of the OAuth parameters. Raises OAuthError when it lacks others."""
    missing = [name for name in REQUIRED if not parameters.get(name) or parameters[name] == "0"]
    if len(missing) == len(REQUIRED):
        return None
    if missing:
        plural = "s" if len(missing) > 1 else ""
        raise OAuthError(f"Missing OAuth parameter{plural} {', '.join(missing)}", "missing_parameter")
    return Signed(method, urls, parameters)


def parameters_of(query: Parameters, form: Parameters, authorization: str) -> Parameters:
    """Every parameter of a request: of its query string, its form, its `Authorization: OAuth …`; the later ones win."""
    return {**query, **form, **_of_header(authorization)}


def scalar(parameters: Parameters, name: str) -> str:
    """A parameter that is not empty as PHP sees it (`0` is); else ''."""
    value = parameters.get(name)
    return value if isinstance(value, str) and value != "0" else ""


def check_signature(request: Signed, secret: str) -> None:
    """Raises OAuthError unless the holder of the secret signed exactly this request."""
    algorithm = _ALGORITHMS.get(scalar(request.parameters, "oauth_signature_method"))
    if algorithm is None:
        raise OAuthError("Invalid signature - signature method is invalid.")
    given = unquote(scalar(request.parameters, "oauth_signature").replace(" ", "+"), errors="replace")
    key = f"{secret}&".encode()
    matches = False
    for base_string in _base_strings(request):  # all of them: how long it takes tells nothing about which one it was
        digest = hmac.digest(key, base_string.encode(), algorithm)
        expected = base64.b64encode(digest)
        matches |= hmac.compare_digest(expected, given.encode(errors="replace"))
    if not matches:
        raise SignatureDiffersError(_shown(request))


def check_time(request: Signed, now: float) -> None:
    """Raises OAuthError unless it was signed within 15 minutes from now, before or after."""
    told = scalar(request.parameters, "oauth_timestamp")
    if not _TIMESTAMP.fullmatch(told) or abs(int(told) - now) > WINDOW_S:
        raise OAuthError("Invalid timestamp.")


def base_string(method: str, url: str, parameters: Parameters, *, safe: str = "") -> str:
    """What is signed: verb, URL and every parameter but the signature. `safe` are characters left as they are."""
    told = [
        _encoded(pair, safe=safe)
        for name in sorted(parameters, key=_bytes)
        if name != "oauth_signature"
        for pair in _pairs(_encoded(name, safe=safe), parameters[name], safe=safe)
    ]
    return f"{method.upper()}&{_encoded(url)}&{'%26'.join(told)}"


def _base_strings(request: Signed) -> Iterator[str]:
    """As the reference has it, and as its Python client signs, which leaves the slashes in values alone."""
    for url in request.urls:
        yield base_string(request.method, url, request.parameters)
        yield base_string(request.method, url, request.parameters, safe="/")


def _pairs(name: str, value: Value, *, safe: str) -> Iterator[str]:
    if isinstance(value, str):
        yield f"{name}={_encoded(value, safe=safe)}"
        return
    for key, inner in value.items():  # in order of arrival, and their keys as they are
        yield from _pairs(f"{name}%5B{key}%5D", inner, safe=safe)


def _encoded(text: str, *, safe: str = "") -> str:
    return quote(_bytes(text), safe=safe)


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _of_header(authorization: str) -> Parameters:
    text = authorization.strip()
    if not text.startswith("OAuth "):
        return {}
    return {
        name: unquote_plus(quoted or bare, errors="surrogateescape") for name, quoted, bare in _HEADER.findall(text)
    }


def _shown(request: Signed) -> str:
    """The first base string for a log: whoever looks for a wrong host or a lost parameter finds it. Values of others
    than OAuth's own parameters are nothing for a log."""
    shown = {
        name: value if name.startswith("oauth_") and name not in _SECRET else "***"
        for name, value in request.parameters.items()
    }
    return base_string(request.method, request.urls[0], shown, safe="*")[:_SHOWN_MAX]
