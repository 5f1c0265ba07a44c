"""A WooCommerce store as its wc/v3 answers: lists page by page, at a pace that the store bears."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self

import httpx
import orjson
import stamina

API: Final = "wp-json/wc/v3"
PER_PAGE: Final = 100
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 524})
_PATIENCE_MAX_S: Final = 300.0
_REFUSED: Final = frozenset({401, 403})


class StoreError(Exception):
    """The store cannot be read; the message says what to do. It never holds the secret."""


class _AgainError(Exception):
    """An answer that may be another one in a moment; `after_s` when the store says when."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


@dataclass(frozen=True, slots=True)
class Access:
    """Where the store is, and the consumer pair that opens it. `insecure` takes http and certificates of anybody."""

    url: str
    key: str
    secret: str
    insecure: bool = False
    requests_per_second: float = 5.0
    timeout_s: float = 60.0
    attempts: int = 7
    wait_initial_s: float = 0.5


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, and how many pages and items there are in all; None where the store does not say."""

    items: Sequence[Mapping[str, Any]]
    pages: int | None
    total: int | None
    has_more: bool


def base_url(url: str, *, insecure: bool) -> str:
    """The address of the store without what is below it. Raises StoreError for one that is none, or not https."""
    try:
        parsed = httpx.URL(url.strip())
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise StoreError(f"--url must be the store's address, such as https://shop.example, not {url!r}.")
    if parsed.userinfo:
        raise StoreError("--url holds a password: give the pair with --key and WOOCOMMERCE_SECRET instead.")
    if parsed.scheme == "http" and not insecure:
        raise StoreError("--url is not https, so everybody on the way could read the secret. --insecure takes it.")
    path = parsed.path.partition("/wp-json")[0].rstrip("/")
    return str(parsed.copy_with(raw_path=path.encode() or b"/")).rstrip("/")


class Store:
    """Reads lists. What fails for a moment is asked again, after as long as the store says or with growing waits."""

    def __init__(self, access: Access, told: Callable[[str], None] = lambda _: None) -> None:
        self.url: Final = base_url(access.url, insecure=access.insecure)
        self._access = access
        self._told = told
        self._in_query = False
        self._next_at = 0.0
        self._client = httpx.AsyncClient(
            verify=not access.insecure,
            timeout=access.timeout_s,
            headers={"Accept": "application/json", "User-Agent": "stockgate-import"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def page(self, path: str, number: int) -> Page:
        """One page of a list, in the order of ids. Raises StoreError."""
        asked = {"per_page": str(PER_PAGE), "page": str(number), "orderby": "id", "order": "asc"}
        response, items = await self._get(path, asked)
        if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
            raise StoreError(f"{path}: the store answers with no list. Is {self.url} the address of a WooCommerce?")
        pages, total = _count(response, "X-WP-TotalPages"), _count(response, "X-WP-Total")
        linked = 'rel="next"' in response.headers.get("Link", "")
        has_more = linked or (number < pages if pages is not None else len(items) == PER_PAGE)
        return Page(items, pages, total, has_more)

    async def every(self, path: str) -> list[Mapping[str, Any]]:
        """All items of a short list."""
        items: list[Mapping[str, Any]] = []
        number, has_more = 1, True
        while has_more:
            page = await self.page(path, number)
            items += page.items
            number, has_more = number + 1, page.has_more
        return list({item.get("id"): item for item in items}.values())  # one that moved between pages is there twice

    async def _get(self, path: str, asked: Mapping[str, str]) -> tuple[httpx.Response, Any]:
        def patience(error: Exception) -> bool | float:
            if not isinstance(error, _AgainError | httpx.TransportError):
                return False
            self._told(f"{path}: {_reason(error)}; asking again")
            after_s = getattr(error, "after_s", None)
            return True if after_s is None else min(after_s, _PATIENCE_MAX_S)

        try:
            async for attempt in stamina.retry_context(
                on=patience,
                attempts=self._access.attempts,
                timeout=None,
                wait_initial=self._access.wait_initial_s,
                wait_jitter=self._access.wait_initial_s,
                wait_max=30.0,
            ):
                with attempt:
                    return await self._once(path, asked)
        except (_AgainError, httpx.TransportError) as error:
            raise StoreError(
                f"{path}: {_reason(error)}, {self._access.attempts} times. Run the same command again to go on."
            ) from None
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _once(self, path: str, asked: Mapping[str, str]) -> tuple[httpx.Response, Any]:
        response = await self._send(path, asked)
        if response.status_code == 401 and not self._in_query and self.url.startswith("https:"):
            self._in_query = True  # some hosts drop the header; the reference takes the pair in the query, too
            response = await self._send(path, asked)
            self._in_query = response.status_code != 401
        status = response.status_code
        if status in _AGAIN:
            raise _AgainError(f"the store answers {status}", _retry_after(response))
        if response.is_redirect:
            raise StoreError(f"The store sends us to {_place(response)}: give that address as --url.")
        try:
            body = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            if status == 200:  # an answer that was cut off, or a page of maintenance
                raise _AgainError("the store answers with what is no JSON") from None
            body = None
        if status in _REFUSED:
            raise StoreError(f"The store refuses the key ({status}): {_message(body)} It needs permission to read.")
        if status != 200:
            hint = "" if status != 404 else f" Is {self.url} a WooCommerce, with permalinks on?"
            raise StoreError(f"{path}: the store answers {status}: {_message(body)}{hint}")
        return response, body

    async def _send(self, path: str, asked: Mapping[str, str]) -> httpx.Response:
        await self._turn()
        pair = (self._access.key, self._access.secret)
        url = f"{self.url}/{API}/{path}"
        if self._in_query:
            return await self._client.get(url, params={**asked, "consumer_key": pair[0], "consumer_secret": pair[1]})
        return await self._client.get(url, params=dict(asked), auth=pair)

    async def _turn(self) -> None:
        """Wait until the next request may be sent."""
        now = time.monotonic()
        at = max(now, self._next_at)
        self._next_at = at + 1 / self._access.requests_per_second
        await asyncio.sleep(at - now)


def _reason(error: Exception) -> str:
    if isinstance(error, _AgainError):
        return str(error)
    return f"the store does not answer ({type(error).__name__})"  # httpx's own text may hold the URL


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    with contextlib.suppress(ValueError, TypeError):
        when = parsedate_to_datetime(text)
        return max(0.0, (when - datetime.now(UTC)).total_seconds())
    return None


def _count(response: httpx.Response, header: str) -> int | None:
    text = response.headers.get(header, "")
    return int(text) if text.isdecimal() else None


def _place(response: httpx.Response) -> str:
    """Where a redirect leads, without what is in its query."""
    with contextlib.suppress(httpx.InvalidURL):
        url = response.url.join(response.headers.get("Location", ""))
        return str(url.copy_with(query=None)).partition(f"/{API}")[0]
    return "another address"


def _message(body: Any) -> str:
    told = body.get("message") if isinstance(body, dict) else None
    return str(told)[:300] if told else "it does not say why."
