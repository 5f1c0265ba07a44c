"""Requests that are not executed, and why: each transport renders them in its own way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

UNAUTHENTICATED: Final = "UNAUTHENTICATED"
FORBIDDEN: Final = "FORBIDDEN"
METHOD_NOT_ALLOWED: Final = "METHOD_NOT_ALLOWED"
NOT_ACCEPTABLE: Final = "NOT_ACCEPTABLE"
PAYLOAD_TOO_LARGE: Final = "PAYLOAD_TOO_LARGE"
RATE_LIMITED: Final = "RATE_LIMITED"
SERVICE_UNAVAILABLE: Final = "SERVICE_UNAVAILABLE"
OVERLOADED: Final = "OVERLOADED"
DEADLINE_EXCEEDED: Final = "DEADLINE_EXCEEDED"
PERSISTED_QUERY_NOT_FOUND: Final = "PERSISTED_QUERY_NOT_FOUND"
PERSISTED_QUERY_ONLY: Final = "PERSISTED_QUERY_ONLY"


class RefusedError(Exception):
    """A request that is not executed: what to tell, and the HTTP status and headers where there are such."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers
        self.extensions = {"code": code, **(extensions or {})}

    @property
    def told(self) -> dict[str, Any]:
        """The error as GraphQL has it."""
        return {"message": self.message, "extensions": self.extensions}
