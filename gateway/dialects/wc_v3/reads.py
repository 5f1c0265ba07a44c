"""The routes that read products and variations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from gateway.dialects.extra_headers import changed_headers
from gateway.dialects.wc_v3 import product_list, responses
from gateway.dialects.wc_v3.credentials import may_list, may_view
from gateway.dialects.wc_v3.responses import KEPT, Site
from gateway.dialects.wordpress import (
    CONTEXT,
    Answer,
    Endpoint,
    Parameter,
    Resource,
    RestError,
    RestRequest,
    paged,
    window,
)
from storage import product_search, product_views
from storage.product_queries import KeptIds, ProductQuery
from storage.product_views import ProductView

Show = Callable[[ProductView, Site], Mapping[str, Any]]


async def list_products(request: RestRequest) -> Answer:
    """GET /products: a page of products; where it asks for SKUs, of variations, too."""
    return await _page(request, product_list.products(request), responses.product)


async def list_variations(request: RestRequest) -> Answer:
    """GET /products/{product_id}/variations and GET /variations: empty, too, where there is no such product."""
    return await _page(request, product_list.variations(request), responses.variation)


async def view_product(request: RestRequest) -> Answer:
    """GET /products/{id}: a product or a variation, also from the trash."""
    view = await _one(request)
    if view is None:
        raise no_product()
    return Answer(responses.product(view, Site.of(request)), headers=changed_headers(etag=view.version))


async def view_variation(request: RestRequest) -> Answer:
    """GET /products/{product_id}/variations/{id}: one of that product."""
    view = await _one(request)
    if view is None or view.parent_id != request.path["product_id"]:
        raise no_variation()
    return Answer(responses.variation(view, Site.of(request)), headers=changed_headers(etag=view.version))


async def list_related(request: RestRequest) -> Answer:
    """GET /products/{id}/related: the ids of published products that share a category or a tag with it."""
    view = await _one(request)
    if view is None:
        raise no_product()
    kept = view.extra.get(KEPT, {})
    found: list[int] = []
    for field in ("categories", "tags"):
        terms = tuple(term["id"] for term in kept.get(field, ()))
        if terms:
            wanted = ProductQuery(
                statuses=("publish",), excluded_ids=(view.id, *found), kept=(KeptIds((KEPT, field), terms),)
            )
            limit = request.args["limit"] - len(found)
            found += (await request.database.read(product_search.find, wanted, offset=0, limit=limit))[1]
    return Answer(found)


async def product_is_absent(request: RestRequest) -> RestError | None:
    """That there is no such product, which anybody may know."""
    return no_product() if await _one(request) is None else None


async def variation_is_absent(request: RestRequest) -> RestError | None:
    """That the product has no such variation, which anybody may know."""
    view = await _one(request)
    return no_variation() if view is None or view.parent_id != request.path["product_id"] else None


def no_product() -> RestError:
    """That there is no such product."""
    return RestError(404, "woocommerce_rest_product_invalid_id", "Invalid ID.")


def no_variation() -> RestError:
    """That the product has no such variation."""
    return RestError(404, "woocommerce_rest_product_variation_invalid_id", "Invalid ID.")


async def _one(request: RestRequest) -> ProductView | None:
    views = await request.database.read(product_views.by_ids, [request.path["id"]])
    return views[0] if views else None


async def _page(request: RestRequest, wanted: ProductQuery, show: Show) -> Answer:
    offset, limit = window(request)
    total, views = await request.database.read(_found, wanted, request.args.get("slug", ""), offset=offset, limit=limit)
    site = Site.of(request)
    rows = [show(view, site) for view in views]
    return paged(request, _with_meta(rows, request.args), total)


async def _found(
    session: AsyncSession, wanted: ProductQuery, slug: str, *, offset: int, limit: int
) -> tuple[int, list[ProductView]]:
    if slug:
        ids = await product_search.ids_of_slug(session, KEPT, slug)
        wanted = replace(wanted, ids=tuple(ids if wanted.ids is None else (id_ for id_ in wanted.ids if id_ in ids)))
    return await product_views.page(session, wanted, offset=offset, limit=limit)


def _with_meta(rows: Sequence[Mapping[str, Any]], args: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """With the meta data that is asked for."""
    only, without = args.get("include_meta"), args.get("exclude_meta")
    if not only and not without:
        return rows
    return [
        {
            **row,
            "meta_data": [
                each
                for each in row["meta_data"]
                if (not only or each["key"] in only) and each["key"] not in (without or ())
            ],
        }
        for row in rows
    ]


_ONE: Final = {"context": CONTEXT}
_LIMIT: Final = Parameter(type="integer", description="How many at most.", default=10, minimum=1, maximum=100)

PRODUCTS: Final = Endpoint(list_products, may_list, product_list.PRODUCTS)
PRODUCT: Final = Endpoint(view_product, may_view, _ONE, product_is_absent)
VARIATIONS: Final = Endpoint(list_variations, may_list, product_list.VARIATIONS)
VARIATION: Final = Endpoint(view_variation, may_view, _ONE, variation_is_absent)
RESOURCES: Final[Sequence[Resource]] = [
    Resource("/variations", {"GET": VARIATIONS}),
    Resource("/products/{id}/related", {"GET": Endpoint(list_related, may_view, {"limit": _LIMIT}, product_is_absent)}),
]
"""Those that nobody writes; the others have their verbs for writing beside these endpoints."""
