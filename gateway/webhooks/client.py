"""Sends requests to receivers: to checked addresses only, with an end to everything that a receiver can draw out."""

from __future__ import annotations

import asyncio
import io
import socket
import ssl
import time
from datetime import UTC, datetime
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from gateway.webhooks import targets
from gateway.webhooks.allowed import Allowed
from gateway.webhooks.message import Answer, Message, UnsignedError
from gateway.webhooks.targets import Lookup, Target
from storage.errors import InventoryError

ANSWER_BYTES_MAX: Final = 65_536
"""So much of an answer is read; then the connection is closed."""
USER_AGENT: Final = f"Stockgate/{version('stockgate')} (webhooks)"
_EXCERPT_MAX: Final = 200
_KEPT_S: Final = 4.0
"""How long a connection waits for the next request: servers close theirs after 5 seconds or more."""
_REUSED_MAX: Final = 3
_RAW_MAX: Final = 1 << 20


class Client:
    """Posts messages over connections that are kept for the next ones."""

    def __init__(self, allowed: Allowed, lookup: Lookup = targets.lookup, tls: ssl.SSLContext | None = None) -> None:
        """`tls` says whose certificates are believed; None: the machine's."""
        self._allowed = allowed
        self._lookup = lookup
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def post(self, message: Message) -> Answer:
        """Send a message, and say what came of it: it raises nothing."""
        began = time.monotonic()

        def answered(status: int | None, error: str | None = None, retry_after: str | None = None) -> Answer:
            return Answer(status, round((time.monotonic() - began) * 1000), error, retry_after)

        try:
            status, retry_after, excerpt = await self._posted(message)
        except InventoryError as refusal:
            return answered(None, refusal.message)
        except UnsignedError as error:
            return answered(None, str(error))
        except TimeoutError:
            return answered(None, f"The receiver did not answer within {message.timeout_s:g} seconds.")
        except aiohttp.ClientConnectorDNSError:
            return answered(None, "The host's name does not resolve.")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return answered(None, f"No answer: {_printable(str(error)) or type(error).__name__}")
        return answered(status, None if 200 <= status < 300 else f"HTTP {status}: {excerpt}".rstrip(": "), retry_after)

    async def _posted(self, message: Message) -> tuple[int, str | None, str]:
        """Status, Retry-After and the beginning of the answer.

        A receiver may close a connection in the moment in which it is used again. That is no failure: nothing is known
        of it, and it is sent once more over another one.
        """
        until = asyncio.get_running_loop().time() + message.timeout_s
        url = await self._url(message.url)
        for _ in range(_REUSED_MAX):
            seen = SimpleNamespace(reused=False)
            try:
                async with asyncio.timeout_at(until):
                    answer = await self._begun(message, url, seen)
                break
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                if not seen.reused:
                    raise
        else:
            raise aiohttp.ServerDisconnectedError
        async with answer:
            return answer.status, answer.headers.get("Retry-After"), await _excerpt(answer, until)

    async def _begun(self, message: Message, url: URL, seen: SimpleNamespace) -> aiohttp.ClientResponse:
        """The answer, of which the head has been read."""
        headers = {"User-Agent": USER_AGENT, **message.headers, **message.signed(datetime.now(UTC))}
        body = message.body if len(message.body) < _RAW_MAX else io.BytesIO(message.body)  # as aiohttp wants large ones
        return await self._opened().post(url, data=body, headers=headers, allow_redirects=False, trace_request_ctx=seen)

    async def _url(self, text: str) -> URL:
        """The URL as it was checked, so that nobody reads it in another way. Addresses are not resolved again later."""
        target = targets.parse(text)
        if target.address:
            await targets.resolve(target, self._allowed)
        authority = f"[{target.host}]" if ":" in target.host else target.host
        return URL(f"{target.scheme}://{authority}:{target.port}{targets.rest_of(text) or '/'}", encoded=True)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            reused = aiohttp.TraceConfig()
            reused.on_connection_reuseconn.append(_note)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=CheckedResolver(self._allowed, self._lookup),
                    use_dns_cache=False,
                    ssl=self._tls or True,
                    limit=0,  # who sends sees to it how much at once
                    keepalive_timeout=_KEPT_S,
                ),
                timeout=aiohttp.ClientTimeout(total=None),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type"),
                trace_configs=[reused],
            )
        return self._session


class CheckedResolver(AbstractResolver):
    """Names as targets.py resolves and checks them, for each connection anew."""

    def __init__(self, allowed: Allowed, lookup: Lookup) -> None:
        self._allowed = allowed
        self._lookup = lookup

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 (its signature)
    ) -> list[ResolveResult]:
        """The addresses to connect to. Refuses with: INVALID_WEBHOOK_URL."""
        found = await targets.resolve(Target("", host, port), self._allowed, self._lookup)
        return [_resolved(host, address, port) for address in found]

    async def close(self) -> None:
        """There is nothing to close."""


def _resolved(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)


async def _note(_session: Any, context: SimpleNamespace, _parameters: Any) -> None:
    context.trace_request_ctx.reused = True


async def _excerpt(answer: aiohttp.ClientResponse, until: float) -> str:
    """The beginning of the answer. What is behind the status does not count: it may come late, broken or never."""
    read = bytearray()
    try:
        async with asyncio.timeout_at(until):
            while len(read) < ANSWER_BYTES_MAX and (chunk := await answer.content.read(ANSWER_BYTES_MAX - len(read))):
                read += chunk
    except (aiohttp.ClientError, OSError):  # TimeoutError is one
        answer.close()
    if not answer.content.at_eof():
        answer.close()
    return _printable(bytes(read[: 4 * _EXCERPT_MAX]).decode(errors="replace"))


def _printable(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:_EXCERPT_MAX]
