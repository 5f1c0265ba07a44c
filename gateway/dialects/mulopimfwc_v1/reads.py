"""The routes that read: locations, products, and the export."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from gateway.dialects.mulopimfwc_v1 import csv_rows, requests, responses
from gateway.dialects.mulopimfwc_v1.credentials import caller_of, sees_stock
from gateway.dialects.mulopimfwc_v1.items import slug_of
from gateway.dialects.mulopimfwc_v1.requests import Export, Paging
from gateway.dialects.mulopimfwc_v1.responses import ExportRow, Product
from gateway.dialects.wordpress import Answer, RestError, RestRequest
from gateway.downloads import Download, unbroken
from storage import deadline, locations, products, stock_levels, turnstile
from storage.locations import ListedLocation
from storage.products import ProductFilter
from storage.stock_levels import NEVER_STOCKED, StockedItem, StockFilter
from storage.turnstile import Rank

ROWS_PER_CHUNK: Final = 4_000
_MEDIA_TYPE: Final = "text/csv; charset=utf-8"


async def list_locations(request: RestRequest) -> Answer:
    """GET /locations: the active ones, or all."""
    inactive = request.flag("include_inactive")
    found = await request.database.read(locations.by_name, among=_within(request), inactive=inactive)
    return Answer(responses.locations(found))


async def list_products(request: RestRequest) -> Answer:
    """GET /products: a page, newest first, with each one's inventory on request."""
    paging, wanted = Paging.of(request), requests.products(request)
    if request.flag("inventory"):
        if refusal := sees_stock(request.http):
            raise refusal
        data = await request.database.read(_products_with_inventory, wanted, paging, _within(request))
    else:
        found = await request.database.read(products.page, wanted, page=paging.page, per_page=paging.per_page)
        data = [responses.product(each) for each in found]
    return Answer({"success": True, "count": len(data), **paging.echo(request), "data": data})


async def _products_with_inventory(
    session: AsyncSession, wanted: ProductFilter, paging: Paging, within: Collection[int] | None
) -> list[Product]:
    found = await products.page(session, wanted, page=paging.page, per_page=paging.per_page)
    places = await locations.by_name(session, among=within)
    at = StockFilter([place.id for place in places])
    levels = await stock_levels.of_items(session, [each.id for each in found], at)
    return [
        {
            **responses.product(each),
            "inventory": [
                responses.inventory_row(place, levels.get(each.id, {}).get(place.id, NEVER_STOCKED))
                for place in (places if each.type != "variable" else ())
            ],
        }
        for each in found
    ]


async def export(request: RestRequest) -> Answer | Response:
    """GET /inventory/export: a page of rows as JSON, or every row as CSV."""
    wanted = Export.of(request)
    if wanted.csv:
        return await _download(request, wanted)
    turnstile.rank_as(Rank.EXPORT)
    total, data = await request.database.read(_page, wanted, _within(request))
    page, per_page = wanted.paging.page, wanted.paging.per_page
    pages = -(-total // per_page)
    return Answer(
        {
            "success": True, "count": len(data), "total": total, "total_pages": pages, "current_page": page,
            "per_page": per_page, "has_more": page < pages, "data": data,
        }
    )  # fmt: skip


async def _page(session: AsyncSession, wanted: Export, within: Collection[int] | None) -> tuple[int, list[ExportRow]]:
    """How many products there are in all, and the rows of one page of them."""
    places, stock = await _selected(session, wanted, within)
    if not places:
        return 0, []
    total = await stock_levels.count_products(session, stock)
    found = await stock_levels.page(session, stock, page=wanted.paging.page, per_page=wanted.paging.per_page)
    return total, _rows(found, places, never_stocked=stock.changed_after is None)


def _rows(
    found: Sequence[Sequence[StockedItem]], places: Sequence[ListedLocation], *, never_stocked: bool
) -> list[ExportRow]:
    """As csv_rows.lines() does it: location after location, and within each the product's items."""
    return [
        responses.export_row(item, place, item.levels.get(place.id, NEVER_STOCKED))
        for items in found
        for place in places
        for item in items
        if never_stocked or place.id in item.levels
    ]


async def _download(request: RestRequest, wanted: Export) -> Response:
    """The file. Whether there is anything in it is found out first: 404 cannot follow a 200."""
    chunks = _chunks(request, wanted)
    with deadline.within(0):  # the file takes as long as its client
        first = await anext(chunks, None)
    if first is None:
        raise RestError(404, "no_data", "No data to export.")
    now = datetime.now(UTC)
    headers = {"Content-Disposition": f"attachment; filename=inventory-export-{now:%Y-%m-%d-%H%M%S}.csv"}
    whole = request.http.method != "HEAD"
    text = unbroken(csv_rows.HEADER + first, chunks, whole=whole)
    return Download(text, headers=headers, media_type=_MEDIA_TYPE)


async def _chunks(request: RestRequest, wanted: Export) -> AsyncGenerator[str]:
    """CSV text, some thousand rows at a time, all from one snapshot; nothing at all when there are no rows."""
    slots: asyncio.Semaphore = request.http.app.state.csv_exports
    if slots.locked():
        # each export keeps a connection for as long as its client takes to read: writes must not run out of them
        raise RestError(503, "too_many_exports", "Too many exports at once. Try again.", headers={"Retry-After": "5"})
    turnstile.rank_as(Rank.EXPORT)
    async with slots, request.database.reading() as session:
        places, stock = await _selected(session, wanted, _within(request))
        if not places:
            return
        never_stocked = stock.changed_after is None
        if wanted.paged:
            page, per_page = wanted.paging.page, wanted.paging.per_page
            found = await stock_levels.page(session, stock, page=page, per_page=per_page)
            if text := csv_rows.lines(found, places, never_stocked=never_stocked):
                yield text
            return
        per_chunk = max(1, ROWS_PER_CHUNK // len(places))
        async for found in stock_levels.stream(session, stock, products_per_chunk=per_chunk):
            if text := csv_rows.lines(found, places, never_stocked=never_stocked):
                yield text


async def _selected(
    session: AsyncSession, wanted: Export, within: Collection[int] | None
) -> tuple[list[ListedLocation], StockFilter]:
    """The locations an export is about, in their order, and the filter of its levels."""
    places = await locations.by_name(session, among=within)
    if wanted.location_id:
        places = [place for place in places if str(place.id) == wanted.location_id]
    elif wanted.location_slug:
        slug = slug_of(wanted.location_slug)
        places = [place for place in places if place.slug == slug]
    return places, StockFilter([place.id for place in places], wanted.sku, wanted.updated_after)


def _within(request: RestRequest) -> Collection[int] | None:
    """The locations that the caller's key is limited to; None is everywhere."""
    principal = caller_of(request.http).api_key
    return None if principal is None else principal.credential.locations
