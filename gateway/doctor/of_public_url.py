"""The address that clients use: what a proxy on the way makes of requests, WebSockets and streams."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import websockets

from gateway.doctor.findings import Finding, fail, ok, warn
from gateway.graphql.websocket import SUBPROTOCOL
from gateway.settings import Settings

_CHECK: Final = "public url"
_PATIENCE_S: Final = 10.0
_BODY_BYTES: Final = 2 << 20
_STREAM: Final = "subscription { stockChanged { sequence } }"


async def check(
    url: str, settings: Settings, *, key: str = "", verify: ssl.SSLContext | bool = True
) -> AsyncIterator[Finding]:
    """Ask the server as a client would. With a key, which may read, also whether events come at once."""
    base = url.rstrip("/")
    parts = urlsplit(base)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        yield fail(_CHECK, f"{url} is no address of a web server.", "Give it as https://stock.example.")
        return
    async with httpx.AsyncClient(timeout=_PATIENCE_S, verify=verify, follow_redirects=False) as client:
        try:
            health = await client.get(f"{base}/healthz")
        except httpx.HTTPError as error:
            yield fail(_CHECK, f"{base} does not answer: {_reason(error)}.", "Check name, port, firewall, certificate.")
            return
        if not _is_ours(health):
            yield fail(_CHECK, f"{base}/healthz answers {health.status_code}, and not as Stockgate does.", _AS_IT_IS)
            return
        yield ok(_CHECK, f"{base} is Stockgate.")
        yield _tls(parts.scheme, health)
        yield await _forwarded(client, base, settings)
        yield await _large_body(client, base, settings)
        yield await _websocket(base, verify=verify)
        if key:
            yield await _events(client, base, key)


_AS_IT_IS: Final = "Let the proxy pass every path to Stockgate as it is."


def _is_ours(answer: httpx.Response) -> bool:
    try:
        return answer.status_code == 200 and answer.json() == {"status": "ok"} and "x-request-id" in answer.headers
    except ValueError:
        return False


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _tls(scheme: str, answer: httpx.Response) -> Finding:
    if scheme != "https":
        return warn("tls", "Clients come without TLS: everybody on the way reads their keys.", "End TLS at a proxy.")
    if "strict-transport-security" not in answer.headers:
        hint = "Have the proxy send Strict-Transport-Security: max-age=31536000."
        return warn("tls", "https, but browsers are not told to insist on it.", hint)
    return ok("tls", "https, and browsers are told to insist on it.")


async def _forwarded(client: httpx.AsyncClient, base: str, settings: Settings) -> Finding:
    """What the server takes for its own address shows what the proxy says of a request."""
    name = "proxy headers"
    try:
        told: Any = (await client.get(f"{base}/wp-json/")).json()
        home = str(told["home"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return fail(name, f"{base}/wp-json/ does not come through.", _AS_IT_IS)
    asked, found = urlsplit(base), urlsplit(home)
    if settings.public_url and home == settings.public_url.rstrip("/") and home != base:
        return warn(name, f"STOCKGATE_PUBLIC_URL is {home}, and you asked {base}.", "Make them the same.")
    if asked.scheme != found.scheme:
        return fail(
            name,
            f"The server takes {base} for {home}: it does not know of TLS.",
            "Have the proxy send X-Forwarded-Proto and list it in STOCKGATE_TRUSTED_PROXIES, or set "
            "STOCKGATE_PUBLIC_URL.",
        )
    if asked.netloc != found.netloc:
        return fail(
            name, f"The server takes {base} for {home}.", "Have the proxy pass Host on, or set STOCKGATE_PUBLIC_URL."
        )
    return ok(name, f"The server knows that it is {home}.")


async def _large_body(client: httpx.AsyncClient, base: str, settings: Settings) -> Finding:
    """A bulk has two megabytes. Without a key the server refuses it with 401, once it comes that far."""
    name, size = "large bodies", min(_BODY_BYTES, settings.body_bytes_max)
    body = b'{"items": []' + b" " * (size - 13) + b"}"
    try:
        answer = await client.post(
            f"{base}/wp-json/mulopimfwc/v1/inventory/bulk-sync",
            content=body,
            headers={"Content-Type": "application/json"},
        )
    except httpx.HTTPError as error:
        return fail(name, f"{size >> 10} KiB do not come through: {_reason(error)}.", _LARGER)
    if answer.status_code == 413:
        return fail(name, f"{size >> 10} KiB are refused with 413 on the way.", _LARGER)
    if answer.status_code not in {401, 403}:
        return warn(name, f"{size >> 10} KiB without a key are answered {answer.status_code}, not 401.", _AS_IT_IS)
    return ok(name, f"{size >> 10} KiB come through.")


_LARGER: Final = "Let the proxy take bodies of STOCKGATE_BODY_BYTES_MAX (nginx: client_max_body_size)."


async def _websocket(base: str, *, verify: ssl.SSLContext | bool) -> Finding:
    name = "websocket"
    address = "ws" + base.removeprefix("http") + "/graphql"
    options: dict[str, Any] = {"ssl": verify} if isinstance(verify, ssl.SSLContext) and base.startswith("https") else {}
    try:
        async with websockets.connect(
            address, subprotocols=[websockets.Subprotocol(SUBPROTOCOL)], open_timeout=_PATIENCE_S, **options
        ) as socket:
            if socket.subprotocol == SUBPROTOCOL:
                return ok(name, "WebSockets come through.")
    except (OSError, TimeoutError, websockets.WebSocketException) as error:
        fix = "Have the proxy pass Upgrade and Connection on (nginx: proxy_http_version 1.1)."
        return fail(name, f"No WebSocket comes through: {_reason(error)}.", fix)
    return fail(name, f"The proxy drops the subprotocol {SUBPROTOCOL}.", "Have it pass Sec-WebSocket-Protocol on.")


async def _events(client: httpx.AsyncClient, base: str, key: str) -> Finding:
    name = "event streams"
    headers = {"Accept": "text/event-stream", "X-API-Key": key}
    fix = "Have the proxy pass events on at once (nginx: proxy_buffering off)."
    try:
        async with client.stream("POST", f"{base}/graphql", json={"query": _STREAM}, headers=headers) as answer:
            if answer.status_code != 200:
                return fail(name, f"A subscription is answered {answer.status_code}.", "Give a key that may read.")
            async for _ in answer.aiter_bytes():
                return ok(name, "Events come through at once.")
    except httpx.HTTPError as error:
        return fail(name, f"No event came within {_PATIENCE_S:.0f} s: {_reason(error) or 'they are held back'}.", fix)
    return fail(name, "The stream ended without an event.", fix)
