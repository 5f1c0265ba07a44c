"""What may be asked of lists of products and variations, and what that means to storage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from gateway.dialects.wc_v3.responses import KEPT
from gateway.dialects.wordpress import COLLECTION, Parameter, RestRequest
from gateway.dialects.wordpress.answers import invalid_parameter
from storage.product_queries import Kept, KeptIds, Order, OrderBy, ProductQuery, Range, Rows, after

STATUSES: Final = ("any", "future", "trash", "draft", "pending", "private", "publish")
TYPES: Final = ("simple", "grouped", "external", "variable")
STOCK_STATUSES: Final = ("instock", "outofstock", "onbackorder")
ORDERS: Final[Mapping[str, Order]] = {
    "date": Order(OrderBy.CREATED),
    "id": Order(OrderBy.ID),
    "include": Order(OrderBy.ASKED),
    "title": Order(OrderBy.NAME),
    "slug": Order(OrderBy.NAME),
    "modified": Order(OrderBy.MODIFIED),
    "menu_order": Order(OrderBy.KEPT, path=(KEPT, "menu_order")),
    "price": Order(OrderBy.PRICE),
    "popularity": Order(OrderBy.ID),
    "rating": Order(OrderBy.ID),
}
"""Slugs sort as the names that most are made of; nothing is known of sales and ratings, so that all are the same."""

_SEARCHED: Final[Mapping[str, Any]] = {
    "name": "name",
    "sku": "sku",
    "global_unique_id": "gtin",
    "description": (KEPT, "description"),
    "short_description": (KEPT, "short_description"),
}
_FLAGS: Final = ("featured", "virtual", "downloadable")
_TERMS: Final[Mapping[str, str]] = {"category": "categories", "tag": "tags", "brand": "brands"}


def _text(description: str, **more: Any) -> Parameter:
    return Parameter(type="string", description=description, **more)


def _flag(description: str) -> Parameter:
    return Parameter(type="boolean", description=description)


def _integer(description: str) -> Parameter:
    return Parameter(type="integer", description=description)


def _ids(description: str) -> Parameter:
    return Parameter(type="array", description=description, items=Parameter(type="integer"))


def _texts(description: str, enum: tuple[str, ...] = ()) -> Parameter:
    return Parameter(type="array", description=description, items=Parameter(type="string", enum=enum))


def _moment(description: str) -> Parameter:
    return Parameter(type="date-time", description=description)


VARIATIONS: Final[Mapping[str, Parameter]] = {
    **COLLECTION,
    "search": _text("Limit results to those that have every word in their name or their descriptions."),
    "after": _moment("Created after this moment, in whole seconds."),
    "before": _moment("Created before this moment."),
    "modified_after": _moment("Modified after this moment, in whole seconds: the item, its family or its stock."),
    "modified_before": _moment("Modified before this moment."),
    "dates_are_gmt": Parameter(
        type="boolean", description="Whether moments without a zone are UTC, not the site's time.", default=False
    ),
    "include": _ids("Limit result set to specific ids."),
    "exclude": _ids("Ensure result set excludes specific ids."),
    "parent": _ids("Limit result set to those of particular parent ids."),
    "parent_exclude": _ids("Limit result set to all items except those of a particular parent id."),
    "order": _text("Order sort attribute ascending or descending.", default="desc", enum=("asc", "desc")),
    "orderby": _text("Sort collection by object attribute.", default="date", enum=tuple(ORDERS)),
    "slug": _text("Limit result set to products with a specific slug."),
    "status": _text("Limit result set to a status; any is all but the trash.", default="any", enum=STATUSES),
    "include_status": _texts("Limit result set to any of these statuses.", STATUSES),
    "exclude_status": _texts("Leave out these statuses.", STATUSES),
    "sku": _text("Limit result set to those with one of these SKUs, separated by commas."),
    "search_sku": _text("Limit results to those with a SKU that contains a text."),
    "search_name_or_sku": _text("Limit results to those with every word in their name or SKU."),
    "search_fields": _texts("Where `search` looks.", tuple(_SEARCHED)),
    "global_unique_id": _text("Limit result set to those with one of these GTINs, separated by commas."),
    "virtual": _flag("Limit result set to virtual products."),
    "downloadable": _flag("Limit result set to downloadable products."),
    "tax_class": _text("Limit result set to a tax class."),
    "on_sale": _flag("Limit result set to products on sale."),
    "min_price": _text("Limit result set to products that cost at least this much now."),
    "max_price": _text("Limit result set to products that cost at most this much now."),
    "stock_status": _text("Limit result set to products with this stock status.", enum=STOCK_STATUSES),
    "stock_quantity": _integer("Limit result set to tracked stock of this many units."),
    "min_stock_quantity": _integer("Limit result set to tracked stock of at least this many units."),
    "max_stock_quantity": _integer("Limit result set to tracked stock of at most this many units."),
    "has_price": _flag("Limit result set to those with a price."),
    "attributes": Parameter(
        type="array",
        description="Limit result set to those with these options.",
        items=Parameter(type="object", properties={"attribute": _text("Its name."), "term": _text("Its option.")}),
    ),
    "include_meta": _texts("Limit meta_data to these keys."),
    "exclude_meta": _texts("Leave these keys out of meta_data."),
}
"""The parameters of lists of variations."""

PRODUCTS: Final[Mapping[str, Parameter]] = {
    **{name: parameter for name, parameter in VARIATIONS.items() if name not in {"has_price", "attributes"}},
    "type": _text("Limit result set to products of a type.", enum=TYPES),
    "include_types": _texts("Limit result set to products of any of these types.", TYPES),
    "exclude_types": _texts("Leave out products of these types.", TYPES),
    "featured": _flag("Limit result set to featured products."),
    "category": _ids("Limit result set to products in one of these categories."),
    "tag": _ids("Limit result set to products with one of these tags."),
    "brand": _ids("Limit result set to products of one of these brands."),
    "shipping_class": _ids("Limit result set to products with one of these shipping classes."),
    "attribute": _text("Limit result set to products with a global attribute; with attribute_term."),
    "attribute_term": _ids("Terms of the global attribute."),
}
"""The parameters of lists of products."""


def products(request: RestRequest) -> ProductQuery:
    """What a list of products asks for. Variations only where it asks for SKUs, or looks into fields."""
    args = request.args
    query = _both(request)
    looks = bool(args.get("search_fields") and args.get("search"))
    if looks or any(args.get(name) for name in ("search_name_or_sku", "search_sku", "sku")):
        query = replace(query, rows=Rows.ALL)
    types = [
        set(wanted) for wanted in ([args["type"]] if "type" in args else (), args.get("include_types", ())) if wanted
    ]
    nobodys = bool(args.get("shipping_class")) or bool(args.get("attribute") and args.get("attribute_term"))
    return replace(
        query,
        types=tuple(set.intersection(*types)) if types else None,
        excluded_types=tuple(args.get("exclude_types", ())),
        kept=(*query.kept, *_kept_of_products(args)),
        ids=() if nobodys else query.ids,  # we hold neither shipping classes nor global attributes
    )


def variations(request: RestRequest) -> ProductQuery:
    """What a list of variations asks for; below a product those of that product."""
    args, query = request.args, _both(request)
    pairs = tuple((each.get("attribute", ""), each.get("term", "")) for each in args.get("attributes", ()))
    query = replace(query, rows=Rows.VARIATIONS, has_price=args.get("has_price"), attributes=pairs)
    return replace(query, parent_ids=(request.path["product_id"],)) if "product_id" in request.path else query


def _both(request: RestRequest) -> ProductQuery:
    args = request.args
    words, words_in = _words(args)
    exact = args.get("stock_quantity")
    return ProductQuery(
        ids=tuple(args.get("include", ())) or None,
        excluded_ids=tuple(args.get("exclude", ())),
        parent_ids=tuple(args.get("parent", ())) or None,
        excluded_parent_ids=tuple(args.get("parent_exclude", ())),
        statuses=_statuses(args),
        excluded_statuses=tuple(args.get("exclude_status", ())),
        skus=_skus(args),
        gtins=tuple(args["global_unique_id"].split(",")) if args.get("global_unique_id") else None,
        words=tuple(words),
        words_in=words_in,
        created=range_of(request, "after", "before"),
        modified=range_of(request, "modified_after", "modified_before"),
        on_sale=args.get("on_sale"),
        price_min=_price(args, "min_price"),
        price_max=_price(args, "max_price"),
        stock_status=args.get("stock_status"),
        stock_min=args.get("min_stock_quantity") if exact is None else exact,
        stock_max=args.get("max_stock_quantity") if exact is None else exact,
        kept=tuple(_kept(args)),
        order=ORDERS[args["orderby"]]._replace(descending=args["order"] == "desc"),
    )


def _words(args: Mapping[str, Any]) -> tuple[list[str], tuple[Any, ...]]:
    """What to look for, and where: fields outrank name or SKU, and those a part of the SKU."""
    search = args.get("search", "")
    if search and args.get("search_fields"):
        return search.split(), tuple(_SEARCHED[field] for field in args["search_fields"])
    if both := args.get("search_name_or_sku"):
        return both.split(), ("name", "sku")
    if part := args.get("search_sku"):
        return [part.strip()], ("sku",)
    return search.split(), ("name", _SEARCHED["description"], _SEARCHED["short_description"])


def _skus(args: Mapping[str, Any]) -> tuple[str, ...] | None:
    """One of several, or one that has commas; what looks for parts of SKUs outranks it."""
    sku = args.get("sku", "").strip()
    looks = (
        args.get("search_name_or_sku") or args.get("search_sku") or (args.get("search") and args.get("search_fields"))
    )
    return None if not sku or looks else (sku, *(part.strip() for part in sku.split(",")))


def _statuses(args: Mapping[str, Any]) -> tuple[str, ...] | None:
    wanted = tuple(args.get("include_status") or [args["status"]])
    return None if "any" in wanted else wanted


def range_of(request: RestRequest, start: str, end: str) -> Range:
    """Both bounds are left out, in whole seconds, as dates print."""
    args = request.args
    zone = UTC if args.get("dates_are_gmt") else ZoneInfo(request.settings.timezone)
    moments = [_in_zone(args.get(name), zone) for name in (start, end)]
    return Range(None if moments[0] is None else after(moments[0]), moments[1])


def _in_zone(moment: datetime | None, zone: Any) -> datetime | None:
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _price(args: Mapping[str, Any], name: str) -> Decimal | None:
    text = args.get(name, "").strip()
    if not text:
        return None
    try:
        price = Decimal(text)
        if price.is_finite():
            return price
    except InvalidOperation:
        pass
    raise invalid_parameter(name, "rest_invalid_type", f"{name} is not a decimal number, such as 19.99.")


def _kept(args: Mapping[str, Any]) -> Iterator[Kept]:
    for name in _FLAGS:
        if args.get(name) is not None:
            yield Kept((KEPT, name), ("1" if args[name] else "0",), "0")
    if tax_class := args.get("tax_class"):
        yield Kept((KEPT, "tax_class"), ("" if tax_class == "standard" else tax_class,))


def _kept_of_products(args: Mapping[str, Any]) -> Iterator[KeptIds]:
    for name, field in _TERMS.items():
        if args.get(name):
            yield KeptIds((KEPT, field), tuple(args[name]))
