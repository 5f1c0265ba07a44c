"""Refusals with what helps to get over them: another SKU that is free, or where the stock is that one cannot take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeGuard

from sqlalchemy.ext.asyncio import AsyncSession

from gateway.dialects.wc_v3 import errors
from gateway.dialects.wc_v3.product_edit import Deletion, ProductBody
from gateway.dialects.wordpress import RestError
from storage import keys, product_views
from storage.changes import DEFAULT_LOCATION, ItemKey, Refused
from storage.errors import ErrorCode
from storage.product_edits import EditOutcome
from storage.product_views import ProductView

Item = ProductBody | Deletion
"""One product that a request is about."""

_PROPOSALS_MAX: Final = 20


async def explained(
    session: AsyncSession, refused: Sequence[tuple[Item, EditOutcome]], *, is_variation: bool, with_stock: bool
) -> list[RestError]:
    """Why edits were refused, as answers. Two or three statements, whatever their number.

    `with_stock`: the caller may be told what other locations have.
    """
    skus = {item.fields["sku"].strip() for item, outcome in refused if _is_about_sku(item, outcome)}
    free = await free_skus(session, skus) if skus else {}
    short = [outcome.product_id for item, outcome in refused if _is_about_total(item, outcome)] if with_stock else []
    places = await _where_it_is(session, [id_ for id_ in short if id_ is not None]) if short else {}
    answers: list[RestError] = []
    for item, outcome in refused:
        error = outcome.error
        assert error is not None  # noqa: S101 (for the type checker: only those come here)
        if _is_about_total(item, outcome) and (told := places.get(outcome.product_id or 0)):
            error = replace(error, message=told)
        proposal = {"unique_sku": free[item.fields["sku"].strip()]} if _is_about_sku(item, outcome) else {}
        is_update = isinstance(item, ProductBody)
        answers.append(errors.failure(error, is_variation=is_variation, is_update=is_update, **proposal))
    return answers


def _is_about_sku(item: Item, outcome: EditOutcome) -> TypeGuard[ProductBody]:
    error = outcome.error
    is_taken = error is not None and error.code is ErrorCode.NOT_UNIQUE and error.field == "sku"
    return is_taken and isinstance(item, ProductBody) and "sku" in item.fields


def _is_about_total(item: Item, outcome: EditOutcome) -> bool:
    """Whether the default location could not take what a total asks of it."""
    is_short = outcome.error is not None and outcome.error.code is ErrorCode.INSUFFICIENT_STOCK
    return is_short and isinstance(item, ProductBody) and not item.fields.get("locations")


async def free_skus(session: AsyncSession, skus: set[str]) -> Mapping[str, str]:
    """Each SKU with the first number behind it that makes it one nobody has; '' if all are taken."""
    proposals = {sku: [ItemKey("sku", f"{sku}-{number}") for number in range(1, _PROPOSALS_MAX)] for sku in skus}
    found = await keys.resolve_items(session, {key for each in proposals.values() for key in each})
    return {
        sku: next((str(key.value) for key in each if isinstance(found[key], Refused)), "")
        for sku, each in proposals.items()
    }


async def _where_it_is(session: AsyncSession, product_ids: Sequence[int]) -> Mapping[int, str]:
    """Of each product, which location would take the difference, and what the others hold."""
    default = (await keys.resolve_locations(session, {DEFAULT_LOCATION})).get(DEFAULT_LOCATION)
    if default is None:
        return {}
    return {view.id: _told(view, default.id) for view in await product_views.by_ids(session, product_ids)}


def _told(view: ProductView, default_id: int) -> str:
    name = next((name for id_, name, _ in view.open_places if id_ == default_id), "")
    others = [place for place in view.locations if place.id != default_id and place.on_hand]
    told = (
        f"The default location ({name}) takes the difference to what is asked, and would fall below zero, "
        "where back-orders are not allowed."
    )
    if not others:
        return f'{told} Ask for at least 0, or send "backorders": "notify" or "yes" along.'
    units = ", ".join(f"{place.name} {place.on_hand}" for place in others)
    example = f'"locations": [{{"slug": "{others[0].slug}", "quantity": 0}}]'
    return (
        f"{told} {sum(place.on_hand or 0 for place in others)} units are at other locations ({units}): "
        f"say how many are there now, as in {example}."
    )
