"""What stands between a request and its execution, for every transport: is it known, valid, allowed, payable?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from graphql import GraphQLError
from starlette.applications import Starlette

from gateway import calls
from gateway.authentication import Principal
from gateway.budgets import Budgets, Purse, RateLimitedError
from gateway.graphql import callers
from gateway.graphql.persisted import PersistedOperations
from gateway.graphql.refusals import FORBIDDEN, RATE_LIMITED, RefusedError
from gateway.graphql.requests import Asked
from gateway.settings import Settings
from schema import operations
from schema.limits import Limits, too_complex
from schema.operations import Operation
from storage.access import Scope

_INVALID: Final = 10
"""Points for a document that is refused: reading it was work, too."""


@dataclass(slots=True)
class Admitted:
    """An operation that may run, what it costs, and what its key has left."""

    operation: Operation
    points: int
    points_max: int
    purse: Purse | None

    @property
    def reported(self) -> dict[str, Any]:
        """`extensions.cost`, for those who ask for it."""
        remaining = self.purse.remaining if self.purse else None
        return {"cost": {"requested": self.points, "limit": self.points_max, "remaining": remaining}}


class Admission:
    """Admits operations as the settings say. One for an application."""

    def __init__(self, settings: Settings, persisted: PersistedOperations, budgets: Budgets) -> None:
        self._settings = settings
        self._persisted = persisted
        self._budgets = budgets
        self.limits = limits_of(settings)

    async def admit(self, principal: Principal, asked: Asked) -> Admitted | Sequence[GraphQLError]:
        """The operation that is asked for, or why there is none that is valid and within the limits.

        Raises RefusedError when the caller may not run it, now or at all.
        """
        text = await self._persisted.text(principal, asked)
        operation = operations.prepare(text, asked.operation_name, self.limits)
        if not isinstance(operation, Operation):
            await self.charge(principal, _INVALID)
            return operation
        call = calls.current()
        call.operation, call.name = operation.label, operation.name
        callers.authorize(principal, operation)
        if operation.costs.introspects and not self._introspects(principal):
            message = "This server tells its schema to admins only: `stockgate schema` prints it."
            raise RefusedError(403, FORBIDDEN, message)
        cost = operation.costs.at(asked.variables)
        if cost.points > self.limits.cost:
            await self.charge(principal, _INVALID)
            return [too_complex("cost", cost.points, self.limits.cost, cost.path)]
        call.cost = cost.points
        purse = await self.charge(principal, cost.points or 1)
        if asked.sha256 and asked.query:
            await self._persisted.remember(asked.sha256, text)
        return Admitted(operation, cost.points, self.limits.cost, purse)

    def suggests(self, principal: Principal) -> bool:
        """Whether errors may name fields that the caller did not."""
        return self._settings.mode == "development" or principal.may(Scope.ADMIN)

    def _introspects(self, principal: Principal) -> bool:
        everybody = {"on": True, "off": False, "auto": self._settings.mode == "development"}
        return everybody[self._settings.introspection] or principal.may(Scope.ADMIN)

    async def charge(self, principal: Principal, points: int) -> Purse | None:
        """Take points from the budget of a key. Raises RefusedError when it has not so many left."""
        try:
            return await self._budgets.charge(principal, points)
        except RateLimitedError as error:
            figures = {"requested": error.requested, "limit": error.limit, "remaining": error.remaining}
            told = {"retryAfter": error.retry_after_s, **figures}
            raise RefusedError(429, RATE_LIMITED, str(error), error.headers, told) from None


def admission_of(app: Starlette) -> Admission:
    """The one of an application."""
    admission: Admission = app.state.admission
    return admission


def limits_of(settings: Settings) -> Limits:
    """What a document may ask, as the settings say."""
    return Limits(
        characters=settings.query_characters_max,
        tokens=settings.query_tokens_max,
        depth=settings.query_depth_max,
        fields=settings.query_fields_max,
        aliases=settings.query_aliases_max,
        root_fields=settings.query_root_fields_max,
        directives=settings.query_directives_max,
        cost=settings.query_cost_max,
    )
