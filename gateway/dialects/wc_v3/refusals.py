"""Refusals with what helps to get over them: another SKU that is free, or where the stock is that one cannot take."""

from __future__ import annotations

from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from gateway.dialects.wc_v3 import errors
from gateway.dialects.wc_v3.product_edit import Deletion, ProductBody
from gateway.dialects.wordpress import RestError
from storage import keys, product_views
from storage.changes import DEFAULT_LOCATION, ItemKey, Refused
from storage.errors import ErrorCode
from storage.product_edits import EditOutcome

_PROPOSALS_MAX: Final = 50


async def explained(
    session: AsyncSession, item: ProductBody | Deletion, outcome: EditOutcome, *, is_variation: bool
) -> RestError:
    """Why an edit was refused, as an answer."""
    refused = outcome.error
    assert refused is not None  # noqa: S101 (for the type checker: only those come here)
    is_update = isinstance(item, ProductBody)
    if isinstance(item, ProductBody):
        if refused.code is ErrorCode.NOT_UNIQUE and refused.field == "sku" and "sku" in item.fields:
            proposal = await _free_sku(session, item.fields["sku"].strip())
            return errors.failure(refused, is_variation=is_variation, unique_sku=proposal)
        if refused.code is ErrorCode.INSUFFICIENT_STOCK and outcome.product_id and "locations" not in item.fields:
            refused = Refused(refused.code, await _where_it_is(session, outcome.product_id), refused.field)
    return errors.failure(refused, is_variation=is_variation, is_update=is_update)


async def _free_sku(session: AsyncSession, sku: str) -> str:
    """The SKU with the first number that makes it one nobody has."""
    proposals = [ItemKey("sku", f"{sku}-{number}") for number in range(1, _PROPOSALS_MAX)]
    found = await keys.resolve_items(session, proposals)
    return next((str(key.value) for key in proposals if isinstance(found[key], Refused)), "")


async def _where_it_is(session: AsyncSession, product_id: int) -> str:
    """Which location would take the difference, and what the others hold."""
    default = (await keys.resolve_locations(session, {DEFAULT_LOCATION})).get(DEFAULT_LOCATION)
    views = await product_views.by_ids(session, [product_id])
    places = [place for view in views for place in view.locations]
    name = next((place.name for place in places if default is not None and place.id == default.id), "")
    others = [place for place in places if (default is None or place.id != default.id) and place.on_hand]
    told = f"The default location {f'({name}) ' if name else ''}takes the difference to what is asked, and would fall "
    told += "below zero, where back-orders are not allowed."
    if not others:
        return f'{told} Ask for at least 0, or send "backorders": "notify" or "yes" along.'
    units = ", ".join(f"{place.name} {place.on_hand}" for place in others)
    example = f'"locations": [{{"slug": "{others[0].slug}", "quantity": 0}}]'
    return (
        f"{told} {sum(place.on_hand or 0 for place in others)} units are at other locations ({units}): "
        f"say how many are there now, as in {example}."
    )
