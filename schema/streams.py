"""What a subscription's field gives: an asynchronous generator of the JSON of its events, several at a time.

The selection is compiled as a query's is. One statement reads a batch of events, for all subscribers who selected the
same with the same values.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from graphql import GraphQLResolveInfo

from schema.context import Context
from schema.errors import bad_input, forbidden, pruned
from schema.operations import plan_events
from schema.plans import EventPlan
from schema.selection import Selected
from storage import keys, openings
from storage.access import Visibility
from storage.changes import ID_MAX, ItemKey, LocationKey, Refused, is_storable, sku_key
from storage.database import Database
from storage.errors import SequencePrunedError
from storage.feed_entries import Wanted
from storage.following import LaggedError, follow
from storage.hub import Hub
from storage.shared_reads import SharedRead
from storage.watching import watch

Events = AsyncGenerator[list[str], None]
SKUS_MAX: Final = 250
_CHANGED, _LAGGED, _AVAILABILITY = "StockChanged", "StockChangesLagged", "AvailabilityChangedEvent"
_ANY_TIME: Final = datetime.min.replace(tzinfo=UTC)
"""Readings are the same whenever they are made."""


async def stock_changes(
    context: Context,
    info: GraphQLResolveInfo[Context],
    products: Sequence[ItemKey] | None,
    locations: Sequence[LocationKey] | None,
    after: int | None,
) -> Events:
    """`stockChanged`. Raises GraphQLError for what cannot be meant and for callers who may not see history."""
    if context.credential.is_public or context.credential.visibility is not Visibility.EXACT:
        raise forbidden("`stockChanged` is not for this API key: it is for keys that see quantities as they are.")
    if after is not None and not 0 <= after <= ID_MAX:
        raise bad_input(f"`afterSequence` must be 0 or more, not {after}.")
    if after is not None:
        try:
            await context.database.read(openings.check_kept, after)
        except SequencePrunedError as error:
            raise pruned(error) from None
    wanted = await _wanted(context, products, locations)
    plan = plan_events(context, info, (_CHANGED, "sequence"), (_LAGGED,))
    hub = _hub(context)
    return _stock_events(hub, wanted, after, _shared(context, plan, keep=True), plan.fields[_LAGGED])


async def _stock_events(
    hub: Hub, wanted: Wanted, after: int | None, read: SharedRead, lagged: tuple[Selected, ...]
) -> Events:
    try:
        async for sequences in follow(hub, wanted, after):
            texts = await read.texts(sequences)
            yield [texts[sequence] for sequence in sequences if sequence in texts]
    except LaggedError as error:
        yield [_plain(_LAGGED, lagged, {"sequence": error.sequence})]
    except SequencePrunedError as error:  # since it began to follow
        raise pruned(error) from None


async def availability_changes(context: Context, info: GraphQLResolveInfo[Context], skus: Sequence[str]) -> Events:
    """`availabilityChanged`. Raises GraphQLError for what cannot be meant."""
    if not 1 <= len(skus) <= SKUS_MAX:
        raise bad_input(f"`skus` must be 1 to {SKUS_MAX} SKUs, not {len(skus)}.")
    if not all(sku and is_storable(sku) for sku in skus):
        raise bad_input("`skus`: a SKU must not be empty, and must be text that can be stored.")
    plan = plan_events(context, info, (_AVAILABILITY, "id"))
    asked = {sku_key(sku): sku for sku in skus}
    return _availability_events(_hub(context), asked, _shared(context, plan, keep=False), plan.fields[_AVAILABILITY])


async def _availability_events(
    hub: Hub, asked: Mapping[str, str], read: SharedRead, fields: tuple[Selected, ...]
) -> Events:
    """Only what differs from what was told before: of that the hashes are enough."""
    told: dict[str, int] = {}
    async for touched in watch(hub, asked):
        texts = await read.texts([product_id for product_id in touched.values() if product_id is not None])
        events = []
        for sku, product_id in touched.items():
            nothing = {"sku": asked[sku], "product": None, "availability": None}
            text = texts.get(product_id) or _plain(_AVAILABILITY, fields, nothing)
            if told.get(sku) != hash(text):
                told[sku] = hash(text)
                events.append(text)
        if events:
            yield events


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


def _shared(context: Context, plan: EventPlan, *, keep: bool) -> SharedRead:
    """The reading of these events for everybody who selected the same with the same values."""
    hub = _hub(context)
    alike = (plan.plan.sql, *plan.values_of(context, [], _ANY_TIME))
    read = hub.shared.get(alike)
    if read is None:
        read = SharedRead(
            hub.database, plan.plan.sql, lambda ids: plan.values_of(context, ids, context.clock()), keep=keep
        )
        hub.shared[alike] = read
    return read


def _plain(type_name: str, fields: Sequence[Selected], values: Mapping[str, Any]) -> str:
    """The JSON of an event that is not a row."""
    return orjson.dumps(
        {f.key: type_name if f.source is None and f.name == "__typename" else values[f.name] for f in fields}
    ).decode()
