"""What the contract suite's clients of REST dialects have in common: the headers, in and out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

import httpx

from storage.errors import ErrorCode
from tests.contract.clients.client import NOTHING, Answer, Extra


class Rendered(Protocol):
    """How a dialect's table of errors renders one reason."""

    @property
    def code(self) -> str:
        """The dialect's word for it."""


def answer_of(response: httpx.Response, word: Any, rendered: Mapping[ErrorCode, Rendered]) -> Answer:
    """An answer by its status and the headers that all dialects have; `word` is the dialect's code of a refusal."""
    headers = response.headers
    group, tag = headers.get("x-stock-change-group"), headers.get("etag")
    unwritten = headers.get("x-ignored-fields", "")
    return Answer(
        response.status_code,
        response.is_success,
        codes=frozenset() if response.is_success else frozenset(c for c, by in rendered.items() if by.code == word),
        group_id=None if group is None else int(group),
        replayed=headers.get("idempotent-replayed") == "true",
        version=None if tag is None else tag.strip('"'),
        headers=headers,
        unwritten=frozenset(unwritten.split(", ")) - {""},
    )


class CountingClient(ABC):
    """Of a dialect that has absolute quantities only: an adjustment is a read, and a write on the condition that
    nothing came between."""

    ignored: frozenset[ErrorCode] = frozenset()

    def __init__(self, client: httpx.AsyncClient, api_key: str) -> None:
        self._client, self._api_key = client, api_key
        self._versions: dict[tuple[str, str], str] = {}

    async def set_quantity(self, sku: str, location: str, quantity: object, extra: Extra = NOTHING) -> Answer:
        answer = await self._set(sku, location, quantity, extra)
        if answer.version is not None:
            self._versions[sku, location] = answer.version
        return answer

    async def adjust_quantity(self, sku: str, location: str, delta: int) -> Answer:
        quantity = (await self.quantity_of(sku, location) or 0) + delta
        return await self.set_quantity(sku, location, quantity, Extra(version=self._versions.get((sku, location))))

    @abstractmethod
    async def quantity_of(self, sku: str, location: str) -> int | None:
        """Units on hand; None where it was never stocked."""

    @abstractmethod
    async def _set(self, sku: str, location: str, quantity: object, extra: Extra) -> Answer:
        """Ask for this many units on hand."""
