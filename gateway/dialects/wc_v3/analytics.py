"""Stock reports, below /wp-json/wc-analytics: over published products and variations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.dialects.wc_v3 import product_list, responses
from gateway.dialects.wc_v3.credentials import may_list
from gateway.dialects.wc_v3.product_list import ORDERS
from gateway.dialects.wc_v3.responses import KEPT, Site
from gateway.dialects.wc_v3.shapes import Link, LowStock, StockRow, StockTotals
from gateway.dialects.wordpress import COLLECTION, Answer, Endpoint, Parameter, Resource, RestRequest, paged, window
from storage import product_search, product_views, thresholds
from storage.product_queries import Order, OrderBy, ProductQuery, Rows
from storage.product_views import ProductView

_PUBLISHED: Final = ("publish",)
_ORDERS: Final[Mapping[str, Order]] = {
    "stock_status": Order(OrderBy.STOCK_STATUS),
    "stock_quantity": Order(OrderBy.STOCK_QUANTITY),
    **{name: ORDERS[name] for name in ("date", "id", "include", "title")},
    "sku": Order(OrderBy.SKU),
}
_STATUSES: Final = ("publish", "draft", "pending", "private", "future")
_STATUS: Final = Parameter(description="Limit result set to a status.", default="publish", enum=_STATUSES)
_SAME: Final = ("after", "before", "dates_are_gmt", "include", "exclude", "parent")
_STOCK: Final[Mapping[str, Parameter]] = {
    **COLLECTION,
    **{name: product_list.VARIATIONS[name] for name in _SAME},
    "order": Parameter(
        description="Order sort attribute ascending or descending.", default="asc", enum=("asc", "desc")
    ),
    "orderby": Parameter(description="What is sorted by.", default="stock_status", enum=tuple(_ORDERS)),
    "type": Parameter(
        description="Limit result set to a stock status; lowstock is what is in stock, but low.",
        default="all",
        enum=("all", "lowstock", *product_list.STOCK_STATUSES),
    ),
}


async def list_stock(request: RestRequest) -> Answer:
    """GET /reports/stock: a page of products and variations with their stock."""
    args, kind = request.args, request.args["type"]
    is_low = kind == "lowstock"
    wanted = ProductQuery(
        rows=Rows.ALL,
        ids=tuple(args.get("include", ())) or None,
        excluded_ids=tuple(args.get("exclude", ())),
        parent_ids=tuple(args.get("parent", ())) or None,
        statuses=_PUBLISHED,
        created=product_list.range_of(request, "after", "before"),
        stock_status="instock" if is_low else None if kind == "all" else kind,
        low_stock=is_low,
        order=_ORDERS[args["orderby"]]._replace(descending=args["order"] == "desc"),
    )
    offset, limit = window(request)
    total, views = await request.database.read(product_views.page, wanted, offset=offset, limit=limit)
    site = Site.of(request)
    return paged(request, [_stock_row(view, site) for view in views], total)


def _stock_row(view: ProductView, site: Site) -> StockRow:
    links: dict[str, list[Link]] = {"product": [{"href": f"{site.products}/{view.id}"}]}
    if view.parent_id is not None:
        links["parent"] = [{"href": f"{site.products}/{view.parent_id}"}]
    parent = view.parent
    parents = parent.low_stock_threshold if parent else None
    return {
        "id": view.id,
        "parent_id": view.parent_id or 0,
        "name": view.name,
        "sku": view.sku or (parent.sku if parent is not None else None) or "",
        "stock_status": view.stock_status,  # type: ignore[typeddict-item] # text in the database
        "stock_quantity": view.on_hand if view.tracked else None,
        "manage_stock": view.tracked,
        "low_stock_amount": thresholds.effective(product=view.low_stock_threshold, parent=parents).value,
        "_links": links,
    }


async def stock_stats(request: RestRequest) -> Answer:
    """GET /reports/stock/stats: how many there are of each stock status."""
    wanted = ProductQuery(rows=Rows.ALL, statuses=_PUBLISHED)
    counted = await request.database.read(product_search.stock_totals, wanted)
    totals: StockTotals = {
        "products": sum(total.products for total in counted.values()),
        "lowstock": counted["instock"].low if "instock" in counted else 0,
        "instock": counted["instock"].products if "instock" in counted else 0,
        "outofstock": counted["outofstock"].products if "outofstock" in counted else 0,
        "onbackorder": counted["onbackorder"].products if "onbackorder" in counted else 0,
    }
    return Answer({"totals": totals})


async def list_low(request: RestRequest) -> Answer:
    """GET /products/low-in-stock: a page of what has no more than its threshold, the least first."""
    offset, limit = window(request)
    total, views = await request.database.read(product_views.page, _low(request), offset=offset, limit=limit)
    return paged(request, [_low_row(view) for view in views], total)


async def count_low(request: RestRequest) -> Answer:
    """GET /products/count-low-in-stock."""
    total, _ = await request.database.read(product_search.find, _low(request), offset=0, limit=0)
    return Answer({"total": total}, headers={"X-WP-Total": str(total), "X-WP-TotalPages": "0"})


def _low(request: RestRequest) -> ProductQuery:
    order = Order(OrderBy.STOCK_QUANTITY, descending=False)
    return ProductQuery(rows=Rows.ALL, statuses=(request.args["status"],), low_stock=True, order=order)


def _low_row(view: ProductView) -> LowStock:
    kept = view.extra.get(KEPT, {})
    is_variation = view.parent_id is not None
    return {
        "id": view.id,
        "images": kept.get("images", [kept["image"]] if kept.get("image") else []),
        "attributes": responses.options(view) if is_variation else responses.attributes(view),
        "low_stock_amount": view.low_stock_threshold,
        "last_order_date": None,
        "name": view.name,
        "parent_id": view.parent_id or 0,
        "stock_quantity": view.on_hand,
        "type": view.type,
    }


_LOW: Final[Mapping[str, Any]] = {"status": _STATUS}
_PAGE_OF_LOW: Final = {**{name: COLLECTION[name] for name in ("page", "per_page")}, **_LOW}
RESOURCES: Final[Sequence[Resource]] = [
    Resource("/reports/stock", {"GET": Endpoint(list_stock, may_list, _STOCK)}),
    Resource("/reports/stock/stats", {"GET": Endpoint(stock_stats, may_list)}),
    Resource("/products/low-in-stock", {"GET": Endpoint(list_low, may_list, _PAGE_OF_LOW)}),
    Resource("/products/count-low-in-stock", {"GET": Endpoint(count_low, may_list, _LOW)}),
]
