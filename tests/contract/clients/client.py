"""What the contract suite needs of a transport: the same few methods, whatever goes over the wire."""

from __future__ import annotations

from typing import Protocol

from storage.errors import ErrorCode


class Client(Protocol):
    """One transport. A refused write sets `last_error_code`; an accepted one sets it to None."""

    name: str
    last_error_code: ErrorCode | None

    async def set_quantity(self, sku: str, location: str, quantity: object) -> None:
        """Ask for this many units on hand; the location is named by its slug."""

    async def adjust_quantity(self, sku: str, location: str, delta: int) -> None:
        """Ask for this many units more, or fewer."""

    async def quantity_of(self, sku: str, location: str) -> int | None:
        """Units on hand; None where it was never stocked."""
