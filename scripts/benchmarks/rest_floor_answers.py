"""The answers of the floor of `scripts/bench rest`: rows to the JSON of each dialect, by hand."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

_FIXED: Final = {
    "featured": False, "catalog_visibility": "visible", "description": "", "short_description": "",
    "total_sales": 0, "virtual": False, "downloadable": False, "downloads": [],
    "download_limit": -1, "download_expiry": -1, "external_url": "", "button_text": "", "tax_status": "taxable",
    "tax_class": "", "sold_individually": False, "weight": "", "dimensions": {"length": "", "width": "", "height": ""},
    "shipping_required": True, "shipping_taxable": True, "shipping_class": "", "shipping_class_id": 0,
    "reviews_allowed": True, "post_password": "", "average_rating": "0.00", "rating_count": 0, "related_ids": [],
    "upsell_ids": [], "cross_sell_ids": [], "parent_id": 0, "purchase_note": "", "categories": [], "tags": [],
    "brands": [], "images": [], "has_options": False, "attributes": [], "default_attributes": [],
    "grouped_products": [], "menu_order": 0, "price_html": "", "meta_data": [],
}  # fmt: skip
_HINTS: Final = {"allow": ["GET", "POST", "PUT", "PATCH", "DELETE"]}
_CENT: Final = Decimal("0.01")


def _price(stored: int | None) -> str:
    if stored is None:
        return ""
    text = f"{stored // 10_000}.{stored % 10_000:04}"
    return text[:-2] + text[-2:].rstrip("0")


def _date(text: str | None) -> str | None:
    return None if text is None else text[:19]


def _slug(name: str) -> str:
    return "-".join(name.casefold().split())


def product(
    row: list[Any], places: list[Any], variations: list[Any] | None, base: str, *, edit: bool = False
) -> dict[str, Any]:
    """A product of wc/v3: a simple one, in a shop that keeps its clocks in UTC."""
    (id_, type_, sku, gtin, name, status, managed, backorders, regular, sale, _tax, low, begins, ends, stated) = row[
        :15
    ]
    extra, created, updated, (on_hand, available, ordered, stocked, _versions, levels) = row[15:]
    held = dict(levels)
    stock_status = "instock" if available > 0 else "onbackorder" if ordered else "outofstock"
    on_sale = sale is not None and sale < (regular or 0)
    modified = _date(max(updated, stocked) if stocked else updated)
    slug = _slug(name)
    shown = {
        **_FIXED, **extra.get("wc/v3", {}),
        "id": id_, "name": name, "slug": slug, "permalink": f"{base}product/{slug}/", "type": type_, "status": status,
        "sku": sku or "", "global_unique_id": gtin or "", "price": _price(sale if on_sale else regular),
        "regular_price": _price(regular), "sale_price": _price(sale), "on_sale": on_sale, "purchasable": True,
        "date_created": _date(created), "date_created_gmt": _date(created), "date_modified": modified,
        "date_modified_gmt": modified, "date_on_sale_from": _date(begins), "date_on_sale_from_gmt": _date(begins),
        "date_on_sale_to": _date(ends), "date_on_sale_to_gmt": _date(ends),
        "manage_stock": bool(managed), "stock_quantity": on_hand if managed else None,
        "stock_status": stock_status if managed else stated, "backorders": backorders,
        "backorders_allowed": backorders != "no", "backordered": stock_status == "onbackorder",
        "low_stock_amount": low, "variations": [own for parent, own, _status in variations or () if parent == id_],
        "locations": [
            {"id": at, "name": called, "slug": short, "quantity": held[at]}
            for at, called, short in places if at in held
        ],
        "_links": {
            "self": [{"href": f"{base}wp-json/wc/v3/products/{id_}", "targetHints": _HINTS}],
            "collection": [{"href": f"{base}wp-json/wc/v3/products"}],
        },
    }  # fmt: skip
    return shown | {"permalink_template": f"{base}product/%pagename%/", "generated_slug": slug} if edit else shown


def inventory(row: list[Any], places: list[Any]) -> dict[str, Any]:
    """A resource of Stock API v2, of a product whose stock is tracked."""
    id_, _, sku, ean, *_, regular, sale, tax, _low, _begins, _ends, _stated = row[:15]
    on_hand, *_, levels = row[18]
    held = dict(levels)
    on_sale = sale is not None and sale < regular
    resource = {
        "id": id_, "sku": sku, "ean": ean, "inventory_enabled": "on", "stock": on_hand,
        "warehouses": [{"id": at, "name": name, "stock": held[at] or 0} for at, name, _ in places if at in held],
        **_prices("price", sale if on_sale else regular, tax),
    }  # fmt: skip
    return {**resource, **_prices("old_price", regular, tax)} if on_sale else resource


def _prices(name: str, gross: int, tax: int) -> dict[str, float]:
    net = (Decimal(gross) / (1 + Decimal(tax) / 1_000_000) / 10_000).quantize(_CENT, ROUND_HALF_UP)
    return {f"{name}_net": float(net), f"{name}_gross": gross / 10_000}


def counted(item: Any, store: str, became: tuple[int, int]) -> dict[str, Any]:
    """The answer of the Inventory Update API."""
    id_, sku, upc = item[:3]
    return {
        "success": True, "product_id": id_, "sku": sku, "upc": upc, "store": store,
        "quantity": became[1], "previous_quantity": became[0],
    }  # fmt: skip
