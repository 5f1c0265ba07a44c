"""Where a request begins and ends must be the same for every server on its way: otherwise one can hide in another.

The parser refuses most of what is doubtful (RFC 9112); this is the rest, and what we do not speak.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

_VERSIONS: Final = ("1.1", "1.0")
_FRAMING: Final = (b"host", b"transfer-encoding")
_HOST: Final = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]*")
_ABSOLUTE: Final = re.compile(rb"https?://([^/?#]*)", re.IGNORECASE)

Headers = Sequence[tuple[bytes, bytes]]


class RefusedRequestError(Exception):
    """The server answers with this status, in place of the application, and closes the connection."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = HTTPStatus(status)
        self.reason = reason


def of_parser(error: Exception) -> RefusedRequestError:
    """What the parser made of the bytes."""
    reason = str(error)
    if "HTTP version" in reason:
        return RefusedRequestError(505, "This server speaks HTTP/1.1.")
    return RefusedRequestError(400, f"This is no HTTP request: {reason or 'malformed'}.")


def check(method: bytes, target: bytes, version: str, headers: Headers) -> None:
    """Raises RefusedRequestError for a head that not every server reads as we do."""
    if version not in _VERSIONS:
        raise RefusedRequestError(505, "This server speaks HTTP/1.1.")
    if method == b"CONNECT":
        raise RefusedRequestError(501, "This server is no proxy.")
    found = [header for header in headers if header[0] in _FRAMING]
    hosts = [value for name, value in found if name == b"host"]
    codings = [value.lower().strip() for name, value in found if name == b"transfer-encoding"]
    if codings:
        _check_codings(codings, version)
    if len(hosts) != 1 and (hosts or version == "1.1"):
        raise RefusedRequestError(400, "A request needs one Host header.")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise RefusedRequestError(400, "The Host header is malformed.")
    if not target.startswith(b"/"):
        _check_absolute(target, hosts)


def _check_codings(codings: list[bytes], version: str) -> None:
    if version == "1.0":
        raise RefusedRequestError(400, "HTTP/1.0 has no Transfer-Encoding.")
    if codings != [b"chunked"]:
        raise RefusedRequestError(501, "The only Transfer-Encoding that is understood is chunked.")


def _check_absolute(target: bytes, hosts: list[bytes]) -> None:
    absolute = _ABSOLUTE.match(target)
    if absolute is None:
        raise RefusedRequestError(400, "The target of a request is a path.")
    if hosts and absolute[1].lower() != hosts[0].lower():
        raise RefusedRequestError(400, "The target of the request is not on its Host.")


def has_body(headers: Headers) -> bool:
    """Whether a body follows the head."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0 \t")) for name, value in headers
    )
