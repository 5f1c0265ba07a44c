"""What the contract suite needs of a transport: the same few methods, whatever goes over the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from storage.errors import ErrorCode


@dataclass(frozen=True, slots=True)
class Extra:
    """What may go along with a write. `version` is that of an earlier answer: the write is on that condition."""

    idempotency_key: str | None = None
    version: str | None = None
    dry_run: bool = False
    request_id: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The form it has in all REST dialects."""
        given = {
            "Idempotency-Key": self.idempotency_key,
            "If-Match": self.version and f'"{self.version}"',
            "X-Dry-Run": "1" if self.dry_run else None,
            "X-Request-Id": self.request_id,
        }
        return {name: value for name, value in given.items() if value is not None}


NOTHING = Extra()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a write was answered.

    `codes` are the reasons that a refusal may have: several where the dialect has one word for them, none where the
    caller may not write at all. `unwritten` are the fields that it says were ignored.
    """

    status: int
    accepted: bool
    codes: frozenset[ErrorCode] = frozenset()
    group_id: int | None = None
    replayed: bool = False
    version: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    unwritten: frozenset[str] = frozenset()


class Client(Protocol):
    """One transport."""

    name: str
    """As the ledger calls it."""

    ignored: frozenset[ErrorCode]
    """Refusals in whose place it answers well and writes nothing, as its reference does."""

    async def set_quantity(self, sku: str, location: str, quantity: object, extra: Extra = NOTHING) -> Answer:
        """Ask for this many units on hand; the location is named by its slug."""

    async def adjust_quantity(self, sku: str, location: str, delta: int) -> Answer:
        """Ask for this many units more, or fewer."""

    async def quantity_of(self, sku: str, location: str) -> int | None:
        """Units on hand; None where it was never stocked."""
