"""A client that signs, written from the specification and not from our verifier."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import time
from collections.abc import Generator, Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import httpx

_NONCES: Final = itertools.count()
ALGORITHMS: Final = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}


def signature_of(method: str, url: str, parameters: Mapping[str, str], secret: str) -> str:
    """RFC 5849 with the consumer secret alone. `parameters` are plain ones, with distinct names."""
    pairs = "&".join(f"{quote(name, '~')}={quote(parameters[name], '~')}" for name in sorted(parameters))
    text = f"{method}&{quote(url, '')}&{quote(pairs, '~')}"
    algorithm = ALGORITHMS[parameters["oauth_signature_method"]]
    return base64.b64encode(hmac.new(f"{secret}&".encode(), text.encode(), algorithm).digest()).decode()


class OAuth(httpx.Auth):
    """Signs each request that httpx sends, with parameters in the query or in the header."""

    def __init__(self, key: str, secret: str, *, in_header: bool = False, **fixed: str) -> None:
        self.key, self.secret, self.in_header, self.fixed = key, secret, in_header, fixed

    def parameters(self, method: str, url: str, form: str = "") -> dict[str, str]:
        """The OAuth parameters, with the signature."""
        given = {
            "oauth_consumer_key": self.key,
            "oauth_timestamp": str(int(time.time())),
            "oauth_nonce": f"nonce-{next(_NONCES)}",
            "oauth_signature_method": "HMAC-SHA256",
            **self.fixed,
        }
        sent = urlsplit(url)
        signed = dict(parse_qsl(sent.query, keep_blank_values=True)) | dict(parse_qsl(form, keep_blank_values=True))
        base = f"{sent.scheme}://{sent.netloc}{sent.path}"
        return {**given, "oauth_signature": signature_of(method, base, {**signed, **given}, self.secret)}

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        body = request.content.decode() if form and request.method == "POST" else ""
        given = self.parameters(request.method, str(request.url), body)
        if self.in_header:
            told = ", ".join(f'{name}="{quote(value, "")}"' for name, value in given.items())
            request.headers["Authorization"] = f'OAuth realm="shop", {told}'
        else:
            query = "&".join(filter(None, [request.url.query.decode(), urlencode(given)]))
            request.url = request.url.copy_with(query=query.encode())
        yield request
