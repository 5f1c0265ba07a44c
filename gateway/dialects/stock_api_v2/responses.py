"""A product as this dialect's JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from typing_extensions import TypedDict

from gateway.dialects.stock_api_v2.prices import cents, net_of, rate_of
from storage.product_views import ProductView


class Warehouse(TypedDict):
    """What one location has."""

    id: int
    name: str
    stock: int


class Stock(TypedDict, total=False):
    """While stock is tracked; `warehouses` with several locations."""

    stock: int
    warehouses: list[Warehouse]


class OldPrices(TypedDict, total=False):
    """While a reduction applies."""

    old_price_net: float
    old_price_gross: float


class Resource(Stock, OldPrices):
    """A product. What is not required is absent where it means nothing."""

    id: int
    sku: str | None
    ean: str | None
    inventory_enabled: Literal["on", "off"]
    price_net: float | None
    price_gross: float | None


def resource(view: ProductView, default_rate: Decimal) -> Resource:
    """Stock where it is tracked, the locations where there are several, and prices with and without tax."""
    parent = None if view.parent is None else {"tax_rate": view.parent.tax_rate}
    rate = rate_of({"tax_rate": view.tax_rate}, parent, default_rate)
    return {
        "id": view.id,
        "sku": view.sku,
        "ean": view.gtin_text,
        "inventory_enabled": "on" if view.tracked else "off",
        **_stock(view),
        "price_net": None if view.price is None else float(net_of(view.price, rate)),
        "price_gross": None if view.price is None else float(cents(view.price)),
        **_old_prices(view, rate),
    }


def _stock(view: ProductView) -> Stock:
    if not view.tracked:
        return {}
    if len(view.open_places) < 2:
        return {"stock": view.on_hand}
    stocked = [(place, place.on_hand) for place in view.locations if place.on_hand is not None]
    warehouses: list[Warehouse] = [{"id": place.id, "name": place.name, "stock": units} for place, units in stocked]
    return {"stock": view.on_hand, "warehouses": warehouses}


def _old_prices(view: ProductView, rate: Decimal) -> OldPrices:
    if not view.on_sale or view.regular_price is None:
        return {}
    return {
        "old_price_net": float(net_of(view.regular_price, rate)),
        "old_price_gross": float(cents(view.regular_price)),
    }
