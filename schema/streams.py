"""What a subscription's field gives: an asynchronous generator of the JSON of its events, several at a time.

The selection is compiled as a query's is. One statement reads a batch of events, for all subscribers who selected the
same with the same values.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import orjson
from graphql import GraphQLError, GraphQLResolveInfo

from schema.context import Context
from schema.errors import FORBIDDEN, bad_input
from schema.operations import EventPlan, plan_events
from schema.selection import Selected
from storage import keys
from storage.access import Visibility
from storage.changes import ID_MAX, ItemKey, LocationKey, Refused
from storage.database import Database
from storage.feed_entries import Wanted
from storage.following import LaggedError, follow
from storage.hub import Hub
from storage.shared_reads import SharedRead

Events = AsyncGenerator[list[str], None]


async def stock_changes(
    context: Context,
    info: GraphQLResolveInfo[Context],
    products: Sequence[ItemKey] | None,
    locations: Sequence[LocationKey] | None,
    after: int | None,
) -> Events:
    """`stockChanged`. Raises GraphQLError for what cannot be meant and for callers who may not see history."""
    if context.credential.is_public or context.credential.visibility is not Visibility.EXACT:
        message = "This API key does not see exact quantities, so it may not follow `stockChanged`."
        raise GraphQLError(message, extensions={"code": FORBIDDEN})
    if after is not None and not 0 <= after <= ID_MAX:
        raise bad_input(f"`afterSequence` must be 0 or more, not {after}.")
    wanted = await _wanted(context, products, locations)
    plan = plan_events(context, info, ("StockChanged", "sequence"), ("StockChangesLagged",))
    read = _shared(_hub(context), plan, plan.request(context), keep=True)
    return _stock_events(_hub(context), wanted, after, read, plan.others["StockChangesLagged"])


async def _stock_events(
    hub: Hub, wanted: Wanted, after: int | None, read: SharedRead, lagged: tuple[Selected, ...]
) -> Events:
    try:
        async for sequences in follow(hub, wanted, after):
            texts = await read.texts(sequences)
            yield [texts[sequence] for sequence in sequences if sequence in texts]
    except LaggedError as error:
        yield [_plain("StockChangesLagged", lagged, {"sequence": error.sequence})]


async def _wanted(
    context: Context, products: Sequence[ItemKey] | None, locations: Sequence[LocationKey] | None
) -> Wanted:
    """What these keys name and the caller may see. Raises GraphQLError for a key that names nothing."""
    database, visible = context.database, context.visible_locations
    places = None if visible is None else frozenset(visible)
    if locations is not None:
        named = await database.read(keys.resolve_locations, set(locations))
        for key in locations:
            if key not in named or (places is not None and named[key].id not in places):
                raise bad_input(f"`locations`: there is no location with the {key.kind} {key.value!r}.")
        places = frozenset(place.id for place in named.values())
    return Wanted(None if products is None else await _products(database, products), places)


async def _products(database: Database, products: Sequence[ItemKey]) -> frozenset[int]:
    named = await database.read(keys.resolve_items, set(products))
    ids = set()
    for key in products:
        item = named[key]
        if isinstance(item, Refused):
            raise bad_input(f"There is no product with the {key.kind} {key.value!r}.")
        ids.add(item.id)
    return frozenset(ids)


def _hub(context: Context) -> Hub:
    assert context.hub is not None  # noqa: S101 (a transport that takes subscriptions gives one)
    return context.hub


def _shared(hub: Hub, plan: EventPlan, request: Mapping[str, Any], *, keep: bool) -> SharedRead:
    """The reading of these events for everybody who selected the same with the same values."""

    def values_of(named: list[Any]) -> Sequence[Any]:
        return plan.plan.values({**request, "source": {"keys": named}})

    alike = (plan.plan.sql, *values_of([]))
    read = hub.shared.get(alike)
    if read is None:
        read = hub.shared[alike] = SharedRead(hub.database, plan.plan.sql, values_of, keep=keep)
    return read


def _plain(type_name: str, fields: Sequence[Selected], values: Mapping[str, Any]) -> str:
    """The JSON of an event that is not a row."""
    return orjson.dumps(
        {f.key: type_name if f.source is None and f.name == "__typename" else values[f.name] for f in fields}
    ).decode()
