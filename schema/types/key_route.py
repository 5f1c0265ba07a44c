"""KeyRoute: what an API key calls, and what there is for it here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import strawberry
from graphql import GraphQLError

from schema.context import Context
from schema.equivalents import equivalent
from schema.errors import bad_input
from storage import key_use
from storage.key_use import KEPT_DAYS, Route

DAYS_DEFAULT = 30
Days = Annotated[int, strawberry.argument(description="How far back: from 1, which is today, to 400.")]


@strawberry.type(description="A route of a dialect that an API key called. Calls are written down every half minute.")
class KeyRoute:
    """Of a storage.key_use.Route."""

    dialect: str = strawberry.field(description="The dialect: `wc/v3`; `graphql` for operations of GraphQL.")
    route: str = strawberry.field(description="The route, or what an operation asks for: `query product`.")
    calls: int = strawberry.field(description="How often it was called.")
    writes: int = strawberry.field(description="How often something was written.")
    refused: int = strawberry.field(description="How often it, or a part of it, was refused.")
    last_at: datetime = strawberry.field(description="When it was called last.")
    graphql: str | None = strawberry.field(description="What GraphQL has for the route; null for what is GraphQL.")

    @classmethod
    def of(cls, route: Route) -> KeyRoute:
        """A row as it is told."""
        return cls(
            dialect=route.dialect,
            route=route.route,
            calls=route.calls,
            writes=route.writes,
            refused=route.refused,
            last_at=route.last_at,
            graphql=equivalent(route.dialect, route.route) or None,
        )


async def routes_of(context: Context, api_key_id: int, days: int) -> Sequence[KeyRoute]:
    """What a key called in so many days, the latest first. Raises GraphQLError for no such number of days."""
    if not 1 <= days <= KEPT_DAYS:
        raise _no_days(days)
    today = context.now.astimezone(UTC).date()
    found = await context.database.read(key_use.report, days=days, api_key_id=api_key_id, today=today)
    return [KeyRoute.of(route) for route in found]


def _no_days(days: int) -> GraphQLError:
    return bad_input(f"`days` must be from 1 to {KEPT_DAYS}, not {days}.")
