"""Context: what a resolver may use of the request. New for every request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from graphql.execution.values import VariableValues

from schema.limits import DEFAULT, Limits
from schema.sight import Kind
from storage.access import Credential, Scope, Visibility
from storage.changes import Origin
from storage.database import Database
from storage.hub import Hub

if TYPE_CHECKING:
    from schema.operations import Operation
    from storage.webhook_endpoints import Endpoint


class Tried(Protocol):
    """What came of a trial."""

    @property
    def status(self) -> int | None:
        """The receiver's HTTP status; None without an answer."""

    @property
    def duration_ms(self) -> int:
        """How long it took."""

    @property
    def error(self) -> str | None:
        """What was wrong."""


class Webhooks(Protocol):
    """What managing webhook endpoints needs of the server."""

    async def check(self, url: str) -> None:
        """Refuse a URL to which nothing would be sent. Refuses with: INVALID_WEBHOOK_URL."""

    def new_secret(self) -> tuple[str, str]:
        """A secret as its owner is shown it, and as it is stored."""

    async def try_out(self, endpoint: Endpoint) -> Tried:
        """Send an endpoint a test event, now and once. Refuses with: INVALID_VALUE."""


def _now() -> datetime:
    return datetime.now(UTC)


def _remember_nothing() -> None:
    """For transports that remember no tokens."""


@dataclass(slots=True)
class Context:
    """The database, and who asks. `make_origin()` is the origin of the changes the caller asks for.

    `cost_per_minute` is what keys without a budget of their own may spend, None without limit.
    `now` is the time of the operation, which `clock` tells once for all of it. Subscriptions need the `hub`.
    `forget_tokens()` is called when a token is no longer what its transport may remember of it. Whoever registers
    webhook endpoints needs `webhooks`.
    """

    database: Database
    credential: Credential
    make_origin: Callable[[], Origin]
    bulk_items_max: int = 1000
    limits: Limits = DEFAULT
    cost_per_minute: int | None = None
    hub: Hub | None = None
    clock: Callable[[], datetime] = _now
    forget_tokens: Callable[[], None] = _remember_nothing
    webhooks: Webhooks | None = None
    operation: Operation = field(init=False, repr=False)
    variables: VariableValues = field(init=False, repr=False)
    now: datetime = field(init=False)

    def may(self, scope: Scope) -> bool:
        """Whether the caller holds a scope."""
        return scope in self.credential.scopes or Scope.ADMIN in self.credential.scopes

    @property
    def sees_exactly(self) -> bool:
        """Whether the caller sees quantities as they are."""
        return self.credential.visibility is Visibility.EXACT

    @property
    def visible_locations(self) -> Sequence[int] | None:
        """The locations the caller is limited to; None is everywhere."""
        locations = self.credential.locations
        return None if locations is None else sorted(locations)

    @property
    def kind(self) -> Kind:
        """What of the caller decides the shape of a statement."""
        credential = self.credential
        is_limited = credential.locations is not None
        return Kind(is_limited, credential.is_public, credential.visibility, self.may(Scope.ADMIN))
